// Images in another size.

/// How an element of the result is made from the pixels around its place in the image: places are the middles of
/// pixels, so that element i of n lies at (i + 1/2) size / n - 1/2.
package enum Interpolation: Int32, Sendable, BitwiseCopyable, CaseIterable {
  /// The pixel that the place lies in.
  case nearest
  /// The two pixels beside it on each axis, weighted by their nearness; at the borders, the last one.
  case bilinear
}

package struct ResizeGeometry: Sendable, BitwiseCopyable, Equatable {
  package var height: Int
  package var width: Int
  package var channels: Int
  package var resultHeight: Int
  package var resultWidth: Int
  package var interpolation: Interpolation

  package init(
    height: Int, width: Int, channels: Int, resultHeight: Int, resultWidth: Int, interpolation: Interpolation
  ) {
    self.height = height
    self.width = width
    self.channels = channels
    self.resultHeight = resultHeight
    self.resultWidth = resultWidth
    self.interpolation = interpolation
  }

  package var imageSize: Int { height * width * channels }
  package var resultSize: Int { resultHeight * resultWidth * channels }
}
