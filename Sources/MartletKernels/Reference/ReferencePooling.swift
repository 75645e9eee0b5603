// Reference pooling: plain loops over the elements of each patch.

import MartletKernelInterface

extension Reference {
  static func maxPooling(
    _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Scalar>,
    _ y: UnsafeMutablePointer<Scalar>
  ) {
    forEachPatchAndChannel(geometry.pointee, imageCount) { pixels, output in
      y[output] = pixels.map { x[$0] }.reduce(-.infinity) { $0.isNaN || $1 <= $0 ? $0 : $1 }
    }
  }

  static func maxPoolingGradient(
    _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Scalar>,
    _ y: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
  ) {
    clear(dX, geometry.pointee, imageCount)
    forEachPatchAndChannel(geometry.pointee, imageCount) { pixels, output in
      if let first = pixels.first(where: { x[$0] == y[output] }) { dX[first] += dY[output] }
    }
  }

  static func averagePooling(
    _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Scalar>,
    _ y: UnsafeMutablePointer<Scalar>
  ) {
    forEachPatchAndChannel(geometry.pointee, imageCount) { pixels, output in
      y[output] = pixels.reduce(0) { $0 + x[$1] } / Scalar(pixels.count)
    }
  }

  static func averagePoolingGradient(
    _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ dY: UnsafePointer<Scalar>,
    _ dX: UnsafeMutablePointer<Scalar>
  ) {
    clear(dX, geometry.pointee, imageCount)
    forEachPatchAndChannel(geometry.pointee, imageCount) { pixels, output in
      for pixel in pixels { dX[pixel] += dY[output] / Scalar(pixels.count) }
    }
  }

  private static func clear(_ dX: UnsafeMutablePointer<Scalar>, _ g: PatchGeometry, _ imageCount: Int) {
    dX.update(repeating: 0, count: imageCount * g.height * g.width * g.channels)
  }

  /// Call `body` with the elements of each channel of each patch that lie in the image, and the element of the output.
  private static func forEachPatchAndChannel(
    _ g: PatchGeometry, _ imageCount: Int, _ body: (_ pixels: [Int], _ output: Int) -> Void
  ) {
    for patch in 0..<(imageCount * g.patchCount) {
      let (image, place) = patch.quotientAndRemainder(dividingBy: g.patchCount)
      for c in 0..<g.channels {
        var pixels: [Int] = []
        for ky in 0..<g.kernelHeight {
          for kx in 0..<g.kernelWidth {
            let y = place / g.patchesAcross * g.strideY + ky - g.top
            let x = place % g.patchesAcross * g.strideX + kx - g.left
            guard y >= 0, y < g.height, x >= 0, x < g.width else { continue }
            pixels.append(((image * g.height + y) * g.width + x) * g.channels + c)
          }
        }
        body(pixels, patch * g.channels + c)
      }
    }
  }
}
