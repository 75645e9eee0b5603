// What a weight array is held to after every update, as the kernels see it. Over which axes, the engine decides.

/// A rule for each vector w of a weight array, with Keras' formulas; |w| is the Euclidean norm, epsilon 1e-7.
///
///     maximumNorm   w = w * (min(|w|, limit) / (|w| + epsilon))
///     nonNegative   w = max(w, 0)
///     unitNorm      w = w / (|w| + epsilon)
///
/// NaN stays NaN.
package struct WeightConstraint: Sendable, Equatable, BitwiseCopyable {
  package enum Kind: Int32, Sendable, BitwiseCopyable { case maximumNorm, nonNegative, unitNorm }
  package var kind: Kind
  /// Of `maximumNorm`.
  package var limit: Float

  package static var epsilon: Float { 1e-7 }

  package init(_ kind: Kind, limit: Float = 0) {
    self.kind = kind
    self.limit = limit
  }
}
