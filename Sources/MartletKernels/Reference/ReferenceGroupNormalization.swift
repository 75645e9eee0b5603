// Reference group and layer normalisation: plain loops over the elements of each group.

import MartletKernelInterface

extension Reference {
  static func groupNormalization(
    _ n: GroupNormalizationArguments<Scalar>, _ epsilon: Float, _ beta: UnsafePointer<Scalar>?,
    _ y: UnsafeMutablePointer<Scalar>
  ) {
    forEachGroup(n) { statistic, elements in
      let count = Scalar(elements.count)
      let mean = elements.reduce(0) { $0 + n.x[$1] } / count
      let variance = elements.reduce(0) { $0 + (n.x[$1] - mean) * (n.x[$1] - mean) } / count
      (n.mean[statistic], n.deviation[statistic]) = (mean, 1 / (variance + Scalar(epsilon)).squareRoot())
      for i in elements {
        y[i] = (n.x[i] - mean) * n.deviation[statistic] * (n.gamma?[i % n.channels] ?? 1) + (beta?[i % n.channels] ?? 0)
      }
    }
  }

  static func groupNormalizationSums(
    _ n: GroupNormalizationArguments<Scalar>, _ channels: Range<Int>, _ dY: UnsafePointer<Scalar>,
    _ dBeta: UnsafeMutablePointer<Scalar>, _ dGamma: UnsafeMutablePointer<Scalar>
  ) {
    for c in channels { (dBeta[c], dGamma[c]) = (0, 0) }
    forEachGroup(n) { statistic, elements in
      for i in elements where channels.contains(i % n.channels) {
        dBeta[i % n.channels] += dY[i]
        dGamma[i % n.channels] += dY[i] * (n.x[i] - n.mean[statistic]) * n.deviation[statistic]
      }
    }
  }

  static func groupNormalizationGradient(
    _ n: GroupNormalizationArguments<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
  ) {
    forEachGroup(n) { statistic, elements in
      let (mean, deviation, count) = (n.mean[statistic], n.deviation[statistic], Scalar(elements.count))
      func gradient(_ i: Int) -> Scalar { dY[i] * (n.gamma?[i % n.channels] ?? 1) }
      let average = elements.reduce(0) { $0 + gradient($1) } / count
      let slope = elements.reduce(0) { $0 + gradient($1) * (n.x[$1] - mean) * deviation } / count
      for i in elements { dX[i] = deviation * (gradient(i) - average - (n.x[i] - mean) * deviation * slope) }
    }
  }

  /// Call `body` with the place of each group's statistics and those of its elements.
  private static func forEachGroup(
    _ n: GroupNormalizationArguments<Scalar>, _ body: (_ statistic: Int, _ elements: [Int]) -> Void
  ) {
    let size = n.channels / n.groups
    for row in 0..<n.rows {
      for group in 0..<n.groups {
        var elements: [Int] = []
        for place in 0..<n.places {
          let start = (row * n.places + place) * n.channels + group * size
          elements += start..<(start + size)
        }
        body(row * n.groups + group, elements)
      }
    }
  }
}
