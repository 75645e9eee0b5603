// What the kernels of depthwise convolutions work on.

/// Images x [images, pixels, channels], each channel of which is convolved with `multiplier` kernels of its own:
///
///     y[patch, c * multiplier + m] = sum over taps of x[pixel of the tap, c] * weights[tap, c * multiplier + m]
///
/// or some channels of them.
package struct DepthwiseArguments<Scalar> {
  /// Its channels and depth are those of x; without spacing.
  package var geometry: PatchGeometry
  package var imageCount: Int
  /// The channels to work on.
  package var channels: Range<Int>
  package var multiplier: Int
  package var weights: UnsafePointer<Scalar>

  package init(
    geometry: PatchGeometry, imageCount: Int, channels: Range<Int>, multiplier: Int, weights: UnsafePointer<Scalar>
  ) {
    self.geometry = geometry
    self.imageCount = imageCount
    self.channels = channels
    self.multiplier = multiplier
    self.weights = weights
  }
}
