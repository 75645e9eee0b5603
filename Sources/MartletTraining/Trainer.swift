// Optimiser, losses and loop for one model. This file holds the state; `fit` is in Trainer+Fit.swift, one step in
// Trainer+Steps.swift, evaluation and reading batches in Trainer+Batches.swift.

import MartletCore
import MartletKernelInterface
import MartletNN
import Synchronization

/// One thread at a time, but for `interrupt`. While it runs, nothing else may change the model's weights.
package final class Trainer: @unchecked Sendable {
  package let model: Model
  package let options: TrainerOptions
  let kernels: KernelTable<Float>
  let fit: BatchFit
  /// One for each output.
  package let losses: [OutputLoss]
  /// One for each output with a loss.
  var batchTargets: [BatchTarget]
  /// Of `trainStep`, kept so that a step allocates nothing.
  var stepMetrics: MetricAccumulator?

  /// Rate of the next step.
  package var learningRate: Double
  /// Of shuffling and dropout: that of the options, or of the training that this one goes on with.
  package internal(set) var seed: UInt64
  package internal(set) var history = TrainingHistory()
  /// Of the latest step, report or evaluation, for each output.
  package internal(set) var outputMetrics: [OutputMetrics]
  package internal(set) var bestEpoch: Int?

  /// Steps done, which are the position of the dropout masks, and tell the optimiser where it is.
  package internal(set) var iteration = 0
  package internal(set) var optimizerState: OptimizerState
  /// Of each parameter, in the latest step that stored them; kept so that a step allocates nothing.
  var gradientNorms: [Double]

  // Made when first needed, for the largest batch so far.
  var training: PlanExecutor<Float>?
  var evaluation: PlanExecutor<Float>?
  var stepping: PlanExecutor<Float>?
  /// The model's revision that they are for.
  private var plannedRevision = 0
  /// Which parameters are trained by them.
  private var wasTrained: [Bool]

  /// Rows of the last `forward`, 0 if none; whether `backward` has made its gradients.
  package var forwardRowCount = 0
  var hasGradients = false

  private let isInterrupted = Atomic<Bool>(false)

  /// The callback is called at most this often, unless every batch is asked for.
  static let reportInterval = 0.1

  /// - Throws: `invalidArgument` if an option is out of range or the loss does not fit the model; `outOfMemory`.
  package init(model: Model, options: TrainerOptions, kernels: KernelTable<Float>) throws(MartletError) {
    try options.validate()
    self.model = model
    self.options = options
    self.kernels = kernels
    learningRate = options.learningRate
    seed = options.seed
    losses = try options.losses(of: model.graph)
    fit = BatchFit(graph: model.graph, losses: losses.map(\.configuration.loss))
    batchTargets = fit.targets.map { _ in BatchTarget() }
    outputMetrics = losses.map { _ in OutputMetrics() }
    optimizerState = try OptimizerState(options.optimizer, model.layout)
    gradientNorms = model.layout.parameters.map { _ in 0 }
    plannedRevision = model.revision
    wasTrained = model.layout.parameters.map(\.isTrainable)
  }

  /// Arrays that a step takes for the inputs, and for the outputs with a loss.
  package var inputCount: Int { fit.inputs.count }
  package var targetCount: Int { fit.targets.count }

  /// - Throws: `invalidState` if no output has a loss.
  package func requireLoss() throws(MartletError) { try fit.requireLoss() }

  /// Forget the plans if the model's layers have been frozen or unfrozen since they were made, and the gradients that
  /// wait for `apply`. What several steps have added up stays. A moving average of weights begins with them as they are
  /// when they are unfrozen.
  func discardOutdatedPlans() {
    guard plannedRevision != model.revision else { return }
    (training, evaluation, stepping) = (nil, nil, nil)
    (forwardRowCount, hasGradients) = (0, false)
    for (index, parameter) in model.layout.parameters.enumerated() {
      gradientNorms[index] = 0
      if let average = optimizerState.average, parameter.isTrainable, !wasTrained[index] {
        (average.pointer(as: Float.self) + parameter.offset).update(
          from: model.values + parameter.offset, count: parameter.count)
      }
      wasTrained[index] = parameter.isTrainable
    }
    plannedRevision = model.revision
  }

  /// Ask the running call to end after its batch. Any thread, also in a signal handler: one atomic store.
  package func interrupt() { isInterrupted.store(true, ordering: .relaxed) }

  func throwIfInterrupted() throws(MartletError) {
    if isInterrupted.exchange(false, ordering: .relaxed) {
      throw MartletError(.interrupted, "training was interrupted after step \(iteration)")
    }
  }
}
