// Activations and their gradients: known values, accuracy over all magnitudes, special values.

import MartletKernelInterface
import MartletKernels
import Testing

private func apply(_ table: KernelTable<Float>, _ kind: ActivationKind, _ x: [Float], alpha: Float = 0.25) -> [Float] {
  var y = x
  y.withUnsafeMutableBufferPointer { y in
    guard let base = y.baseAddress else { return }
    table.activation(ActivationFunction(kind, alpha: alpha), x, base, y.count)
  }
  return y
}

@Suite struct ActivationsTests {
  @Test("Simple activations by hand, in place", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    let x: [Float] = [-2, -0.5, 0, 0.5, 3]
    #expect(apply(table, .linear, x) == x)
    #expect(apply(table, .relu, x) == [0, 0, 0, 0.5, 3])
    #expect(apply(table, .leakyReLU, x) == [-0.5, -0.125, 0, 0.5, 3])
    #expect(apply(table, .sigmoid, [0]) == [0.5])
    #expect(apply(table, .elu, [-100, 0, 2]) == [-0.25, 0, 2])
    #expect(apply(table, .silu, [0]) == [0] && apply(table, .gelu, [0]) == [0] && apply(table, .geluTanh, [0]) == [0])
    #expect(apply(table, .hardSigmoid, [-4, -3, 0, 3, 4]) == [0, 0, 0.5, 1, 1])
    #expect(apply(table, .exponential, [0]) == [1])
    #expect(apply(table, .hardSwish, [-4, -3, 0, 3, 4]) == [0, 0, 0, 3, 4])
    var y: [Float] = [-2, 0.25, 0.5, 1, 2, 3, .infinity]
    let clipped = ActivationFunction(.clippedReLU, alpha: 0.5, maximum: 2, threshold: 0.5)
    y.withUnsafeMutableBufferPointer {
      table.activation(clipped, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
    }
    #expect(y == [-1.25, -0.125, 0.5, 1, 2, 2, 2])
    var inPlace = x
    inPlace.withUnsafeMutableBufferPointer {
      table.activation(ActivationFunction(.relu), UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
    }
    #expect(inPlace == [0, 0, 0, 0.5, 3])
  }

  @Test("NaN stays NaN; infinities have their limits", arguments: tables)
  func specialValues(_ table: KernelTable<Float>) {
    for kind in ActivationKind.allCases { #expect(apply(table, kind, [.nan])[0].isNaN, "\(kind)") }
    #expect(apply(table, .sigmoid, [-.infinity, .infinity, -1e4, 1e4]) == [0, 1, 0, 1])
    #expect(apply(table, .tanh, [-.infinity, .infinity, -1e4, 1e4]) == [-1, 1, -1, 1])
    #expect(apply(table, .relu, [-.infinity, .infinity]) == [0, .infinity])
    #expect(apply(table, .elu, [-.infinity, -1e4, 1e4, .infinity]) == [-0.25, -0.25, 1e4, .infinity])
    #expect(apply(table, .selu, [-1e4]) == [-1.75809934])
    #expect(apply(table, .softplus, [-.infinity, -1e4, 1e4, .infinity]) == [0, 0, 1e4, .infinity])
    for kind in [ActivationKind.silu, .gelu, .geluTanh] {
      #expect(apply(table, kind, [-1e30, -1e4, 1e4, 1e30, .infinity]) == [0, 0, 1e4, 1e30, .infinity], "\(kind)")
      var slopes: [Float] = [1, 1, 1, 1]
      table.activationGradient(ActivationFunction(kind), [-1e30, -1e4, 1e4, 1e30], slopes, &slopes, slopes.count)
      #expect(slopes == [0, 0, 1, 1], "\(kind)")
    }
    #expect(apply(table, .hardSigmoid, [-.infinity, -1e4, 1e4, .infinity]) == [0, 0, 1, 1])
    #expect(apply(table, .exponential, [-.infinity, -1e4, 1e4]) == [0, 0, .infinity])
    #expect(apply(table, .tanh, [0, -0.0]).map(\.sign) == [.plus, .minus])
  }

  /// For x < 0 the sigmoid is e / (1 + e), so this is also the test of exp on its negative half. exp is within 2 ulp =
  /// 4 u, two more roundings make 6 u; a subnormal result is off by at most half its spacing 2^-149 besides, and one
  /// more where the two factors of 2^n round twice.
  @Test("Sigmoid within 6 u over all magnitudes, down to subnormal results", arguments: tables)
  func sigmoidAccuracy(_ table: KernelTable<Float>) {
    let x = stratified(from: 0x1p-30, to: 110)
    var expected = doubles(x)
    oracle.activation(ActivationFunction(.sigmoid), doubles(x), &expected, x.count)
    let worst = worstError(apply(table, .sigmoid, x), expected) { 6 * u * expected[$0] + 0x1p-149 }
    #expect(worst.ratio <= 1, "\(worst) at \(x[max(0, worst.index)])")
  }

  /// Near zero one rounding of a small correction and one of the sum; above 0.625 the error of the quotient, at most
  /// 8 u, counts at most 0.45 / 0.55. Together below 8 u, relative also for the smallest x.
  @Test("tanh within 8 u over all magnitudes", arguments: tables)
  func tanhAccuracy(_ table: KernelTable<Float>) {
    let x = stratified(from: 0x1p-120, to: 100)
    var expected = doubles(x)
    oracle.activation(ActivationFunction(.tanh), doubles(x), &expected, x.count)
    let worst = worstError(apply(table, .tanh, x), expected) { 8 * u * abs(expected[$0]) }
    #expect(worst.ratio <= 1, "\(worst) at \(x[max(0, worst.index)])")
  }

  /// The functions made of one or two others. What their parts are within is said in ElementaryFunctions.swift; a product
  /// rounds once more, a subnormal factor is off by 2^-149. In the tail of GELU by tanh, an error of the exponential's
  /// argument, about three roundings of it, is one of the result.
  @Test("The other functions over all magnitudes", arguments: tables)
  func accuracy(_ table: KernelTable<Float>) {
    let kinds: [(kind: ActivationKind, greatest: Float, bound: (Double) -> Double)] = [
      (.elu, 100, { _ in 8 * u }), (.selu, 100, { _ in 8 * u }), (.softplus, 110, { _ in 10 * u }),
      (.silu, 110, { _ in 8 * u }), (.gelu, 15, { _ in 13 * u }),
      (.geluTanh, 15, { x in (8 + 4 * 1.6 * (abs(x) + 0.0448 * abs(x * x * x))) * u }),
      (.hardSigmoid, 100, { x in x < -2 ? 2 * u / abs(x / 6 + 0.5) : 2 * u }), (.exponential, 88, { _ in 4 * u }),
    ]
    for (kind, greatest, bound) in kinds {
      let x = stratified(from: 0x1p-100, to: greatest)
      var expected = doubles(x)
      oracle.activation(ActivationFunction(kind, alpha: 0.25), doubles(x), &expected, x.count)
      let worst = worstError(apply(table, kind, x), expected) {
        bound(Double(x[$0])) * abs(expected[$0]) + 0x1p-148 * (1 + abs(Double(x[$0])))
      }
      #expect(worst.ratio <= 1, "\(kind): \(worst) at \(x[max(0, worst.index)])")
    }
  }

  /// A derivative from the output takes a few roundings of factors of order 1, the product one more. For one from the
  /// input, the parts count: Phi within 12 u, and for GELU by tanh a logistic function of a number up to 7 with an error of
  /// some roundings.
  @Test("Gradients against the oracle over edge sizes; bits do not depend on the position", arguments: tables)
  func gradients(_ table: KernelTable<Float>) {
    for kind in ActivationKind.allCases {
      let f = ActivationFunction(kind, alpha: 0.25)
      for count in counts {
        var numbers = SeededNumbers(count)
        let (x, dY) = (numbers.floats(count, -3, 3), numbers.floats(count))
        let y = apply(table, kind, x)
        let v = f.gradientNeedsInput ? x : y
        var (dX, expected) = (dY, doubles(dY))
        table.activationGradient(f, v, dY, &dX, count)
        oracle.activationGradient(f, doubles(v), doubles(dY), &expected, count)
        let worst = worstError(dX, expected) { (f.gradientNeedsInput ? 32 : 8) * u * max(1, abs(expected[$0])) }
        #expect(worst.ratio <= 1, "\(kind), count \(count), index \(worst.index)")
        let oneByOne = x.flatMap { apply(table, kind, [$0]) }
        #expect(sameBits(y, oneByOne), "\(kind), count \(count)")
      }
    }
  }
}
