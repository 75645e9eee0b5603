// martlet.h: Training.

import CMartlet
import MartletCore
import MartletNN
import MartletTraining

@_cdecl("martlet_trainer_create") @implementation
public func martlet_trainer_create(
  _ model: OpaquePointer?, _ options: UnsafePointer<martlet_trainer_options>?,
  _ out_trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withModel(model, .read) { model in
    let result = try required(out_trainer, "out_trainer")
    let built = try model.requireBuilt()
    let options = try MartletC.options(options, "martlet_trainer_options").map {
      try TrainerOptions($0, outputs: built.model.graph.outputs.count, of: model.description)
    }
    result.pointee = try TrainerHandle(model: model, built: built, options: options ?? TrainerOptions()).passToC()
  }
}

@_cdecl("martlet_trainer_destroy") @implementation
public func martlet_trainer_destroy(_ trainer: OpaquePointer?) {
  TrainerHandle.destroy(trainer)
}

@_cdecl("martlet_trainer_fit") @implementation
public func martlet_trainer_fit(
  _ trainer: OpaquePointer?, _ training: OpaquePointer?, _ validation: OpaquePointer?,
  _ options: UnsafePointer<martlet_fit_options>?, _ callback: martlet_progress_callback?,
  _ payload: UnsafeMutableRawPointer?
) -> martlet_status {
  withTrainer(trainer, .change, model: .change) { trainer in
    let training = try DatasetHandle.object(training, "training")
    let validation = try validation.map { try DatasetHandle.object($0, "validation") }
    let options = try MartletC.options(options, "martlet_fit_options").map { try FitOptions($0) } ?? FitOptions()
    let progress = trainer.progress(callback, payload)
    try training.with(.read) {
      let fit = { (validation: Dataset?) in
        try trainer.trainer.fit(
          training.dataset, validation: validation, options: options, threads: Engine.threads, progress: progress)
      }
      if let validation {
        try validation.with(.read) { try fit(validation.dataset) }
      } else {
        try fit(nil)
      }
    }
  }
}

@_cdecl("martlet_trainer_evaluate") @implementation
public func martlet_trainer_evaluate(
  _ trainer: OpaquePointer?, _ dataset: OpaquePointer?, _ callback: martlet_progress_callback?,
  _ payload: UnsafeMutableRawPointer?, _ out_metrics: UnsafeMutablePointer<martlet_metrics>?
) -> martlet_status {
  withTrainer(trainer, .change, model: .read) { trainer in
    let result = try required(out_metrics, "out_metrics")
    let dataset = try DatasetHandle.object(dataset, "dataset")
    let metrics = try dataset.with(.read) {
      try trainer.trainer.evaluate(
        dataset.dataset, threads: Engine.threads, progress: trainer.progress(callback, payload))
    }
    result.pointee = martlet_metrics(metrics)
  }
}

@_cdecl("martlet_trainer_interrupt") @implementation
public func martlet_trainer_interrupt(_ trainer: OpaquePointer?) {
  if let trainer {
    TrainerHandle.interrupt(trainer)
  }
}

@_cdecl("martlet_trainer_history_length") @implementation
public func martlet_trainer_history_length(
  _ trainer: OpaquePointer?, _ out_length: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    let result = try required(out_length, "out_length")
    result.pointee = Int64(trainer.trainer.history.epochs.count)
  }
}

@_cdecl("martlet_trainer_history") @implementation
public func martlet_trainer_history(
  _ trainer: OpaquePointer?, _ index: Int64, _ out_progress: UnsafeMutablePointer<martlet_progress>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    let result = try required(out_progress, "out_progress")
    let history = trainer.trainer.history.epochs
    let epoch = history[try checkedIndex(index, "index", count: history.count, of: "complete epochs")]
    try fill(result, "out_progress", with: martlet_progress(epoch))
  }
}

@_cdecl("martlet_trainer_output_metrics") @implementation
public func martlet_trainer_output_metrics(
  _ trainer: OpaquePointer?, _ output: Int32, _ out_training: UnsafeMutablePointer<martlet_metrics>?,
  _ out_validation: UnsafeMutablePointer<martlet_metrics>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    try write(trainer.trainer.outputMetrics, output, out_training, out_validation)
  }
}

@_cdecl("martlet_trainer_history_output") @implementation
public func martlet_trainer_history_output(
  _ trainer: OpaquePointer?, _ index: Int64, _ output: Int32, _ out_training: UnsafeMutablePointer<martlet_metrics>?,
  _ out_validation: UnsafeMutablePointer<martlet_metrics>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    let history = trainer.trainer.history.outputs
    let epoch = try checkedIndex(index, "index", count: history.count, of: "complete epochs")
    try write(history[epoch], output, out_training, out_validation)
  }
}

/// Writes the figures of one output.
///
/// - Throws: `invalidArgument` for an output out of range.
private func write(
  _ metrics: [OutputMetrics], _ output: Int32, _ out_training: UnsafeMutablePointer<martlet_metrics>?,
  _ out_validation: UnsafeMutablePointer<martlet_metrics>?
) throws(MartletError) {
  let training = try out_training.map { pointer throws(MartletError) in try required(pointer, "out_training") }
  let validation = try out_validation.map { pointer throws(MartletError) in try required(pointer, "out_validation") }
  let metrics = metrics[try checkedIndex(Int64(output), "output", count: metrics.count, of: "outputs")]
  training?.pointee = martlet_metrics(metrics.training)
  validation?.pointee = martlet_metrics(metrics.validation)
}

@_cdecl("martlet_trainer_layer_statistics") @implementation
public func martlet_trainer_layer_statistics(
  _ trainer: OpaquePointer?, _ index: Int64, _ layer: UnsafePointer<CChar>?,
  _ out_statistics: UnsafeMutablePointer<martlet_layer_statistics>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    let result = try required(out_statistics, "out_statistics")
    let model = trainer.built.model
    let layer = try model.layerIndex(named: string(layer, "layer"))
    let history = trainer.trainer.history.layers
    let epoch = history[try checkedIndex(index, "index", count: history.count, of: "complete epochs")]
    guard !epoch.isEmpty else {
      throw MartletError(.notFound, "epoch \(index) was trained without layer_statistics")
    }
    let isTrained = model.graph.layers[layer].isTrainable && !model.layout.range(ofLayer: layer).isEmpty
    let figures = epoch[layer]
    try fill(
      result, "out_statistics",
      with: martlet_layer_statistics(
        struct_size: 0, trainable: isTrained ? 1 : 0, activation_mean: figures.activationMean,
        activation_deviation: figures.activationDeviation, dead_share: figures.deadShare,
        saturated_share: figures.saturatedShare, gradient_norm: figures.gradientNorm,
        update_ratio: figures.updateRatio))
  }
}

@_cdecl("martlet_trainer_best_epoch") @implementation
public func martlet_trainer_best_epoch(
  _ trainer: OpaquePointer?, _ out_epoch: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    let result = try required(out_epoch, "out_epoch")
    result.pointee = Int64(trainer.trainer.bestEpoch ?? -1)
  }
}

@_cdecl("martlet_trainer_learning_rate") @implementation
public func martlet_trainer_learning_rate(
  _ trainer: OpaquePointer?, _ out_learning_rate: UnsafeMutablePointer<Double>?
) -> martlet_status {
  withTrainer(trainer, .inspect) { trainer in
    let result = try required(out_learning_rate, "out_learning_rate")
    result.pointee = trainer.trainer.learningRate
  }
}

@_cdecl("martlet_trainer_set_learning_rate") @implementation
public func martlet_trainer_set_learning_rate(_ trainer: OpaquePointer?, _ learning_rate: Double) -> martlet_status {
  withTrainer(trainer, .adjust) { trainer in
    _ = try finiteFloat(learning_rate, "learning_rate")
    trainer.trainer.learningRate = try finite(learning_rate, "learning_rate", minimum: 0)
  }
}

// MARK: Options

extension TrainerOptions {
  /// - Throws: `invalidArgument` for a member out of its range, also one that another choice makes meaningless: what a
  ///   caller sets is never silently wrong.
  fileprivate init(_ options: martlet_trainer_options, outputs: Int, of model: String) throws(MartletError) {
    self.init()
    losses = try OutputLoss.losses(options.losses, count: options.loss_count, outputs: outputs, of: model)
    optimizer = try Optimizer(options)
    learningRate = options.learning_rate == MARTLET_DEFAULT ? optimizer.defaultLearningRate : options.learning_rate
    learningRateDecay = options.learning_rate_decay
    seed = options.seed
    topK = Int(options.top_k)
    try validate()
  }
}

extension FitOptions {
  /// - Throws: `invalidArgument` for a member out of its range, also those of early stopping when nothing is monitored.
  fileprivate init(_ options: martlet_fit_options) throws(MartletError) {
    self.init()
    shuffles = try flag(options.shuffle, "shuffle")
    batchSize = try count(options.batch_size, "batch_size", minimum: 0)
    epochs = try count(options.epochs, "epochs", minimum: 1)
    iterations = try count(options.iterations, "iterations", minimum: 0)
    dropsLast = try flag(options.drop_last, "drop_last")
    stopsOnNotFinite = try flag(options.stop_on_nan, "stop_on_nan")
    reportsEveryBatch = try flag(options.every_batch, "every_batch")
    collectsLayerStatistics = try flag(options.layer_statistics, "layer_statistics")

    var stopping = EarlyStopping(
      monitor: .loss, patience: try count(options.patience, "patience", minimum: 0), minimumDelta: options.min_delta,
      restoresBest: try flag(options.restore_best, "restore_best"))
    earlyStopping = stopping
    try validate()
    if options.monitor == MARTLET_MONITOR_NONE {
      earlyStopping = nil
    } else {
      stopping.monitor = try constant(
        options.monitor, "monitor", as: EarlyStopping.Monitor.self, "MARTLET_MONITOR_NONE to MARTLET_MONITOR_ACCURACY")
      earlyStopping = stopping
    }
  }
}
