// Softmax and its gradient: known values, extreme logits, accuracy over edge sizes.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct SoftmaxTests {
  @Test("Extreme rows", arguments: tables)
  func extremes(_ table: KernelTable<Float>) {
    func softmax(_ x: [Float]) -> [Float] {
      var y = x
      table.softmax(x, &y, 1, x.count)
      return y
    }
    #expect(softmax([5]) == [1])
    #expect(softmax([-1e4, -1e4, -1e4, -1e4]) == [0.25, 0.25, 0.25, 0.25])
    #expect(softmax([1e4, 0, -1e4]) == [1, 0, 0])
    #expect(softmax([.greatestFiniteMagnitude, -.greatestFiniteMagnitude]) == [1, 0])
    #expect(softmax([0, -.infinity, 0]) == [0.5, 0, 0.5])
    #expect(softmax([0, .nan]).filter(\.isNaN).count == 2)
  }

  /// exp within 4 u, its argument rounded once: |x - max| <= 8 gives 8 u; the sum has at most the same relative error
  /// and one u for each of the additions that a lane and the tree see; reciprocal and product two more.
  @Test("Against the oracle, in place", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    let rows = 3
    for columns in counts where columns > 0 {
      var numbers = SeededNumbers(columns)
      let x = numbers.floats(rows * columns, -4, 4)
      var (y, expected) = (x, doubles(x))
      y.withUnsafeMutableBufferPointer {
        table.softmax(UnsafePointer($0.baseAddress!), $0.baseAddress!, rows, columns)
      }
      oracle.softmax(doubles(x), &expected, rows, columns)
      let worst = worstError(y, expected) { (26 + Double(columns)) * u * expected[$0] }
      #expect(worst.ratio <= 1, "\(columns) columns, index \(worst.index)")

      let dY = numbers.floats(rows * columns)
      var (dX, expectedGradient) = (dY, doubles(dY))
      dX.withUnsafeMutableBufferPointer {
        table.softmaxGradient(y, UnsafePointer($0.baseAddress!), $0.baseAddress!, rows, columns)
      }
      oracle.softmaxGradient(doubles(y), doubles(dY), &expectedGradient, rows, columns)
      // |dY| <= 1 and sum y = 1: the dot product is off by (columns + 1) u, difference and product by 4 u.
      let worstGradient = worstError(dX, expectedGradient) { (Double(columns) + 6) * u * Double(y[$0]) }
      #expect(worstGradient.ratio <= 1, "gradient, \(columns) columns, index \(worstGradient.index)")
    }
  }
}
