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

  /// How messages call it: Keras' name.
  package var name: String {
    switch self {
    case .sparseCategoricalCrossentropy: "sparse_categorical_crossentropy"
    case .categoricalCrossentropy: "categorical_crossentropy"
    case .meanSquaredError: "mean_squared_error"
    case .binaryCrossentropy: "binary_crossentropy"
    case .categoricalHinge: "categorical_hinge"
    case .none: "no loss"
    }
  }
}

/// A loss as a plan computes it.
package struct LossConfiguration: Sendable, Equatable {
  package var loss: Loss
  package var fromLogits: Bool

  package init(_ loss: Loss, fromLogits: Bool = false) {
    self.loss = loss
    self.fromLogits = fromLogits
  }

  /// The activation whose input the loss takes in place of its output: cross-entropy of a softmax (or a sigmoid) is
  /// computed from logits, which neither overflows nor underflows.
  package func absorbs(_ activation: Activation) -> Bool {
    switch (loss, activation) {
    case (.sparseCategoricalCrossentropy, .softmax), (.categoricalCrossentropy, .softmax),
      (.binaryCrossentropy, .sigmoid):
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
    }
  }
}
