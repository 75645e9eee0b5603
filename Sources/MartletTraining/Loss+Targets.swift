// What the targets of each loss are: the one place that training asks about a loss beyond its name.

import MartletNN

extension Loss {
  /// What targets tell.
  enum Subject {
    /// Which of the classes along the last axis.
    case categories
    /// Yes or no, for each element.
    case outcomes
    /// How much.
    case numbers
  }

  var subject: Subject {
    switch self {
    case .sparseCategoricalCrossentropy, .categoricalCrossentropy, .categoricalHinge, .categoricalFocalCrossentropy:
      .categories
    case .binaryCrossentropy, .binaryFocalCrossentropy: .outcomes
    case .meanSquaredError, .meanAbsoluteError, .huber, .logCosh, .poisson, .klDivergence, .cosineSimilarity, .none:
      .numbers
    }
  }

  /// Whether targets may be integers that number the classes.
  var takesLabels: Bool {
    switch self {
    case .sparseCategoricalCrossentropy, .categoricalHinge, .categoricalFocalCrossentropy: true
    default: false
    }
  }

  /// Whether targets may be numbers of the output's shape.
  var takesNumbers: Bool { self != .sparseCategoricalCrossentropy && self != .none }

  /// Whether predictions are probabilities or logits, and targets can be spread over the classes or outcomes. Keras
  /// smooths numbers only, but labels mean the same.
  var isCrossEntropy: Bool { subject != .numbers && self != .categoricalHinge }
}
