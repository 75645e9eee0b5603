// The update rules and the gradient of the regularisation against the oracle.

import MartletKernelInterface
import MartletKernels
import Testing

/// One of each kind.
let updateRules = [
  UpdateRule(.gradientDescent, rate: 0.1),
  UpdateRule(.momentum, rate: 0.1, momentum: 0.9),
  UpdateRule(.nesterov, rate: 0.1, momentum: 0.9),
  UpdateRule(.adam, rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
]

/// Weights and both slots; slot 1 is a mean of squares and so not negative.
struct WeightsAndState {
  var weights: [Float]
  var slot0: [Float]
  var slot1: [Float]

  init(_ count: Int) {
    var numbers = SeededNumbers(count)
    weights = numbers.floats(count)
    slot0 = numbers.floats(count, -0.1, 0.1)
    slot1 = numbers.floats(count, 0, 0.1)
    if count > 2 { weights[1] = 0 }  // sign(0) is 0
  }

  mutating func withTarget(l1: Float, l2: Float, _ body: (UpdateTarget<Float>) -> Void) {
    weights.withUnsafeMutableBufferPointer { w in
      slot0.withUnsafeMutableBufferPointer { m in
        slot1.withUnsafeMutableBufferPointer { v in
          guard let w = w.baseAddress else { return }
          body(UpdateTarget(weights: w, slot0: m.baseAddress, slot1: v.baseAddress, l1: l1, l2: l2))
        }
      }
    }
  }
}

@Suite struct ParameterUpdatesTests {
  /// w = 1, g = 0.5, l1 = 0.25, l2 = 0.125: g' = 0.5 + 0.25 + 0.25 = 1.
  @Test("One weight by hand", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    func step(_ rule: UpdateRule) -> [Float] {
      var state = WeightsAndState(1)
      (state.weights, state.slot0, state.slot1) = ([1], [0.5], [0.25])
      state.withTarget(l1: 0.25, l2: 0.125) { table.update(rule, $0, [0.5], 1) }
      return [state.weights[0], state.slot0[0], state.slot1[0]]
    }
    #expect(step(UpdateRule(.gradientDescent, rate: 0.5)) == [0.5, 0.5, 0.25])
    #expect(step(UpdateRule(.momentum, rate: 0.5, momentum: 0.5)) == [0.75, -0.25, 0.25])
    #expect(step(UpdateRule(.nesterov, rate: 0.5, momentum: 0.5)) == [1 - 0.125 - 0.5, -0.25, 0.25])
    // m = 0.5 + 0.5 / 2 = 0.75; v = 0.25 + 0.75 / 4 = 0.4375; sqrt(v) + epsilon = 0.6614 + 0.3386 = 1.
    let adam = step(
      UpdateRule(.adam, rate: 0.5, beta1: 0.5, beta2: 0.75, epsilon: 1 - 0.4375.squareRoot()))
    #expect(adam[1] == 0.75 && adam[2] == 0.4375)
    #expect(abs(adam[0] - 0.625) <= 2 * Float(u))
  }

  /// All inputs are below 2 in magnitude and each rule is at most twelve operations, none of which enlarges an error
  /// more than fivefold; Adam divides by sqrt(v) >= its error's scale, except where v is tiny: those weights' steps are
  /// at most rate |m| / sqrt(v), so its bound is relative to the step.
  @Test("Against the oracle over edge sizes", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    for rule in updateRules {
      for count in counts {
        for (l1, l2) in [(Float(0), Float(0)), (0.01, 0.1)] {
          var numbers = SeededNumbers(count + 1)
          let gradient = numbers.floats(count)
          let start = WeightsAndState(count)
          var result = start
          result.withTarget(l1: l1, l2: l2) { table.update(rule, $0, gradient, count) }
          var (w, m, v) = (doubles(start.weights), doubles(start.slot0), doubles(start.slot1))
          w.withUnsafeMutableBufferPointer { w in
            m.withUnsafeMutableBufferPointer { m in
              v.withUnsafeMutableBufferPointer { v in
                guard let w = w.baseAddress else { return }
                let target = UpdateTarget(weights: w, slot0: m.baseAddress, slot1: v.baseAddress, l1: l1, l2: l2)
                oracle.update(rule, target, doubles(gradient), count)
              }
            }
          }
          for (name, values, expected, before) in [
            ("weights", result.weights, w, start.weights), ("slot 0", result.slot0, m, start.slot0),
            ("slot 1", result.slot1, v, start.slot1),
          ] {
            let worst = worstError(values, expected) { 8 * u * (1 + 4 * abs(expected[$0] - Double(before[$0]))) }
            #expect(worst.ratio <= 1, "\(rule.kind), \(name), count \(count), index \(worst.index)")
          }
        }
      }
    }
  }

  @Test("Regularisation gradient against the oracle", arguments: tables)
  func regularizationGradient(_ table: KernelTable<Float>) {
    for count in counts {
      let weights = WeightsAndState(count).weights
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
