// The losses a trainer can minimise, and which form of them a network's last layer asks for.

import MartletCore
import MartletKernelInterface

package enum Loss: Int32, Sendable {
  // Raw values are those of martlet.h.
  case sparseCategoricalCrossentropy = 0
  case categoricalCrossentropy = 1
  case meanSquaredError = 2
  case binaryCrossentropy = 3
  case categoricalHinge = 4
  /// The caller computes loss and gradient.
  case none = 5
  case meanAbsoluteError = 6
  case huber = 7
  case logCosh = 8
  case poisson = 9
  case klDivergence = 10
  case cosineSimilarity = 11
  case categoricalFocalCrossentropy = 12
  case binaryFocalCrossentropy = 13

  /// How messages call it: Keras' name.
  package var name: String {
    switch self {
    case .sparseCategoricalCrossentropy: "sparse_categorical_crossentropy"
    case .categoricalCrossentropy: "categorical_crossentropy"
    case .meanSquaredError: "mean_squared_error"
    case .binaryCrossentropy: "binary_crossentropy"
    case .categoricalHinge: "categorical_hinge"
    case .none: "no loss"
    case .meanAbsoluteError: "mean_absolute_error"
    case .huber: "huber"
    case .logCosh: "log_cosh"
    case .poisson: "poisson"
    case .klDivergence: "kl_divergence"
    case .cosineSimilarity: "cosine_similarity"
    case .categoricalFocalCrossentropy: "categorical_focal_crossentropy"
    case .binaryFocalCrossentropy: "binary_focal_crossentropy"
    }
  }
}

/// The loss of one output as a plan computes it.
package struct LossConfiguration: Sendable, Equatable {
  package var loss: Loss
  package var fromLogits: Bool
  /// Factor of this output's loss in the total.
  package var weight: Double
  /// Share of the targets that is spread evenly over the classes; Szegedy et al. 2016.
  package var labelSmoothing: Double
  /// Where Huber's loss turns from a parabola into a line.
  package var delta: Double
  /// Exponent and factor of the focal losses; Lin et al. 2017.
  package var gamma: Double
  package var alpha: Double
  /// Whether alpha weights the classes of the binary focal loss: alpha for target 1, 1 - alpha for target 0.
  package var appliesClassBalancing: Bool

  package init(
    _ loss: Loss, fromLogits: Bool = false, weight: Double = 1, labelSmoothing: Double = 0, delta: Double = 1,
    gamma: Double = 2, alpha: Double = 0.25, appliesClassBalancing: Bool = false
  ) {
    self.loss = loss
    self.fromLogits = fromLogits
    self.weight = weight
    self.labelSmoothing = labelSmoothing
    self.delta = delta
    self.gamma = gamma
    self.alpha = alpha
    self.appliesClassBalancing = appliesClassBalancing
  }

  /// What the kernel is told.
  package var parameters: LossParameters {
    LossParameters(
      labelSmoothing: labelSmoothing, delta: delta, gamma: gamma, alpha: alpha,
      appliesClassBalancing: appliesClassBalancing)
  }

  /// The activation whose input the loss takes in place of its output: cross-entropy of a softmax (or a sigmoid) is
  /// computed from logits, which neither overflows nor underflows.
  package func absorbs(_ activation: Activation) -> Bool {
    switch (loss, activation) {
    case (.sparseCategoricalCrossentropy, .softmax), (.categoricalCrossentropy, .softmax),
      (.categoricalFocalCrossentropy, .softmax), (.binaryCrossentropy, .sigmoid), (.binaryFocalCrossentropy, .sigmoid):
      true
    default: false
    }
  }

  /// The kernel, given whether the predictions are logits.
  package func kernel(onLogits: Bool) -> LossKind? {
    switch loss {
    case .sparseCategoricalCrossentropy, .categoricalCrossentropy:
      onLogits ? .softmaxCrossEntropy : .categoricalCrossEntropy
    case .binaryCrossentropy: onLogits ? .sigmoidCrossEntropy : .binaryCrossEntropy
    case .meanSquaredError: .meanSquaredError
    case .categoricalHinge: .categoricalHinge
    case .none: nil
    case .meanAbsoluteError: .meanAbsoluteError
    case .huber: .huber
    case .logCosh: .logCosh
    case .poisson: .poisson
    case .klDivergence: .klDivergence
    case .cosineSimilarity: .cosineSimilarity
    case .categoricalFocalCrossentropy: onLogits ? .softmaxFocalCrossEntropy : .categoricalFocalCrossEntropy
    case .binaryFocalCrossentropy: onLogits ? .sigmoidFocalCrossEntropy : .binaryFocalCrossEntropy
    }
  }
}

/// The loss of one output in a plan, and the buffers it works on.
package struct PlannedLoss: Sendable {
  package let configuration: LossConfiguration
  /// nil with `Loss.none`.
  package let kernel: LossKind?
  /// Targets as numbers, shaped like the output; labels have storage of their own. nil with `Loss.none`.
  package let targets: BufferID?
  /// The gradient by the output; nil without a backward pass from there.
  package let gradient: BufferID?
  /// Whether the output holds logits, its softmax or sigmoid having gone into the loss.
  package let holdsLogits: Bool
  /// The loss works on vectors along the last axis of the output: so many in one row of the output, of this length.
  package let rowsPerSample: Int
  package let columns: Int
}
