// The scalars that optimisers hand to the kernels, by hand.

import MartletKernelInterface
import MartletNN
import MartletTraining
import Testing

/// One of each algorithm and of each choice that changes its state.
let algorithms: [Optimizer.Algorithm] = [
  .sgd(momentum: 0, nesterov: false), .sgd(momentum: 0.9, nesterov: false), .sgd(momentum: 0.9, nesterov: true),
  .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7, amsgrad: false),
  .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-7, amsgrad: true),
  .adamax(beta1: 0.9, beta2: 0.999, epsilon: 1e-7), .nadam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
  .rmsprop(rho: 0.9, momentum: 0, epsilon: 1e-7, centered: false),
  .rmsprop(rho: 0.9, momentum: 0.9, epsilon: 1e-7, centered: true),
  .adagrad(initialAccumulatorValue: 0.1, epsilon: 1e-7), .adadelta(rho: 0.95, epsilon: 1e-7),
  .lion(beta1: 0.9, beta2: 0.99),
]

@Suite struct OptimizerTests {
  @Test func adamCorrection() {
    let optimizer = Optimizer(.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7, amsgrad: false))
    // lr sqrt(1 - 0.999^t) / (1 - 0.9^t), by hand for t = 1 and 2.
    let first = 0.01 * (0.001).squareRoot() / 0.1
    #expect(abs(optimizer.rule(update: 1, learningRate: 0.01).rate - first) < 1e-15)
    let second = 0.01 * (1 - 0.998001).squareRoot() / 0.19
    #expect(abs(optimizer.rule(update: 2, learningRate: 0.01).rate - second) < 1e-15)
  }

  @Test func adamaxCorrection() {
    let optimizer = Optimizer(.adamax(beta1: 0.9, beta2: 0.999, epsilon: 1e-7))
    #expect(abs(optimizer.rule(update: 2, learningRate: 0.01).rate - 0.01 / 0.19) < 1e-15)
  }

  /// u_1 = 0.9 (1 - 0.48) = 0.468, u_2 = 0.9 (1 - 0.4608) = 0.48528, u_3 = 0.9 (1 - 0.442368) = 0.5018688.
  @Test func nadamSchedule() {
    let optimizer = Optimizer(.nadam(beta1: 0.9, beta2: 0.99, epsilon: 1e-7))
    #expect(abs(optimizer.momentumFactor(update: 1) - 0.468) < 1e-15)
    let first = optimizer.rule(update: 1, learningRate: 0.01)
    #expect(abs(first.rate - 0.01 * 0.48528 / (1 - 0.468 * 0.48528)) < 1e-15)
    #expect(abs(first.gradientRate - 0.01) < 1e-15)
    #expect(abs(first.squareScale - 100) < 1e-12)
    let second = optimizer.rule(update: 2, learningRate: 0.01, momentumProduct: 0.468)
    #expect(abs(second.rate - 0.01 * 0.5018688 / (1 - 0.468 * 0.48528 * 0.5018688)) < 1e-15)
    #expect(abs(second.gradientRate - 0.01 * (1 - 0.48528) / (1 - 0.468 * 0.48528)) < 1e-15)
    #expect(abs(second.squareScale - 1 / (1 - 0.9801)) < 1e-12)
    #expect(Optimizer(.lion(beta1: 0.9, beta2: 0.99)).momentumFactor(update: 3) == 1)
  }

  @Test func whatComesBeforeTheStep() {
    var optimizer = Optimizer(.lion(beta1: 0.9, beta2: 0.99), weightDecay: 0.1)
    (optimizer.accumulationSteps, optimizer.clipping) = (4, .value(0.5))
    let rule = optimizer.rule(update: 7, learningRate: 0.25)
    #expect((rule.weightDecay, rule.gradientScale, rule.clipValue) == (0.025, 0.25, 0.5))
    optimizer.clipping = .norm(0.5)
    #expect(optimizer.rule(update: 7, learningRate: 0.25).clipValue == .infinity)
  }

  @Test func slots() {
    #expect(algorithms.map { Optimizer($0).slotCount } == [0, 1, 1, 2, 3, 2, 2, 1, 3, 1, 2, 1])
    #expect(Optimizer(.rmsprop(rho: 0.9, momentum: 0, epsilon: 1e-7, centered: true)).slotCount == 2)
    #expect(Optimizer(.rmsprop(rho: 0.9, momentum: 0.9, epsilon: 1e-7, centered: false)).slotCount == 2)
    #expect(algorithms.allSatisfy { Optimizer($0).slotCount <= UpdateRule.maximumSlotCount })
    #expect(Optimizer(.adagrad(initialAccumulatorValue: 0.1, epsilon: 1e-7)).initialSlotValue == 0.1)
    #expect(Optimizer(.lion(beta1: 0.9, beta2: 0.99)).initialSlotValue == 0)
  }
}
