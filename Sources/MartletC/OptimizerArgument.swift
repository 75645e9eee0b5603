// The optimiser that the options of a trainer describe.

import CMartlet
import MartletCore
import MartletTraining

extension Optimizer {
  /// - Throws: `invalidArgument` for a member out of its range, also one that only another optimiser has: what a caller
  ///   sets is never silently wrong.
  init(_ options: martlet_trainer_options) throws(MartletError) {
    let nesterov = try flag(options.nesterov, "nesterov")
    let amsgrad = try flag(options.amsgrad, "amsgrad")
    let centered = try flag(options.centered, "centered")
    let (beta1, epsilon, momentum) = (options.beta_1, options.epsilon, options.momentum)
    func beta2(_ usual: Double) -> Double { options.beta_2 == MARTLET_DEFAULT ? usual : options.beta_2 }
    func rho(_ usual: Double) -> Double { options.rho == MARTLET_DEFAULT ? usual : options.rho }
    let algorithms: [(constant: Int32, algorithm: Algorithm)] = [
      (MARTLET_SGD, .sgd(momentum: momentum, nesterov: nesterov)),
      (MARTLET_ADAM, .adam(beta1: beta1, beta2: beta2(0.999), epsilon: epsilon, amsgrad: amsgrad)),
      (MARTLET_ADAMW, .adamW(beta1: beta1, beta2: beta2(0.999), epsilon: epsilon, amsgrad: amsgrad)),
      (MARTLET_ADAMAX, .adamax(beta1: beta1, beta2: beta2(0.999), epsilon: epsilon)),
      (MARTLET_NADAM, .nadam(beta1: beta1, beta2: beta2(0.999), epsilon: epsilon)),
      (MARTLET_RMSPROP, .rmsprop(rho: rho(0.9), momentum: momentum, epsilon: epsilon, centered: centered)),
      (MARTLET_ADAGRAD, .adagrad(initialAccumulatorValue: options.initial_accumulator_value, epsilon: epsilon)),
      (MARTLET_ADADELTA, .adadelta(rho: rho(0.95), epsilon: epsilon)),
      (MARTLET_LION, .lion(beta1: beta1, beta2: beta2(0.99))),
    ]
    guard let chosen = algorithms.first(where: { $0.constant == options.optimizer })?.algorithm else {
      throw MartletError(
        .invalidArgument, "optimizer is \(options.optimizer), which is none of MARTLET_SGD to MARTLET_LION")
    }
    for entry in algorithms { try Optimizer(entry.algorithm).validate() }

    self.init(chosen)
    weightDecay =
      options.weight_decay != MARTLET_DEFAULT ? options.weight_decay : options.optimizer == MARTLET_ADAMW ? 0.004 : 0
    clipping = try Clipping(options)
    accumulationSteps = Int(options.accumulation_steps)
    let frequency = try count(options.ema_overwrite_frequency, "ema_overwrite_frequency", minimum: 0)
    if options.ema_momentum != 0 {
      averaging = Averaging(momentum: options.ema_momentum, overwriteFrequency: frequency)
    } else if frequency != 0 {
      throw MartletError(
        .invalidArgument, "ema_overwrite_frequency is \(frequency), but ema_momentum is 0: no average is kept")
    }
  }

  /// Keras' learning rate.
  var defaultLearningRate: Double {
    if case .sgd = algorithm { 0.01 } else { 0.001 }
  }
}

extension Optimizer.Clipping {
  /// - Throws: `invalidArgument` if more than one is asked for.
  fileprivate init(_ options: martlet_trainer_options) throws(MartletError) {
    let choices: [(name: String, value: Double, clipping: Self)] = [
      ("clip_value", options.clip_value, .value(options.clip_value)),
      ("clip_norm", options.clip_norm, .norm(options.clip_norm)),
      ("global_clip_norm", options.global_clip_norm, .globalNorm(options.global_clip_norm)),
    ].filter { $0.value != 0 }
    guard choices.count <= 1 else {
      let given = choices.map { "\($0.name) (\($0.value))" }.joined(separator: " and ")
      throw MartletError(.invalidArgument, "\(given) are set; gradients are clipped in at most one way")
    }
    self = choices.first?.clipping ?? .none
  }
}
