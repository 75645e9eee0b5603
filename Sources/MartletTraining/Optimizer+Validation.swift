// The ranges of the optimisers' options, as martlet.h states them.

import MartletCore

extension Optimizer {
  /// - Throws: `invalidArgument` naming the field of `martlet_trainer_options`, its range and what came.
  package func validate() throws(MartletError) {
    switch algorithm {
    case .sgd(let momentum, _):
      try requireMomentum(momentum)
    case .adam(let beta1, let beta2, let epsilon, _), .adamW(let beta1, let beta2, let epsilon, _),
      .adamax(let beta1, let beta2, let epsilon), .nadam(let beta1, let beta2, let epsilon):
      try requireShare("beta_1", beta1)
      try requireShare("beta_2", beta2)
      try requireEpsilon(epsilon)
    case .rmsprop(let rho, let momentum, let epsilon, _):
      try requireShare("rho", rho)
      try requireMomentum(momentum)
      try requireEpsilon(epsilon)
    case .adagrad(let initialValue, let epsilon):
      try requireNotNegative("initial_accumulator_value", initialValue)
      try requireEpsilon(epsilon)
    case .adadelta(let rho, let epsilon):
      try requireShare("rho", rho)
      try requireEpsilon(epsilon)
    case .lion(let beta1, let beta2):
      try requireShare("beta_1", beta1)
      try requireShare("beta_2", beta2)
    }
    try requireNotNegative("weight_decay", weightDecay)
    switch clipping {
    case .none: break
    case .value(let limit): try requireLimit("clip_value", limit)
    case .norm(let limit): try requireLimit("clip_norm", limit)
    case .globalNorm(let limit): try requireLimit("global_clip_norm", limit)
    }
    try require(accumulationSteps >= 1, "accumulation_steps", accumulationSteps, ">= 1")
    if let averaging {
      try require(
        averaging.momentum >= 0 && averaging.momentum <= 1, "ema_momentum", averaging.momentum, "between 0 and 1")
      try require(
        averaging.overwriteFrequency >= 0, "ema_overwrite_frequency", averaging.overwriteFrequency, ">= 0 (0: never)")
    }
  }

  private func requireMomentum(_ value: Double) throws(MartletError) {
    try require(value >= 0 && value <= 1, "momentum", value, "between 0 and 1")
  }

  private func requireShare(_ name: String, _ value: Double) throws(MartletError) {
    try require(value >= 0 && value < 1, name, value, ">= 0 and < 1")
  }

  private func requireEpsilon(_ value: Double) throws(MartletError) {
    // Smaller ones would be taken for 0, and 0 / 0 is no number.
    try require(value >= 0x1p-126 && value.isFinite, "epsilon", value, "finite and >= 2^-126")
    try requireFloat("epsilon", value)
  }

  private func requireNotNegative(_ name: String, _ value: Double) throws(MartletError) {
    try require(value >= 0 && value.isFinite, name, value, "finite and >= 0")
    try requireFloat(name, value)
  }

  private func requireLimit(_ name: String, _ value: Double) throws(MartletError) {
    try require(value > 0 && value.isFinite, name, value, "finite and >= 0 (0: no clipping)")
    try requireFloat(name, value)
  }
}
