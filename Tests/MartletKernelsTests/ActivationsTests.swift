// Activations and their gradients: known values, accuracy over all magnitudes, special values.

import MartletKernelInterface
import MartletKernels
import Testing

private func apply(_ table: KernelTable<Float>, _ kind: ActivationKind, _ x: [Float], slope: Float = 0.25) -> [Float] {
  var y = x
  y.withUnsafeMutableBufferPointer { y in
    guard let base = y.baseAddress else { return }
    table.activation(ActivationFunction(kind, slope: slope), x, base, y.count)
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
    var inPlace = x
    inPlace.withUnsafeMutableBufferPointer {
      table.activation(ActivationFunction(.relu), UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
    }
    #expect(inPlace == [0, 0, 0, 0.5, 3])
  }

  @Test("NaN stays NaN; infinities have their limits", arguments: tables)
  func specialValues(_ table: KernelTable<Float>) {
    for kind in [ActivationKind.linear, .relu, .leakyReLU, .sigmoid, .tanh] {
      #expect(apply(table, kind, [.nan])[0].isNaN, "\(kind)")
    }
    #expect(apply(table, .sigmoid, [-.infinity, .infinity, -1e4, 1e4]) == [0, 1, 0, 1])
    #expect(apply(table, .tanh, [-.infinity, .infinity, -1e4, 1e4]) == [-1, 1, -1, 1])
    #expect(apply(table, .relu, [-.infinity, .infinity]) == [0, .infinity])
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

  /// The derivative takes at most three roundings of factors no greater than 2, the product one more.
  @Test("Gradients against the oracle over edge sizes; bits do not depend on the position", arguments: tables)
  func gradients(_ table: KernelTable<Float>) {
    for kind in [ActivationKind.linear, .relu, .leakyReLU, .sigmoid, .tanh] {
      let f = ActivationFunction(kind, slope: 0.25)
      for count in counts {
        var numbers = SeededNumbers(count)
        let (x, dY) = (numbers.floats(count, -3, 3), numbers.floats(count))
        let y = apply(table, kind, x)
        var (dX, expected) = (dY, doubles(dY))
        table.activationGradient(f, y, dY, &dX, count)
        oracle.activationGradient(f, doubles(y), doubles(dY), &expected, count)
        let worst = worstError(dX, expected) { _ in 5 * u }
        #expect(worst.ratio <= 1, "\(kind), count \(count), index \(worst.index)")
        let oneByOne = x.flatMap { apply(table, kind, [$0]) }
        #expect(sameBits(y, oneByOne), "\(kind), count \(count)")
      }
    }
  }
}
