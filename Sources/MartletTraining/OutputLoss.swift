// What one output of a model is trained for: a loss with its options and the weights of the classes.

import MartletCore
import MartletNN

package struct OutputLoss: Sendable {
  package var configuration: LossConfiguration

  /// What the losses of the rows of each class are multiplied by in training; nil for 1.
  package var classWeights: ClassWeights?

  /// What the accuracy of this output counts.
  package var accuracy: AccuracyChoice

  package init(
    _ configuration: LossConfiguration, classWeights: ClassWeights? = nil, accuracy: AccuracyChoice = .ofLoss
  ) {
    self.configuration = configuration
    self.classWeights = classWeights
    self.accuracy = accuracy
  }

  /// Classes that the targets of an output tell apart: one for each element of the last axis; two if that is one
  /// number.
  static func classCount(_ output: Shape) -> Int { max(output.lastDimension, 2) }

  /// - Parameters:
  ///   - name: how messages call this loss.
  ///   - index: which output of the model it is for.
  /// - Throws: `invalidArgument` naming the member of `martlet_loss`, its range and what came, also for options that
  ///   this loss does not have: what is asked for is never silently left out.
  func validate(_ name: String, output: Shape, _ index: Int) throws(MartletError) {
    func require(_ condition: Bool, _ member: String, _ value: Double, _ range: String) throws(MartletError) {
      guard condition else {
        throw MartletError(.invalidArgument, "\(name).\(member) is \(value); it must be \(range)")
      }
    }
    let loss = configuration.loss
    let (weight, smoothing) = (configuration.weight, configuration.labelSmoothing)
    try require(weight >= 0 && weight.isFinite, "weight", weight, "finite and >= 0")
    try require(smoothing >= 0 && smoothing <= 1, "label_smoothing", smoothing, "between 0 and 1")
    try require(configuration.delta > 0 && configuration.delta.isFinite, "delta", configuration.delta, "finite and > 0")
    try require(
      configuration.gamma >= 0 && configuration.gamma.isFinite, "gamma", configuration.gamma, "finite and >= 0")
    try require(
      configuration.alpha >= 0 && configuration.alpha.isFinite, "alpha", configuration.alpha, "finite and >= 0")
    func refuse(_ member: String, _ value: String) -> MartletError {
      MartletError(.invalidArgument, "\(name).\(member) is \(value), which loss '\(loss.name)' does not have")
    }
    guard smoothing == 0 || loss.isCrossEntropy else { throw refuse("label_smoothing", "\(smoothing)") }
    guard !configuration.fromLogits || loss.isCrossEntropy else { throw refuse("from_logits", "1") }
    guard !configuration.appliesClassBalancing || loss == .binaryFocalCrossentropy else {
      throw refuse("apply_class_balancing", "1")
    }
    if loss.subject == .categories, output.lastDimension < 2 {
      throw MartletError(
        .invalidArgument,
        "loss '\(loss.name)' needs at least 2 classes; rows of output \(index) have shape \(output)")
    }
    try validateAccuracy(name, output: output)
    guard let classWeights else { return }
    guard loss != .none else {
      throw MartletError(.invalidArgument, "\(name).class_weights is given, but there is no loss to multiply")
    }
    try classWeights.validate(name, classCount: OutputLoss.classCount(output))
  }
}

extension OutputLoss {
  private func validateAccuracy(_ name: String, output: Shape) throws(MartletError) {
    let loss = configuration.loss
    switch accuracy {
    case .ofLoss: return
    case .categorical:
      guard loss != .none, output.lastDimension > 1 else {
        throw MartletError(
          .invalidArgument,
          "\(name).accuracy is MARTLET_ACCURACY_CATEGORICAL, which needs a loss and at least 2 outputs; loss "
            + "'\(loss.name)' has output rows of shape \(output)")
      }
    case .binary:
      guard loss != .none, loss.subject != .categories else {
        throw MartletError(
          .invalidArgument, "\(name).accuracy is MARTLET_ACCURACY_BINARY, which loss '\(loss.name)' does not have")
      }
    }
  }
}

/// One weight for each class, in memory of its own.
package struct ClassWeights: Sendable {
  package let count: Int
  private let storage: TensorStorage

  /// - Throws: `outOfMemory`.
  package init(copying weights: UnsafePointer<Float>, count: Int) throws(MartletError) {
    storage = try TensorStorage(count: count, of: Float.self, purpose: "the weights of \(count) classes")
    storage.pointer(as: Float.self).update(from: weights, count: count)
    self.count = count
  }

  func validate(_ name: String, classCount: Int) throws(MartletError) {
    guard count == classCount else {
      throw MartletError(.invalidArgument, "\(name).class_count is \(count); this output has \(classCount) classes")
    }
    for index in 0..<count {
      let weight = storage.pointer(as: Float.self)[index]
      guard weight >= 0, weight.isFinite else {
        throw MartletError(
          .invalidArgument, "\(name).class_weights[\(index)] is \(weight); it must be finite and >= 0")
      }
    }
  }

  /// Multiply the weights of rows by those of their classes.
  func multiply(_ rowWeights: UnsafeMutablePointer<Float>, byLabels labels: UnsafePointer<Int32>, rows: Int) {
    let weights = storage.pointer(as: Float.self)
    for row in 0..<rows { rowWeights[row] *= weights[Int(labels[row])] }
  }

  /// The same for targets [rows, columns]: the class is the first largest number, as of one-hot targets; with one
  /// column 1 above a half and otherwise 0.
  func multiply(
    _ rowWeights: UnsafeMutablePointer<Float>, byTargets targets: UnsafePointer<Float>, rows: Int, columns: Int
  ) {
    let weights = storage.pointer(as: Float.self)
    for row in 0..<rows {
      let target = targets + row * columns
      rowWeights[row] *= weights[columns == 1 ? (target[0] > 0.5 ? 1 : 0) : firstLargest(target, columns)]
    }
  }
}

/// The index of the largest of some numbers, the first of several.
package func firstLargest(_ values: UnsafePointer<Float>, _ count: Int) -> Int {
  var best = 0
  for index in 1..<max(count, 1) where values[index] > values[best] { best = index }
  return best
}
