// The scalars that optimisers hand to the kernels, by hand.

import MartletNN
import MartletTraining
import Testing

@Suite struct OptimizerTests {
  @Test func adamCorrection() {
    let optimizer = Optimizer.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7)
    // lr sqrt(1 - 0.999^t) / (1 - 0.9^t), by hand for t = 1 and 2.
    let first = 0.01 * (0.001).squareRoot() / 0.1
    #expect(abs(optimizer.rule(step: 1, learningRate: 0.01).rate - first) < 1e-15)
    let second = 0.01 * (1 - 0.998001).squareRoot() / 0.19
    #expect(abs(optimizer.rule(step: 2, learningRate: 0.01).rate - second) < 1e-15)
  }

  @Test func slots() {
    #expect(Optimizer.sgd(momentum: 0, nesterov: true).slotCount == 0)
    #expect(Optimizer.sgd(momentum: 0.5, nesterov: false).slotCount == 1)
    #expect(Optimizer.adam(beta1: 0, beta2: 0, epsilon: 1).slotCount == 2)
  }
}
