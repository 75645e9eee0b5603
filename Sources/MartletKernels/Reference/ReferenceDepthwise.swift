// Reference depthwise convolution: one loop over all products of an element of x and a weight.

import MartletKernelInterface

extension Reference {
  static func depthwise(
    _ d: DepthwiseArguments<Scalar>, _ x: UnsafePointer<Scalar>, _ e: AffineArguments<Scalar>,
    _ y: UnsafeMutablePointer<Scalar>
  ) {
    let outputs = d.geometry.channels * d.multiplier
    let part = (d.channels.lowerBound * d.multiplier)..<(d.channels.upperBound * d.multiplier)
    let patches = d.imageCount * d.geometry.patchCount
    for patch in 0..<patches {
      for j in part { y[patch * outputs + j] = 0 }
    }
    forEachProduct(d) { pixel, weight, output in y[output] += x[pixel] * d.weights[weight] }
    for patch in 0..<patches {
      for j in part {
        let i = patch * outputs + j
        y[i] = value(of: y[i], e, column: j, element: i)
      }
    }
  }

  static func depthwiseInputGradient(
    _ d: DepthwiseArguments<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
  ) {
    for pixel in 0..<(d.imageCount * d.geometry.height * d.geometry.width) {
      for c in d.channels { dX[pixel * d.geometry.channels + c] = 0 }
    }
    forEachProduct(d) { pixel, weight, output in dX[pixel] += dY[output] * d.weights[weight] }
  }

  static func depthwiseWeightGradient(
    _ d: DepthwiseArguments<Scalar>, _ x: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>,
    _ dW: UnsafeMutablePointer<Scalar>
  ) {
    let outputs = d.geometry.channels * d.multiplier
    for tap in 0..<(d.geometry.kernelHeight * d.geometry.kernelWidth) {
      for j in (d.channels.lowerBound * d.multiplier)..<(d.channels.upperBound * d.multiplier) {
        dW[tap * outputs + j] = 0
      }
    }
    forEachProduct(d) { pixel, weight, output in dW[weight] += x[pixel] * dY[output] }
  }

  /// Call `body` with the places of the three elements of each product, in x, in the weights and in y.
  private static func forEachProduct(
    _ d: DepthwiseArguments<Scalar>, _ body: (_ pixel: Int, _ weight: Int, _ output: Int) -> Void
  ) {
    let g = d.geometry
    let outputs = g.channels * d.multiplier
    for patch in 0..<(d.imageCount * g.patchCount) {
      let (image, place) = patch.quotientAndRemainder(dividingBy: g.patchCount)
      for tap in 0..<(g.kernelHeight * g.kernelWidth) {
        let y = place / g.patchesAcross * g.strideY + tap / g.kernelWidth * g.dilationY - g.top
        let x = place % g.patchesAcross * g.strideX + tap % g.kernelWidth * g.dilationX - g.left
        guard y >= 0, y < g.height, x >= 0, x < g.width else { continue }
        for c in d.channels {
          for j in (c * d.multiplier)..<((c + 1) * d.multiplier) {
            body(((image * g.height + y) * g.width + x) * g.channels + c, tap * outputs + j, patch * outputs + j)
          }
        }
      }
    }
  }
}
