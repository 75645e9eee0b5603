// The update rules, the moving average and the gradient of the regularisation against the oracle.

import MartletKernelInterface
import MartletKernels
import Testing

/// Weights and all slots; those that the rule does not have must be left alone.
struct WeightsAndState<Scalar> {
  var weights: [Scalar]
  var slot0: [Scalar]
  var slot1: [Scalar]
  var slot2: [Scalar]

  var slots: [[Scalar]] { [slot0, slot1, slot2] }

  mutating func withTarget(l1: Float, l2: Float, _ body: (UpdateTarget<Scalar>) -> Void) {
    weights.withUnsafeMutableBufferPointer { w in
      slot0.withUnsafeMutableBufferPointer { s0 in
        slot1.withUnsafeMutableBufferPointer { s1 in
          slot2.withUnsafeMutableBufferPointer { s2 in
            guard let w = w.baseAddress else { return }
            body(
              UpdateTarget(
                weights: w, slot0: s0.baseAddress, slot1: s1.baseAddress, slot2: s2.baseAddress, l1: l1, l2: l2))
          }
        }
      }
    }
  }
}

extension WeightsAndState<Float> {
  /// One weight.
  init(weight: Float, _ slots: [Float]) {
    self.init(weights: [weight], slot0: [slots[0]], slot1: [slots[1]], slot2: [slots[2]])
  }

  /// Squares are above the squared means, as they are in use.
  init(_ count: Int, for rule: UpdateRule) {
    var numbers = SeededNumbers(count)
    weights = numbers.floats(count)
    let mean = numbers.floats(count, -0.1, 0.1)
    let square = numbers.floats(count, 0.02, 0.1)
    let squareIsFirst = [.rmsprop, .centeredRMSprop, .adagrad, .adadelta].contains(rule.kind)
    (slot0, slot1, slot2) = squareIsFirst ? (square, square, mean) : (mean, square, square)
    if count > 2 { weights[1] = 0 }  // sign(0) is 0
  }

  var inDouble: WeightsAndState<Double> {
    WeightsAndState<Double>(
      weights: doubles(weights), slot0: doubles(slot0), slot1: doubles(slot1), slot2: doubles(slot2))
  }
}

@Suite struct ParameterUpdatesTests {
  /// w = 1, g = 0.5, l1 = 0.25, l2 = 0.125: g' = 0.5 + 0.25 + 0.25 = 1.
  @Test("One weight by hand", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    func step(_ rule: UpdateRule, _ slots: [Float]) -> [Float] {
      var state = WeightsAndState(weight: 1, slots)
      state.withTarget(l1: 0.25, l2: 0.125) { table.update(rule, $0, [0.5], 1) }
      return state.weights + state.slots.flatMap { $0 }
    }
    #expect(step(UpdateRule(.gradientDescent, rate: 0.5), [0.5, 0.25, 1]) == [0.5, 0.5, 0.25, 1])
    #expect(step(UpdateRule(.momentum, rate: 0.5, momentum: 0.5), [0.5, 0.25, 1]) == [0.75, -0.25, 0.25, 1])
    #expect(
      step(UpdateRule(.nesterov, rate: 0.5, momentum: 0.5), [0.5, 0.25, 1]) == [1 - 0.125 - 0.5, -0.25, 0.25, 1])
    // m = 0.5 + 0.5 / 2 = 0.75; v = 0.25 + 0.75 / 4 = 0.4375; sqrt(v) + epsilon = 0.6614 + 0.3386 = 1.
    let adam = step(
      UpdateRule(.adam, rate: 0.5, beta1: 0.5, beta2: 0.75, epsilon: 1 - 0.4375.squareRoot()), [0.5, 0.25, 1])
    #expect(adam[1] == 0.75 && adam[2] == 0.4375 && adam[3] == 1)
    #expect(abs(adam[0] - 0.625) <= 2 * Float(u))
    // sqrt(1) + 0.5 = 1.5
    #expect(
      step(UpdateRule(.amsgrad, rate: 0.5, beta1: 0.5, beta2: 0.75, epsilon: 0.5), [0.5, 0.25, 1])
        == [0.75, 0.75, 0.4375, 1])
    #expect(
      step(UpdateRule(.amsgrad, rate: 0.5, beta1: 0.5, beta2: 0.75, epsilon: 0.5), [0.5, 0.25, 0.375])[3] == 0.4375)
    // u = max(0.75 * 0.25, 1)
    #expect(
      step(UpdateRule(.adamax, rate: 0.5, beta1: 0.5, beta2: 0.75, epsilon: 0.5), [0.5, 0.25, 1])
        == [0.75, 0.75, 1, 1])
    // v = 0.4375 again; (0.75 * 0.5 + 0.125) / (sqrt(4 v) + 2 - sqrt(1.75)) = 0.25
    let nadam = step(
      UpdateRule(
        .nadam, rate: 0.5, beta1: 0.5, beta2: 0.75, epsilon: 2 - 1.75.squareRoot(), gradientRate: 0.125,
        squareScale: 4), [0.5, 0.25, 1])
    #expect(abs(nadam[0] - 0.75) <= 2 * Float(u) && nadam[1] == 0.75 && nadam[2] == 0.4375)
    // v = 0.75, sqrt(v + epsilon) = 1
    #expect(step(UpdateRule(.rmsprop, rate: 0.5, rho: 0.5, epsilon: 0.25), [0.5, 0.5, 1]) == [0.5, 0.75, 0.5, 1])
    #expect(
      step(UpdateRule(.rmsprop, rate: 0.5, momentum: 0.5, rho: 0.5, epsilon: 0.25), [0.5, 0.5, 1])
        == [0.25, 0.75, 0.75, 1])
    // a = 0.75, v - a a + epsilon = 0.25
    #expect(
      step(UpdateRule(.centeredRMSprop, rate: 0.25, rho: 0.5, epsilon: 0.0625), [0.5, 0.5, 1]) == [0.5, 0.75, 0.75, 1])
    #expect(
      step(UpdateRule(.centeredRMSprop, rate: 0.25, momentum: 0.5, rho: 0.5, epsilon: 0.0625), [0.5, 0.5, 0.5])
        == [0.25, 0.75, 0.75, 0.75])
    #expect(step(UpdateRule(.adagrad, rate: 0.75, epsilon: 0.25), [1, 0.5, 1]) == [0.5, 2, 0.5, 1])
    #expect(
      step(UpdateRule(.adadelta, rate: 0.5, rho: 0.5, epsilon: 0.25), [0.5, 0, 1]) == [0.75, 0.75, 0.125, 1])
    #expect(step(UpdateRule(.lion, rate: 0.25, beta1: 0.5, beta2: 0.75), [0.5, 0, 1]) == [0.75, 0.625, 0, 1])
    #expect(step(UpdateRule(.lion, rate: 0.25, beta1: 0.5, beta2: 0.75), [-1, 0, 1])[0] == 1)
  }

  @Test("Scaling, clipping and decay come before the step, in this order", arguments: tables)
  func modifications(_ table: KernelTable<Float>) {
    func step(_ gradient: Float, scale: Double, clip: Double, decay: Double) -> Float {
      var state = WeightsAndState(weight: 1, [0, 0, 0])
      var rule = UpdateRule(.gradientDescent, rate: 0.5)
      (rule.gradientScale, rule.clipValue, rule.weightDecay) = (scale, clip, decay)
      state.withTarget(l1: 0, l2: 0.5) { table.update(rule, $0, [gradient], 1) }
      return state.weights[0]
    }
    // The regularisation sees the weight before its decay: g = (3 + 1) / 4 = 1, clipped to 0.5.
    #expect(step(3, scale: 0.25, clip: 0.5, decay: 0.25) == 0.75 - 0.25)
    #expect(step(-5, scale: 0.25, clip: 0.5, decay: 0.25) == 0.75 + 0.25)
    #expect(step(1, scale: 0.25, clip: 0.5, decay: 0) == 1 - 0.25)
    #expect(step(.nan, scale: 1, clip: 0.5, decay: 0).isNaN)
  }

  @Test("A centred RMSprop whose variance is lost in rounding stays finite", arguments: tables)
  func vanishingVariance(_ table: KernelTable<Float>) {
    var state = WeightsAndState(weight: 0, [1e6, 1000.0001, 0])
    let rule = UpdateRule(.centeredRMSprop, rate: 0.001, rho: 0.9, epsilon: 1e-7)
    state.withTarget(l1: 0, l2: 0) { table.update(rule, $0, [1000], 1) }
    #expect(state.weights[0].isFinite)
  }

  /// All inputs are below 2 in magnitude and each rule is at most twenty operations, none of which enlarges an error
  /// more than fivefold; what stands below a root is at least 0.008 (the centred variance, 0.018 - 0.01), so its error
  /// is relative to the step.
  @Test("Against the oracle over edge sizes", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    for rule in updateRules {
      for count in counts {
        for (l1, l2) in [(Float(0), Float(0)), (0.01, 0.1)] {
          var numbers = SeededNumbers(count + 1)
          let gradient = numbers.floats(count)
          let start = WeightsAndState(count, for: rule)
          var result = start
          result.withTarget(l1: l1, l2: l2) { table.update(rule, $0, gradient, count) }
          var expected = start.inDouble
          expected.withTarget(l1: l1, l2: l2) { oracle.update(rule, $0, doubles(gradient), count) }
          let values =
            [(result.weights, expected.weights, start.weights)]
            + (0..<3).map { (result.slots[$0], expected.slots[$0], start.slots[$0]) }
          for (index, (values, expected, before)) in values.enumerated() {
            let worst = worstError(values, expected) { 8 * u * (1 + 4 * abs(expected[$0] - Double(before[$0]))) }
            #expect(worst.ratio <= 1, "\(rule.kind), array \(index), count \(count), index \(worst.index)")
          }
          for slot in rule.slotCount..<3 {
            #expect(sameBits(result.slots[slot], start.slots[slot]), "\(rule.kind) wrote slot \(slot)")
          }
        }
      }
    }
  }

  @Test("Moving average against the oracle", arguments: tables)
  func movingAverage(_ table: KernelTable<Float>) {
    for count in counts {
      var numbers = SeededNumbers(count)
      let (x, start) = (numbers.floats(count), numbers.floats(count))
      for momentum in [0, 0.99, 1] {
        var (average, expected) = (start, doubles(start))
        table.movingAverage(x, momentum, &average, count)
        oracle.movingAverage(doubles(x), momentum, &expected, count)
        // Two factors and three roundings of numbers below 1.
        #expect(worstError(average, expected) { _ in 4 * u }.ratio <= 1, "count \(count)")
      }
    }
  }

  @Test("Regularisation gradient against the oracle", arguments: tables)
  func regularizationGradient(_ table: KernelTable<Float>) {
    for count in counts {
      let weights = WeightsAndState(count, for: updateRules[0]).weights
      var numbers = SeededNumbers(count)
      let start = numbers.floats(count)
      var (gradient, expected) = (start, doubles(start))
      table.addRegularizationGradient(0.01, 0.1, weights, &gradient, count)
      oracle.addRegularizationGradient(0.01, 0.1, doubles(weights), &expected, count)
      // Three roundings of numbers below 1.3.
      #expect(worstError(gradient, expected) { _ in 4 * u }.ratio <= 1, "count \(count)")
    }
  }
}
