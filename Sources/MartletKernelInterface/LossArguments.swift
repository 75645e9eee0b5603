// The losses of the kernels and what they are given, as plain data.

/// Losses over rows, as Keras defines them. p = prediction, z = logit, t = target, after label smoothing; d = p - t.
/// What is clipped has the gradient 0.
package enum LossKind: Int32, Sendable, CaseIterable {
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
  /// mean_j |d|; gradient 0 where d = 0
  case meanAbsoluteError
  /// mean_j of d^2 / 2 where |d| <= delta, delta |d| - delta^2 / 2 elsewhere
  case huber
  /// mean_j log cosh d
  case logCosh
  /// mean_j p - t log(p + 1e-7)
  case poisson
  /// sum_j t log(t / p), both clipped to [1e-7, 1]
  case klDivergence
  /// -sum_j (t_j / |t|) (p_j / |p|), where 1 / |t| and 1 / |p| are at most 1e7
  case cosineSimilarity
  /// sum_j -alpha (1 - p)^gamma t log p, with p / sum(p), clipped to [1e-7, 1 - 1e-7], for p; Lin et al. 2017
  case categoricalFocalCrossEntropy
  /// The same with softmax(z) for p, which needs no clip.
  case softmaxFocalCrossEntropy
  /// mean_j w (1 - q)^gamma times the binary cross-entropy, q = t p + (1 - t)(1 - p). w = 1 or, if classes are
  /// balanced, t alpha + (1 - t)(1 - alpha). p is clipped in the cross-entropy only.
  case binaryFocalCrossEntropy
  /// The same with sigmoid(z) for p, which needs no clip.
  case sigmoidFocalCrossEntropy
}

/// What some losses can be told; with Keras' defaults.
package struct LossParameters: Sendable, Equatable, BitwiseCopyable {
  /// The share s of each target that is spread over the K columns, in the cross-entropies over classes:
  /// t (1 - s) + s / K; over both outcomes in the binary ones: t (1 - s) + s / 2.
  package var labelSmoothing: Double
  /// Where Huber's loss turns from a parabola into a line, > 0.
  package var delta: Double
  /// Exponent of the focal losses, >= 0.
  package var gamma: Double
  /// Factor of the categorical focal losses; weight of target 1 in the binary ones, if they balance classes.
  package var alpha: Double
  package var appliesClassBalancing: Bool
  package init(
    labelSmoothing: Double = 0, delta: Double = 1, gamma: Double = 2, alpha: Double = 0.25,
    appliesClassBalancing: Bool = false
  ) {
    self.labelSmoothing = labelSmoothing
    self.delta = delta
    self.gamma = gamma
    self.alpha = alpha
    self.appliesClassBalancing = appliesClassBalancing
  }
}

/// Targets of a loss: one label per row, or numbers like the predictions. A label is the number of the column whose
/// target is 1; in a loss that is not about classes, over one column, it is the target itself. About classes are the
/// cross-entropies of a softmax or of categories, focal or not, and the hinge.
package enum LossTargets<Scalar> {
  case labels(UnsafePointer<Int32>)
  case values(UnsafePointer<Scalar>)
}

/// `rows` x `columns` predictions, row-major without gaps. Each row's loss, times the row's weight, is written (not
/// averaged); the gradient, if wanted, is that of what was written times `gradientScale` (1/N).
package struct LossArguments<Scalar> {
  package var kind: LossKind
  package var parameters: LossParameters
  package var rows: Int
  package var columns: Int
  package var predictions: UnsafePointer<Scalar>
  package var targets: LossTargets<Scalar>
  /// One for each row; nil: all 1.
  package var rowWeights: UnsafePointer<Float>?
  package var rowLosses: UnsafeMutablePointer<Double>
  /// [rows, columns]; nil if no gradient is wanted; may be the same as `predictions`.
  package var gradient: UnsafeMutablePointer<Scalar>?
  package var gradientScale: Double
  package init(
    kind: LossKind, parameters: LossParameters = LossParameters(), rows: Int, columns: Int,
    predictions: UnsafePointer<Scalar>, targets: LossTargets<Scalar>, rowWeights: UnsafePointer<Float>? = nil,
    rowLosses: UnsafeMutablePointer<Double>, gradient: UnsafeMutablePointer<Scalar>?, gradientScale: Double
  ) {
    self.kind = kind
    self.parameters = parameters
    self.rows = rows
    self.columns = columns
    self.predictions = predictions
    self.targets = targets
    self.rowWeights = rowWeights
    self.rowLosses = rowLosses
    self.gradient = gradient
    self.gradientScale = gradientScale
  }
}
