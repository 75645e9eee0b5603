// martlet.h: Training, step by step.

import CMartlet
import MartletCore
import MartletTraining

@_cdecl("martlet_trainer_train_step") @implementation
public func martlet_trainer_train_step(
  _ trainer: OpaquePointer?, _ x: UnsafePointer<martlet_array>?, _ x_count: Int32, _ y: UnsafePointer<martlet_array>?,
  _ y_count: Int32, _ sample_weights: UnsafePointer<Float>?, _ out_metrics: UnsafeMutablePointer<martlet_metrics>?
) -> martlet_status {
  withTrainer(trainer, .change, model: .change) { trainer in
    try trainer.trainer.requireLoss()
    let x = try trainer.inputs(x, x_count)
    let y = try trainer.targets(y, y_count)
    let weights = try sample_weights.map { try required($0, "sample_weights") }
    let result = try out_metrics.map { try required($0, "out_metrics") }
    let metrics = try trainer.trainer.trainStep(x: x, y: y, sampleWeights: weights, threads: Engine.threads)
    result?.pointee = martlet_metrics(metrics)
  }
}

@_cdecl("martlet_trainer_forward") @implementation
public func martlet_trainer_forward(
  _ trainer: OpaquePointer?, _ x: UnsafePointer<martlet_array>?, _ x_count: Int32,
  _ out_y: UnsafeMutablePointer<Float>?, _ y_count: Int64
) -> martlet_status {
  withTrainer(trainer, .change, model: .read) { trainer in
    let x = try trainer.inputs(x, x_count)
    let y = try required(out_y, "out_y")
    try trainer.built.checkOutputCount(y_count, "y_count", rows: x[0].rowCount)
    try trainer.trainer.forward(x: x, into: y, threads: Engine.threads)
  }
}

@_cdecl("martlet_trainer_backward") @implementation
public func martlet_trainer_backward(
  _ trainer: OpaquePointer?, _ dy: UnsafePointer<Float>?, _ dy_count: Int64
) -> martlet_status {
  withTrainer(trainer, .change, model: .read) { trainer in
    let dY = try required(dy, "dy")
    let rows = trainer.trainer.forwardRowCount
    guard rows > 0 else {
      throw MartletError(.invalidState, "martlet_trainer_backward needs a martlet_trainer_forward before it")
    }
    try trainer.built.checkOutputCount(dy_count, "dy_count", rows: rows)
    try trainer.trainer.backward(dY)
  }
}

@_cdecl("martlet_trainer_get_gradient") @implementation
public func martlet_trainer_get_gradient(
  _ trainer: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ weight: UnsafePointer<CChar>?,
  _ out_values: UnsafeMutablePointer<Float>?, _ count: Int64
) -> martlet_status {
  withTrainer(trainer, .change, model: .read) { trainer in
    let result = try required(out_values, "out_values")
    let parameter = try trainer.built.parameter(layer: layer, weight: weight, count: count)
    result.update(from: try trainer.trainer.gradient(parameter.index), count: parameter.count)
  }
}

@_cdecl("martlet_trainer_set_gradient") @implementation
public func martlet_trainer_set_gradient(
  _ trainer: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ weight: UnsafePointer<CChar>?,
  _ values: UnsafePointer<Float>?, _ count: Int64
) -> martlet_status {
  withTrainer(trainer, .change, model: .read) { trainer in
    let values = try required(values, "values")
    let parameter = try trainer.built.parameter(layer: layer, weight: weight, count: count)
    try checkFinite(values, "values", count: parameter.count)
    try trainer.trainer.gradient(parameter.index).update(from: values, count: parameter.count)
  }
}

@_cdecl("martlet_trainer_apply") @implementation
public func martlet_trainer_apply(_ trainer: OpaquePointer?) -> martlet_status {
  withTrainer(trainer, .change, model: .change) { trainer in
    try trainer.trainer.apply()
  }
}

@_cdecl("martlet_trainer_use_average") @implementation
public func martlet_trainer_use_average(_ trainer: OpaquePointer?) -> martlet_status {
  withTrainer(trainer, .change, model: .change) { trainer in
    guard trainer.trainer.options.optimizer.averaging != nil else {
      throw MartletError(.invalidState, "the trainer keeps no average of the weights: its ema_momentum is 0")
    }
    trainer.trainer.useAverage()
  }
}
