// The optimisers, with Keras' formulas. An optimiser here only makes the scalars of a step; the arrays are updated by the
// kernels, inside the matrix product that makes the gradient where that is possible.

import MartletKernelInterface

package enum Optimizer: Sendable, Equatable {
  /// w -= lr g, with momentum m = momentum m - lr g, w += m; Nesterov: w += momentum m - lr g.
  case sgd(momentum: Double, nesterov: Bool)
  /// Kingma and Ba 2015, in Keras' form: w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon).
  case adam(beta1: Double, beta2: Double, epsilon: Double)

  /// The rule of step `step`, counted from 1.
  package func rule(step: Int, learningRate: Double) -> UpdateRule {
    switch self {
    case .sgd(let momentum, let nesterov):
      if momentum == 0 { return UpdateRule(.gradientDescent, rate: learningRate) }
      return UpdateRule(nesterov ? .nesterov : .momentum, rate: learningRate, momentum: momentum)
    case .adam(let beta1, let beta2, let epsilon):
      let correction = (1 - power(beta2, step)).squareRoot() / (1 - power(beta1, step))
      return UpdateRule(.adam, rate: learningRate * correction, beta1: beta1, beta2: beta2, epsilon: epsilon)
    }
  }

  /// Arrays of state beside each weight.
  package var slotCount: Int { rule(step: 1, learningRate: 0).slotCount }

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
