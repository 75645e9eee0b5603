// Reference resizing: the sum over all pixels of an axis, most of which have no weight.

import MartletKernelInterface

extension Reference {
  static func resize(
    _ g: ResizeGeometry, _ imageCount: Int, _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>
  ) {
    for element in 0..<(imageCount * g.resultSize) { y[element] = 0 }
    forEachWeight(g, imageCount) { element, pixel, weight in y[element] += weight * x[pixel] }
  }

  static func resizeGradient(
    _ g: ResizeGeometry, _ imageCount: Int, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
  ) {
    for pixel in 0..<(imageCount * g.imageSize) { dX[pixel] = 0 }
    forEachWeight(g, imageCount) { element, pixel, weight in dX[pixel] += weight * dY[element] }
  }

  /// How much element i of `count` has of pixel p of `size`.
  private static func weight(_ i: Int, _ count: Int, _ p: Int, _ size: Int, _ kind: Interpolation) -> Scalar {
    let place = (Scalar(i) + 0.5) * Scalar(size) / Scalar(count) - 0.5
    switch kind {
    case .nearest: return p == (2 * i + 1) * size / (2 * count) ? 1 : 0
    case .bilinear: return max(0, 1 - abs(min(max(place, 0), Scalar(size - 1)) - Scalar(p)))
    }
  }

  private static func forEachWeight(
    _ g: ResizeGeometry, _ imageCount: Int, _ body: (_ element: Int, _ pixel: Int, _ weight: Scalar) -> Void
  ) {
    for row in 0..<(imageCount * g.resultHeight) {
      for y in 0..<g.height {
        let down = weight(row % g.resultHeight, g.resultHeight, y, g.height, g.interpolation)
        guard down > 0 else { continue }
        for column in 0..<g.resultWidth {
          for x in 0..<g.width {
            let across = weight(column, g.resultWidth, x, g.width, g.interpolation)
            guard across > 0 else { continue }
            for c in 0..<g.channels {
              body(
                (row * g.resultWidth + column) * g.channels + c,
                ((row / g.resultHeight * g.height + y) * g.width + x) * g.channels + c, down * across)
            }
          }
        }
      }
    }
  }
}
