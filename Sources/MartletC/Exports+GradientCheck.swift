// martlet.h: Checking gradients.

import CMartlet
import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletTraining

@_cdecl("martlet_model_check_gradients") @implementation
public func martlet_model_check_gradients(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ options: UnsafePointer<martlet_gradient_check_options>?,
  _ callback: martlet_progress_callback?, _ payload: UnsafeMutableRawPointer?,
  _ out_errors: UnsafeMutablePointer<Double>?, _ error_count: Int64,
  _ out_check: UnsafeMutablePointer<martlet_gradient_check>?
) -> martlet_status {
  withModel(model, .read) { model in
    let result = try required(out_check, "out_check")
    let built = try model.requireBuilt()
    let errors = try out_errors.map { try required($0, "out_errors") }
    let weightCount = built.model.layout.totalCount
    guard errors == nil || error_count == Int64(weightCount) else {
      throw MartletError(
        .invalidArgument, "error_count is \(error_count); \(model.description) has \(weightCount) weights")
    }
    var check = GradientCheckOptions()
    var training = TrainerOptions()
    if let options = try MartletC.options(options, "martlet_gradient_check_options") {
      training.losses = try OutputLoss.losses(
        options.losses, count: options.loss_count, outputs: built.model.graph.outputs.count, of: model.description)
      training.seed = options.seed
      check.sample = Int(clamping: options.sample)
      check.step = options.step
    }
    let dataset = try DatasetHandle.object(dataset, "dataset")
    let found = try dataset.with(.read) {
      let trainer = try Trainer(model: built.model, options: training, kernels: Engine.kernels)
      return try trainer.checkGradients(
        dataset.dataset, options: check, reference: .reference, errors: errors, threads: Engine.threads,
        progress: callback.map { callback in
          { done, all in
            let progress = martlet_progress(weightsDone: done, of: all)
            return model.usage.withGuest {
              FloatingPointEnvironment.withDefault { withUnsafePointer(to: progress) { callback($0, payload) != 0 } }
            }
          }
        })
    }
    try fill(result, "out_check", with: martlet_gradient_check(found, of: built))
  }
}

extension martlet_gradient_check {
  fileprivate init(_ check: GradientCheck, of built: BuiltModel) {
    self.init()
    array_count = Int32(clamping: check.arrayCount)
    weight_count = Int64(check.checkedCount)
    loss = check.loss
    guard let worst = check.worst else { return }
    largest_error = worst.error
    layer = built.layerNames[built.model.layout.parameters[worst.parameter].layer]
    weight = built.weightNames[worst.parameter]
    element = Int64(worst.element)
    analytic = worst.analytic
    numeric = worst.numeric
  }
}

extension martlet_progress {
  fileprivate init(weightsDone: Int, of all: Int) {
    self.init()
    struct_size = UInt32(MemoryLayout<martlet_progress>.size)
    event = MARTLET_EVALUATION
    batch = Int64(weightsDone)
    batches = Int64(all)
    training = martlet_metrics(.none)
    validation = martlet_metrics(.none)
  }
}
