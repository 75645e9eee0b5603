// The optimisers, with Keras' formulas. An optimiser here only makes the scalars of a step; the arrays are updated by
// the kernels, inside the matrix product that makes the gradient where that is possible. What it keeps between steps is
// in OptimizerState.swift.

import MartletKernelInterface

/// How the weights follow their gradients.
package struct Optimizer: Sendable, Equatable {
  /// The formulas are in UpdateRule.swift.
  package enum Algorithm: Sendable, Equatable {
    case sgd(momentum: Double, nesterov: Bool)
    /// Kingma and Ba 2015.
    case adam(beta1: Double, beta2: Double, epsilon: Double, amsgrad: Bool)
    /// Adam; Keras tells them apart by the default of the weight decay.
    case adamW(beta1: Double, beta2: Double, epsilon: Double, amsgrad: Bool)
    case adamax(beta1: Double, beta2: Double, epsilon: Double)
    case nadam(beta1: Double, beta2: Double, epsilon: Double)
    case rmsprop(rho: Double, momentum: Double, epsilon: Double, centered: Bool)
    case adagrad(initialAccumulatorValue: Double, epsilon: Double)
    case adadelta(rho: Double, epsilon: Double)
    case lion(beta1: Double, beta2: Double)
  }

  /// What gradients are limited to before they are used.
  package enum Clipping: Sendable, Equatable {
    case none
    /// Each element.
    case value(Double)
    /// The L2 norm of each weight array's gradient.
    case norm(Double)
    /// The L2 norm of all gradients together.
    case globalNorm(Double)
  }

  /// An exponential moving average of the weights. With a frequency it takes their place after every so many updates.
  package struct Averaging: Sendable, Equatable {
    package var momentum: Double
    /// 0: never.
    package var overwriteFrequency: Int
    package init(momentum: Double, overwriteFrequency: Int = 0) {
      self.momentum = momentum
      self.overwriteFrequency = overwriteFrequency
    }
  }

  package var algorithm: Algorithm
  /// Times the learning rate: the share of the weights that is taken off before each update.
  package var weightDecay = 0.0
  package var clipping = Clipping.none
  /// Steps whose mean gradient makes one update.
  package var accumulationSteps = 1
  package var averaging: Averaging?

  package init(_ algorithm: Algorithm, weightDecay: Double = 0) {
    self.algorithm = algorithm
    self.weightDecay = weightDecay
  }

  /// The rule of an update.
  ///
  /// - Parameters:
  ///   - update: counted from 1.
  ///   - momentumProduct: of `momentumFactor` over the updates before.
  package func rule(update: Int, learningRate: Double, momentumProduct: Double = 1) -> UpdateRule {
    var rule = algorithmRule(update, learningRate, momentumProduct)
    rule.weightDecay = weightDecay * learningRate
    rule.gradientScale = 1 / Double(accumulationSteps)
    if case .value(let limit) = clipping { rule.clipValue = limit }
    return rule
  }

  private func algorithmRule(_ update: Int, _ rate: Double, _ momentumProduct: Double) -> UpdateRule {
    switch algorithm {
    case .sgd(let momentum, let nesterov):
      if momentum == 0 { return UpdateRule(.gradientDescent, rate: rate) }
      return UpdateRule(nesterov ? .nesterov : .momentum, rate: rate, momentum: momentum)
    case .adam(let beta1, let beta2, let epsilon, let amsgrad), .adamW(let beta1, let beta2, let epsilon, let amsgrad):
      let correction = (1 - power(beta2, update)).squareRoot() / (1 - power(beta1, update))
      return UpdateRule(
        amsgrad ? .amsgrad : .adam, rate: rate * correction, beta1: beta1, beta2: beta2, epsilon: epsilon)
    case .adamax(let beta1, let beta2, let epsilon):
      return UpdateRule(
        .adamax, rate: rate / (1 - power(beta1, update)), beta1: beta1, beta2: beta2, epsilon: epsilon)
    case .nadam(let beta1, let beta2, let epsilon):
      let (factor, next) = (momentumFactor(update: update), momentumFactor(update: update + 1))
      let product = momentumProduct * factor
      return UpdateRule(
        .nadam, rate: rate * next / (1 - product * next), beta1: beta1, beta2: beta2, epsilon: epsilon,
        gradientRate: rate * (1 - factor) / (1 - product), squareScale: 1 / (1 - power(beta2, update)))
    case .rmsprop(let rho, let momentum, let epsilon, let centered):
      return UpdateRule(
        centered ? .centeredRMSprop : .rmsprop, rate: rate, momentum: momentum, rho: rho, epsilon: epsilon)
    case .adagrad(_, let epsilon): return UpdateRule(.adagrad, rate: rate, epsilon: epsilon)
    case .adadelta(let rho, let epsilon): return UpdateRule(.adadelta, rate: rate, rho: rho, epsilon: epsilon)
    case .lion(let beta1, let beta2): return UpdateRule(.lion, rate: rate, beta1: beta1, beta2: beta2)
    }
  }

  /// Nadam's momentum grows from beta1 / 2 towards beta1; its corrections need the product over all updates. 1 for the
  /// others, which have no such schedule.
  package func momentumFactor(update: Int) -> Double {
    guard case .nadam(let beta1, _, _) = algorithm else { return 1 }
    return beta1 * (1 - 0.5 * power(0.96, update))
  }

  /// Arrays of state beside each weight.
  package var slotCount: Int { rule(update: 1, learningRate: 0).slotCount }

  /// What the arrays of state hold before the first update.
  package var initialSlotValue: Double {
    if case .adagrad(let value, _) = algorithm { value } else { 0 }
  }

  /// Whether an update needs all gradients before it changes any weight, or those of several steps.
  package var needsStoredGradients: Bool {
    switch clipping {
    case .norm, .globalNorm: true
    case .none, .value: accumulationSteps > 1
    }
  }

  /// base^exponent for exponent >= 1, by squaring: no libm, so the same bits everywhere.
  private func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0
    var square = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}
