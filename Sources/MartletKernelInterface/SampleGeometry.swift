// Images seen through an affine map, whose places may lie beyond the borders.

/// What is seen beyond the borders of an axis of pixels a b c d.
package enum FillMode: Int32, Sendable, BitwiseCopyable, CaseIterable {
  /// k k k k | a b c d | k k k k, with k the fill value.
  case constant
  /// a a a a | a b c d | d d d d
  case nearest
  /// d c b a | a b c d | d c b a
  case reflect
  /// a b c d | a b c d | a b c d
  case wrap
}

/// Six coefficients map pixel (i, j) of a result, row i and column j, to a place in the image:
///
///     row     m[3] j + m[4] i + m[5]
///     column  m[0] j + m[1] i + m[2]
///
/// There lies the nearest pixel, halves away from zero; or the four around it count by their nearness.
package struct SampleGeometry: Sendable, BitwiseCopyable {
  package static let mapCount = 6

  /// Of images and results, and the interpolation.
  package var sizes: ResizeGeometry
  package var fillMode: FillMode
  package var fillValue: Float

  package init(_ sizes: ResizeGeometry, _ fillMode: FillMode, fillValue: Float) {
    self.sizes = sizes
    self.fillMode = fillMode
    self.fillValue = fillValue
  }
}
