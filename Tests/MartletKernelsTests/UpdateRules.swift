// The update rules that are tested. Tests/arm64 is compiled with this file too.

import MartletKernelInterface

/// One of each kind and of each choice of slots, as they are and with all that happens to weights and gradients before.
let updateRules: [UpdateRule] = {
  let plain = [
    UpdateRule(.gradientDescent, rate: 0.1),
    UpdateRule(.momentum, rate: 0.1, momentum: 0.9),
    UpdateRule(.nesterov, rate: 0.1, momentum: 0.9),
    UpdateRule(.adam, rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
    UpdateRule(.amsgrad, rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
    UpdateRule(.adamax, rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
    UpdateRule(
      .nadam, rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, gradientRate: 0.0005, squareScale: 2),
    UpdateRule(.rmsprop, rate: 0.01, rho: 0.9, epsilon: 1e-7),
    UpdateRule(.rmsprop, rate: 0.01, momentum: 0.9, rho: 0.9, epsilon: 1e-7),
    UpdateRule(.centeredRMSprop, rate: 0.01, rho: 0.9, epsilon: 1e-7),
    UpdateRule(.centeredRMSprop, rate: 0.01, momentum: 0.9, rho: 0.9, epsilon: 1e-7),
    UpdateRule(.adagrad, rate: 0.01, epsilon: 1e-7),
    UpdateRule(.adadelta, rate: 1, rho: 0.95, epsilon: 1e-7),
    UpdateRule(.lion, rate: 0.01, beta1: 0.9, beta2: 0.99),
  ]
  let modified = plain.map { rule in
    var rule = rule
    (rule.weightDecay, rule.gradientScale, rule.clipValue) = (0.01, 0.75, 0.5)
    return rule
  }
  return plain + modified
}()
