// Reference losses: value and gradient of one row, element by element, straight from the formulas of `LossKind`. A
// gradient element is written only after everything it depends on has been read, so it may replace the prediction.

import MartletKernelInterface

extension Reference {
  static func loss(_ arguments: LossArguments<Scalar>) {
    for r in 0..<arguments.rows {
      let row = LossRow(arguments, r)
      let value =
        switch arguments.kind {
        case .softmaxCrossEntropy: softmaxCrossEntropy(row)
        case .categoricalCrossEntropy: categoricalCrossEntropy(row)
        case .sigmoidCrossEntropy: sigmoidCrossEntropy(row)
        case .binaryCrossEntropy: binaryCrossEntropy(row)
        case .meanSquaredError: meanSquaredError(row)
        case .categoricalHinge: categoricalHinge(row)
        }
      arguments.rowLosses[r] = Double(value)
    }
  }

  /// One row of the arguments, with labels seen as targets.
  struct LossRow {
    let count: Int
    let x: UnsafePointer<Scalar>
    let gradient: UnsafeMutablePointer<Scalar>?
    let scale: Scalar
    private let label: Int?
    private let values: UnsafePointer<Scalar>?
    /// A label over one column of a two-sided loss is the target itself (0 or 1); elsewhere it names the column that is 1.
    private let labelIsValue: Bool

    init(_ arguments: LossArguments<Scalar>, _ r: Int) {
      count = arguments.columns
      x = arguments.predictions + r * count
      gradient = arguments.gradient.map { $0 + r * arguments.columns }
      scale = Scalar(arguments.gradientScale)
      switch arguments.targets {
      case .labels(let labels): (label, values) = (Int(labels[r]), nil)
      case .values(let all): (label, values) = (nil, all + r * count)
      }
      switch arguments.kind {
      case .sigmoidCrossEntropy, .binaryCrossEntropy, .meanSquaredError: labelIsValue = count == 1
      case .softmaxCrossEntropy, .categoricalCrossEntropy, .categoricalHinge: labelIsValue = false
      }
    }

    func target(_ j: Int) -> Scalar {
      if let label { return labelIsValue ? Scalar(label) : label == j ? 1 : 0 }
      return values.map { $0[j] } ?? 0
    }

    func setGradient(_ j: Int, _ value: Scalar) { gradient?[j] = value * scale }
  }

  private static func softmaxCrossEntropy(_ row: LossRow) -> Scalar {
    let greatest = maximum(row.x, row.count)
    var (sum, targets): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      sum += Scalar.exp(row.x[j] - greatest)
      targets += row.target(j)
    }
    var loss: Scalar = 0
    let logSum = Scalar.log(sum)
    for j in 0..<row.count where row.target(j) != 0 { loss += row.target(j) * (logSum - (row.x[j] - greatest)) }
    for j in 0..<row.count {
      row.setGradient(j, Scalar.exp(row.x[j] - greatest) / sum * targets - row.target(j))
    }
    return loss
  }

  /// Keras' bounds of a probability.
  private static var clip: (low: Scalar, high: Scalar) { (Scalar(1e-7), 1 - Scalar(1e-7)) }

  /// With q = p / S and d_j = dL/dq_j = -t_j / q_j (0 where clipped):
  /// dL/dp_i = (d_i - sum_j d_j q_j) / S = (d_i + sum of the unclipped t_j) / S.
  private static func categoricalCrossEntropy(_ row: LossRow) -> Scalar {
    let (low, high) = clip
    var sum: Scalar = 0
    for j in 0..<row.count { sum += row.x[j] }
    var (loss, unclipped): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      let q = row.x[j] / sum
      if q < low {
        loss -= row.target(j) * Scalar.log(low)
      } else if q > high {
        loss -= row.target(j) * Scalar.log(high)
      } else {
        loss -= row.target(j) * Scalar.log(q)
        unclipped += row.target(j)
      }
    }
    for j in 0..<row.count {
      let q = row.x[j] / sum
      let d = q < low || q > high ? 0 : -row.target(j) / q
      row.setGradient(j, (d + unclipped) / sum)
    }
    return loss
  }

  private static func sigmoidCrossEntropy(_ row: LossRow) -> Scalar {
    var loss: Scalar = 0
    for j in 0..<row.count {
      let (z, t) = (row.x[j], row.target(j))
      loss += (z < 0 ? 0 : z) - z * t + Scalar.log1p(Scalar.exp(-abs(z)))
      row.setGradient(j, (sigmoid(z) - t) / Scalar(row.count))
    }
    return loss / Scalar(row.count)
  }

  private static func binaryCrossEntropy(_ row: LossRow) -> Scalar {
    let (low, high) = clip
    var loss: Scalar = 0
    for j in 0..<row.count {
      let (x, t) = (row.x[j], row.target(j))
      let p = x < low ? low : x > high ? high : x
      loss -= t * Scalar.log(p) + (1 - t) * Scalar.log(1 - p)
      let d = x < low || x > high ? 0 : (1 - t) / (1 - p) - t / p
      row.setGradient(j, d / Scalar(row.count))
    }
    return loss / Scalar(row.count)
  }

  private static func meanSquaredError(_ row: LossRow) -> Scalar {
    var loss: Scalar = 0
    for j in 0..<row.count {
      let difference = row.x[j] - row.target(j)
      loss += difference * difference
      row.setGradient(j, 2 * difference / Scalar(row.count))
    }
    return loss / Scalar(row.count)
  }

  private static func categoricalHinge(_ row: LossRow) -> Scalar {
    var pos: Scalar = 0
    var (neg, attained) = (-Scalar.infinity, 0)
    for j in 0..<row.count {
      let t = row.target(j)
      pos += t * row.x[j]
      let value = (1 - t) * row.x[j]
      // The first NaN stays, so that it reaches the loss.
      if value > neg || (value.isNaN && !neg.isNaN) { (neg, attained) = (value, j) }
    }
    let margin = 1 + neg - pos
    let active = !(margin <= 0)
    for j in 0..<row.count {
      let t = row.target(j)
      row.setGradient(j, active ? (j == attained ? 1 - t : 0) - t : 0)
    }
    return active ? margin : 0
  }
}
