// Reference sampling: beyond the borders an index is folded back, one border after the other.

import MartletKernelInterface

extension Reference {
  static func sample(
    _ g: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>,
    _ y: UnsafeMutablePointer<Scalar>
  ) {
    for element in 0..<(imageCount * g.sizes.resultSize) { y[element] = 0 }
    addShares(g, imageCount, maps, from: x, to: y, isGradient: false)
  }

  static func sampleGradient(
    _ g: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>,
    _ dX: UnsafeMutablePointer<Scalar>
  ) {
    for pixel in 0..<(imageCount * g.sizes.imageSize) { dX[pixel] = 0 }
    addShares(g, imageCount, maps, from: dY, to: dX, isGradient: true)
  }

  /// The pixel that is seen at an index; nil for the fill value.
  private static func pixel(_ index: Int, _ size: Int, _ mode: FillMode) -> Int? {
    var index = index
    while index < 0 || index >= size {
      switch mode {
      case .constant: return nil
      case .nearest: index += index < 0 ? 1 : -1
      case .reflect: index = (index < 0 ? -1 : 2 * size - 1) - index
      case .wrap: index += index < 0 ? size : -size
      }
    }
    return index
  }

  /// Add what each pixel has of each element: of pixels to elements, or the other way round.
  private static func addShares(
    _ g: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Scalar>, from source: UnsafePointer<Scalar>,
    to result: UnsafeMutablePointer<Scalar>, isGradient: Bool
  ) {
    for element in 0..<(imageCount * g.sizes.resultSize) {
      let (place, channel) = (element / g.sizes.channels, element % g.sizes.channels)
      let (row, j) = (place / g.sizes.resultWidth, Scalar(place % g.sizes.resultWidth))
      let (image, i) = (row / g.sizes.resultHeight, Scalar(row % g.sizes.resultHeight))
      let map = maps + image * SampleGeometry.mapCount
      let (y, x) = (map[3] * j + map[4] * i + map[5], map[0] * j + map[1] * i + map[2])
      let isNearest = g.sizes.interpolation == .nearest
      let (top, left) = (
        y.rounded(isNearest ? .toNearestOrAwayFromZero : .down), x.rounded(isNearest ? .toNearestOrAwayFromZero : .down)
      )
      for tap in 0..<4 {
        let (lower, right) = (tap / 2, tap % 2)
        let down = isNearest ? Scalar(1 - lower) : max(0, 1 - abs(y - top - Scalar(lower)))
        let across = isNearest ? Scalar(1 - right) : max(0, 1 - abs(x - left - Scalar(right)))
        guard down * across > 0 else { continue }
        var seen: Int?
        if let y = pixel(Int(top) + lower, g.sizes.height, g.fillMode),
          let x = pixel(Int(left) + right, g.sizes.width, g.fillMode)
        {
          seen = ((image * g.sizes.height + y) * g.sizes.width + x) * g.sizes.channels + channel
        }
        if isGradient {
          if let seen { result[seen] += down * across * source[element] }
        } else {
          result[element] += down * across * (seen.map { source[$0] } ?? Scalar(g.fillValue))
        }
      }
    }
  }
}
