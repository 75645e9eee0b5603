// What the kernels of group and layer normalisation work on.

/// Rows x [places, channels], whose channels form `groups` of equal size, each normalised over all places of a row:
///
///     y = (x - mean) * deviation * gamma + beta,     deviation = 1 / sqrt(variance + epsilon)
package struct GroupNormalizationArguments<Scalar> {
  package var rows: Int
  package var places: Int
  package var channels: Int
  package var groups: Int
  package var x: UnsafePointer<Scalar>
  /// [rows, groups], and so is `deviation`.
  package var mean: UnsafeMutablePointer<Scalar>
  package var deviation: UnsafeMutablePointer<Scalar>
  /// [channels]; nil for 1.
  package var gamma: UnsafePointer<Scalar>?

  package init(
    rows: Int, places: Int, channels: Int, groups: Int, x: UnsafePointer<Scalar>, mean: UnsafeMutablePointer<Scalar>,
    deviation: UnsafeMutablePointer<Scalar>, gamma: UnsafePointer<Scalar>?
  ) {
    self.rows = rows
    self.places = places
    self.channels = channels
    self.groups = groups
    self.x = x
    self.mean = mean
    self.deviation = deviation
    self.gamma = gamma
  }
}
