// The losses of the kernels and what they are given, as plain data.

/// Losses over rows. p = prediction, z = logit, t = target, c = label.
package enum LossKind: Int32, Sendable {
  /// -sum_j t_j log softmax(z)_j; gradient (softmax(z)_j sum(t) - t_j). From logits, after subtracting the maximum.
  case softmaxCrossEntropy
  /// Keras' form for probabilities: p / sum(p), clipped to [1e-7, 1 - 1e-7], then -sum_j t_j log p_j; the gradient is
  /// that of this expression (zero where the clip is active).
  case categoricalCrossEntropy
  /// mean_j max(z, 0) - z t + log(1 + exp(-|z|)); gradient (sigmoid(z) - t) / columns. From logits.
  case sigmoidCrossEntropy
  /// mean_j of -(t log p + (1 - t) log(1 - p)), p clipped to [1e-7, 1 - 1e-7]; gradient zero where the clip is active.
  case binaryCrossEntropy
  /// mean_j (p - t)^2
  case meanSquaredError
  /// max(0, 1 + neg - pos): pos = sum_j t_j z_j, neg = max_j (1 - t_j) z_j (Keras; for one-hot t the label contributes
  /// 0 to neg). The gradient goes to the first j that attains the maximum.
  case categoricalHinge
}

/// Targets of a loss: one label per row, or numbers like the predictions. A label is the number of the column whose target
/// is 1; in a loss that is not about classes (sigmoid and binary cross-entropy, squared error), over one column, it is the
/// target itself.
package enum LossTargets<Scalar> {
  case labels(UnsafePointer<Int32>)
  case values(UnsafePointer<Scalar>)
}

/// `rows` x `columns` predictions, row-major without gaps. Each row's loss is written (not averaged); the gradient, if
/// wanted, is that of the row's loss times `gradientScale` (1/N).
package struct LossArguments<Scalar> {
  package var kind: LossKind
  package var rows: Int
  package var columns: Int
  package var predictions: UnsafePointer<Scalar>
  package var targets: LossTargets<Scalar>
  package var rowLosses: UnsafeMutablePointer<Double>
  /// [rows, columns]; nil if no gradient is wanted; may be the same as `predictions`.
  package var gradient: UnsafeMutablePointer<Scalar>?
  package var gradientScale: Double
  package init(
    kind: LossKind, rows: Int, columns: Int, predictions: UnsafePointer<Scalar>, targets: LossTargets<Scalar>,
    rowLosses: UnsafeMutablePointer<Double>, gradient: UnsafeMutablePointer<Scalar>?, gradientScale: Double
  ) {
    self.kind = kind
    self.rows = rows
    self.columns = columns
    self.predictions = predictions
    self.targets = targets
    self.rowLosses = rowLosses
    self.gradient = gradient
    self.gradientScale = gradientScale
  }
}
