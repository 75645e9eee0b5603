// What becomes of the sums of a layer with weights on their way to memory.

/// Values y [rows, columns] from sums:
///
///     y[i, j] = activation(scale[j] sum[i, j] + offset[j] + residual[i, j])
///
/// A scale is multiplied and the offset added in one step, a residual added after it.
package struct AffineArguments<Scalar> {
  /// nil: 1.
  package var scale: UnsafePointer<Scalar>?
  /// nil: 0.
  package var offset: UnsafePointer<Scalar>?
  /// Lies like y, which it is not. nil: 0.
  package var residual: UnsafePointer<Scalar>?
  package var activation: ActivationFunction

  package init(
    scale: UnsafePointer<Scalar>? = nil, offset: UnsafePointer<Scalar>? = nil, residual: UnsafePointer<Scalar>? = nil,
    activation: ActivationFunction
  ) {
    self.scale = scale
    self.offset = offset
    self.residual = residual
    self.activation = activation
  }
}
