// The object behind a martlet_trainer, and the progress callbacks that the border makes for it.

import CMartlet
import MartletCore
import MartletNN
import MartletTraining

final class TrainerHandle: Handle {
  let usage = Usage()
  /// Kept alive: C may destroy its handle of the model at any time.
  let model: ModelHandle
  let built: BuiltModel
  let trainer: Trainer
  /// What the step calls pass.
  private var x: StepArrays
  private var y: StepArrays

  init(model: ModelHandle, built: BuiltModel, options: TrainerOptions) throws(MartletError) {
    self.model = model
    self.built = built
    trainer = try Trainer(model: built.model, options: options, kernels: Engine.kernels)
    x = StepArrays("x", count: trainer.inputCount)
    y = StepArrays("y", count: trainer.targetCount)
  }

  /// - Throws: `invalidState` if the model's layers have changed since the trainer was made.
  func requireCurrent() throws(MartletError) {
    guard try model.requireBuilt() === built else {
      throw MartletError(
        .invalidState,
        "the layers of \(model.description) have changed since this trainer was made; make a new trainer")
    }
  }

  /// The inputs of a step.
  ///
  /// - Throws: `invalidArgument` unless they are arrays for all inputs of the model.
  func inputs(_ pointer: UnsafePointer<martlet_array>?, _ count: Int32) throws(MartletError) -> [RowArray] {
    try x.read(
      pointer, count,
      of: "model '\(model.name)' has \(trainer.inputCount) \(trainer.inputCount == 1 ? "input" : "inputs")"
    ) { array, index throws(MartletError) in
      try array.checkRows(built.model.graph.inputShapes[index], ofModel: model.name)
    }
    return x.rows
  }

  /// The targets of a step. Whether they fit their losses is for the trainer to say.
  ///
  /// - Throws: `invalidArgument` unless they are arrays for all outputs with a loss.
  func targets(_ pointer: UnsafePointer<martlet_array>?, _ count: Int32) throws(MartletError) -> [RowArray] {
    try y.read(
      pointer, count,
      of:
        "model '\(model.name)' has \(trainer.targetCount) \(trainer.targetCount == 1 ? "output" : "outputs") with a loss"
    )
    return y.rows
  }

  var description: String { "the trainer of model '\(model.name)'" }

  /// C's progress callback as the trainer calls it. While it runs, its thread is a guest of the trainer and the model,
  /// and whatever it does to the floating-point environment stays with it.
  func progress(
    _ callback: martlet_progress_callback?, _ payload: UnsafeMutableRawPointer?
  ) -> ((Progress) -> Bool)? {
    guard let callback else { return nil }
    return { progress in
      let progress = martlet_progress(progress)
      return self.usage.withGuest {
        self.model.usage.withGuest {
          FloatingPointEnvironment.withDefault {
            withUnsafePointer(to: progress) { callback($0, payload) != 0 }
          }
        }
      }
    }
  }
}

extension martlet_progress {
  init(_ progress: Progress) {
    self.init(
      struct_size: UInt32(MemoryLayout<martlet_progress>.size), event: progress.event.rawValue,
      epoch: Int64(progress.epoch), epochs: Int64(progress.epochs), batch: Int64(progress.batch),
      batches: Int64(progress.batches), iteration: Int64(progress.iteration), samples: Int64(progress.samples),
      seconds: progress.seconds, samples_per_second: progress.samplesPerSecond,
      learning_rate: progress.learningRate, training: martlet_metrics(progress.training),
      validation: martlet_metrics(progress.validation))
  }
}

extension martlet_metrics {
  init(_ metrics: Metrics) {
    self.init(
      loss: metrics.loss, data_loss: metrics.dataLoss, regularization_loss: metrics.regularizationLoss,
      accuracy: metrics.accuracy, top_k_accuracy: metrics.topKAccuracy)
  }
}
