// Element-wise arithmetic: exact where one operation is done, within two roundings where two are.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct ElementwiseTests {
  @Test("multiply and add are single operations, exact bit by bit", arguments: tables)
  func singleOperations(_ table: KernelTable<Float>) {
    for count in counts {
      var numbers = SeededNumbers(count)
      let (a, b) = (numbers.floats(count), numbers.floats(count))
      var (product, sum) = (a, a)
      table.multiply(a, b, &product, count)
      table.add(b, &sum, count)
      #expect(sameBits(product, zip(a, b).map { $0 * $1 }), "count \(count)")
      #expect(sameBits(sum, zip(a, b).map { $0 + $1 }), "count \(count)")
    }
  }

  /// scale: |x scale| <= 6 and |result| <= 8, two roundings of at most 4 u absolute each, fused or not.
  /// standardizeColumns: |x - mean| <= 5, whose rounding of 4 u is multiplied by 2; |result| <= 10, rounded by 8 u.
  @Test("scale and standardizeColumns against the oracle", arguments: tables)
  func scaling(_ table: KernelTable<Float>) {
    for columns in counts {
      let rows = 3
      var numbers = SeededNumbers(columns)
      let x = numbers.floats(rows * columns, -3, 3)
      let (mean, factor) = (numbers.floats(columns, -2, 2), numbers.floats(columns, -2, 2))
      var (y, expected) = (x, doubles(x))
      table.standardizeColumns(x, mean, factor, &y, rows, columns)
      oracle.standardizeColumns(doubles(x), doubles(mean), doubles(factor), &expected, rows, columns)
      #expect(worstError(y, expected) { _ in 16 * u }.ratio <= 1, "standardizeColumns, \(columns)")

      // In place. The scalars are rounded to float first, which they are already here.
      y.withUnsafeMutableBufferPointer { y in
        guard let base = y.baseAddress else { return }
        base.update(from: x, count: x.count)
        table.scale(UnsafePointer(base), 1.5, -0.25, base, x.count)
      }
      #expect(worstError(y, x.map { Double($0) * 1.5 - 0.25 }) { _ in 8 * u }.ratio <= 1, "scale, \(columns)")
    }
  }
}
