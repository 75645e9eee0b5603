// Sums over columns and arrays, and the search for numbers that are not finite.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct ReductionsTests {
  @Test("Column sums add rows in ascending order, bit by bit", arguments: tables)
  func columnSums(_ table: KernelTable<Float>) {
    for columns in counts {
      for rows in [0, 1, 2, 7, 33] {
        let stride = columns + 2
        var numbers = SeededNumbers(columns * 100 + rows)
        let x = numbers.floats(rows * stride + 1)
        var sums = [Float](repeating: 9, count: columns + 1)
        table.columnSums(x, stride, rows, columns, &sums)
        let expected = (0..<columns).map { j in (0..<rows).reduce(Float(0)) { $0 + x[$1 * stride + j] } }
        #expect(sameBits(sums, expected + [9]), "\(rows) x \(columns)")
      }
    }
  }

  /// Additions of positive doubles: the relative error is below count 2^-53.
  @Test("Norms against the oracle, the same bits from every table")
  func norms() {
    for count in counts + [4095, 4096, 4097, 8192, 10_001] {
      var numbers = SeededNumbers(count)
      let weights = numbers.floats(count)
      let expected = oracle.norms(doubles(weights), count)
      let results = tables.map { $0.norms(weights, count) }
      for (table, result) in zip(tables, results) {
        let bound = Double(count) * 0x1p-53
        #expect(abs(result.absolute - expected.absolute) <= bound * expected.absolute, "\(table.name), \(count)")
        #expect(abs(result.squared - expected.squared) <= bound * expected.squared, "\(table.name), \(count)")
        #expect(result == results[0], "\(table.name), \(count)")
      }
    }
  }

  @Test("One NaN or infinity anywhere is found", arguments: tables)
  func allFinite(_ table: KernelTable<Float>) {
    for count in counts {
      var x = [Float](repeating: .greatestFiniteMagnitude, count: count)
      #expect(table.allFinite(x, count))
      for i in 0..<count {
        for value in [Float.nan, .infinity, -.infinity] {
          x[i] = value
          #expect(!table.allFinite(x, count), "\(value) at \(i) of \(count)")
        }
        x[i] = -1
      }
    }
  }
}
