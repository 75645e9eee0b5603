// What a trainer, and one call of its fit, are asked to do, with the defaults of martlet.h.

import MartletCore
import MartletNN

/// What is minimised, and how.
package struct TrainerOptions: Sendable {
  /// One for each output, or one for all of them.
  package var losses = [OutputLoss(LossConfiguration(.sparseCategoricalCrossentropy))]
  package var optimizer = Optimizer(.sgd(momentum: 0, nesterov: false))
  package var learningRate = 0.01
  /// The rate is multiplied by this after each epoch.
  package var learningRateDecay = 1.0
  /// Of shuffling and dropout.
  package var seed: UInt64 = 0
  package var topK = 5

  package init() {}

  /// The losses for a model, one for each output.
  ///
  /// - Throws: `invalidArgument` if there are not that many, or one does not fit its output.
  func losses(of graph: Graph) throws(MartletError) -> [OutputLoss] {
    let count = graph.outputs.count
    guard losses.count == 1 || losses.count == count else {
      throw MartletError(
        .invalidArgument,
        "loss_count is \(losses.count); it must be 1 or the number of outputs of model '\(graph.name)', \(count)")
    }
    let all = losses.count == count ? losses : Array(repeating: losses[0], count: count)
    for (index, (loss, shape)) in zip(all, graph.outputShapes).enumerated() {
      try loss.validate("losses[\(losses.count == 1 ? 0 : index)]", output: shape, index)
    }
    return all
  }

  /// - Throws: `invalidArgument` naming the field of `martlet_trainer_options`, its range and what came.
  package func validate() throws(MartletError) {
    try require(learningRate >= 0 && learningRate.isFinite, "learning_rate", learningRate, "finite and >= 0")
    try requireFloat("learning_rate", learningRate)
    try require(
      learningRateDecay > 0 && learningRateDecay.isFinite, "learning_rate_decay", learningRateDecay, "finite and > 0")
    try optimizer.validate()
    try require(topK >= 1, "top_k", topK, ">= 1")
  }
}

/// One call of fit.
package struct FitOptions: Sendable {
  /// Rows per step; 0 for all.
  package var batchSize = 32
  package var epochs = 1
  /// Steps after which the call ends; 0 for no bound.
  package var iterations = 0
  package var shuffles = true
  package var dropsLast = false
  package var stopsOnNotFinite = true
  package var earlyStopping: EarlyStopping?
  package var reportsEveryBatch = false
  /// Whether the last step of each epoch is looked at layer by layer.
  package var collectsLayerStatistics = false

  package init() {}

  /// - Throws: `invalidArgument` naming the field of `martlet_fit_options`, its range and what came.
  package func validate() throws(MartletError) {
    try require(batchSize >= 0, "batch_size", batchSize, ">= 0 (0: all rows)")
    try require(epochs >= 1, "epochs", epochs, ">= 1")
    try require(iterations >= 0, "iterations", iterations, ">= 0 (0: no bound)")
    if let earlyStopping {
      try require(earlyStopping.patience >= 0, "patience", earlyStopping.patience, ">= 0")
      try require(
        earlyStopping.minimumDelta >= 0 && earlyStopping.minimumDelta.isFinite, "min_delta",
        earlyStopping.minimumDelta, "finite and >= 0")
    }
  }
}

/// A double that is computed with as a float, where 1e300 would be infinite.
func requireFloat(_ name: String, _ value: Double) throws(MartletError) {
  try require(Float(value).isFinite, name, value, "finite as a 32-bit float")
}

func require(
  _ condition: Bool, _ name: String, _ value: some CustomStringConvertible, _ range: String
) throws(MartletError) {
  guard condition else { throw MartletError(.invalidArgument, "\(name) is \(value); it must be \(range)") }
}
