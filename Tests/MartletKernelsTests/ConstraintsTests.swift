// Constraints of weights against hand-computed values and the oracle.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct ConstraintsTests {
  private static let constraints = [
    WeightConstraint(.maximumNorm, limit: 0.75), WeightConstraint(.maximumNorm, limit: 100),
    WeightConstraint(.maximumNorm, limit: 0), WeightConstraint(.nonNegative), WeightConstraint(.unitNorm),
  ]

  /// Columns (3, 4), norm 5, and (0, -1), norm 1, with a column between rows that is not theirs.
  @Test("Two columns by hand", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    func constrained(_ kind: WeightConstraint.Kind, _ limit: Float = 0) -> [Float] {
      var weights: [Float] = [3, 0, 9, 4, -1, 9]
      table.constrain(WeightConstraint(kind, limit: limit), &weights, 3, 2, 2)
      return weights
    }
    #expect(constrained(.nonNegative) == [3, 0, 9, 4, 0, 9])
    // epsilon = 1e-7 is below half an ulp of 5, and 0.84 ulp of 1: 1 + epsilon = 1 + 2u.
    let almostOne = 1 / (1 + Float(0x1p-23))
    let unit: [Float] = [0.6, 0, 9, 0.8, -almostOne, 9]
    #expect(constrained(.unitNorm) == unit)
    let two: [Float] = [3 * 0.4, 0, 9, 4 * 0.4, -almostOne, 9]
    #expect(constrained(.maximumNorm, 2) == two)
    #expect(constrained(.maximumNorm, 0) == [0, 0, 9, 0, 0, 9])
  }

  /// A norm is a sum of n squares: n roundings of its positive terms at most, halved by the square root; then four
  /// operations, each one rounding of the result.
  @Test("Against the oracle over edge sizes", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    for constraint in Self.constraints {
      for rows in counts {
        // One column is a row without gaps if the stride says so.
        for (columns, stride) in [(1, 1), (1, 3), (2, 2), (5, 7), (16, 16), (17, 17), (67, 70)] {
          var numbers = SeededNumbers(rows * 100 + columns)
          let start = numbers.floats(rows * stride + 1)
          var (weights, expected) = (start, doubles(start))
          table.constrain(constraint, &weights, stride, rows, columns)
          oracle.constrain(constraint, &expected, stride, rows, columns)
          let worst = worstError(weights, expected) { (Double(rows) / 2 + 5) * u * abs(expected[$0]) + 1e-45 }
          #expect(worst.ratio <= 1, "\(constraint), \(rows) x \(columns), stride \(stride), index \(worst.index)")
        }
      }
    }
  }

  @Test("Columns in parts have the same bits", arguments: tables)
  func parts(_ table: KernelTable<Float>) {
    let (rows, columns) = (33, 100)
    for constraint in Self.constraints {
      var numbers = SeededNumbers(1)
      let start = numbers.floats(rows * columns)
      var (whole, inParts) = (start, start)
      table.constrain(constraint, &whole, columns, rows, columns)
      inParts.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        for (first, count) in [(0, 32), (32, 64), (96, 3), (99, 1)] {
          table.constrain(constraint, base + first, columns, rows, count)
        }
      }
      #expect(sameBits(whole, inParts), "\(constraint)")
    }
  }

  /// Whatever a vector holds, the others do not see it: NaN stays, infinity makes its vector zero or NaN.
  @Test("NaN and infinity", arguments: tables)
  func notFinite(_ table: KernelTable<Float>) {
    for constraint in Self.constraints where constraint.limit > 0 || constraint.kind != .maximumNorm {
      for bad in [Float.nan, .infinity] {
        var weights: [Float] = [1, bad, -0.5, 0.5]
        table.constrain(constraint, &weights, 2, 2, 2)
        #expect(weights[0].isFinite && weights[2].isFinite)
        #expect(constraint.kind == .nonNegative && bad == .infinity ? weights[1] == bad : weights[1].isNaN)
      }
    }
  }
}
