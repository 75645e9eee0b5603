// Element-wise arithmetic: exact where one operation is done, within two roundings where two are.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct ElementwiseTests {
  @Test("combinations are single operations, exact bit by bit", arguments: tables)
  func combinations(_ table: KernelTable<Float>) {
    let exact: [(Combination, (Float, Float) -> Float)] = [
      (.add, { $0 + $1 }), (.subtract, { $0 - $1 }), (.multiply, { $0 * $1 }), (.maximum, { max($0, $1) }),
    ]
    for count in counts {
      var numbers = SeededNumbers(count)
      let (a, b) = (numbers.floats(count), numbers.floats(count))
      for (combination, expected) in exact {
        var y = a
        table.combine(combination, a, b, &y, count)
        #expect(sameBits(y, zip(a, b).map(expected)), "\(combination), count \(count)")
      }
    }
  }

  @Test("a maximum of NaN is NaN, whichever side it is on", arguments: tables)
  func maximumOfNaN(_ table: KernelTable<Float>) {
    for count in [1, 17] {
      let (numbers, nans) = ([Float](repeating: 1, count: count), [Float](repeating: .nan, count: count))
      for (a, b) in [(numbers, nans), (nans, numbers), (nans, nans)] {
        var y = numbers
        table.combine(.maximum, a, b, &y, count)
        #expect(y.allSatisfy { $0.isNaN })
      }
    }
  }

  @Test("gate keeps where equal, or where not", arguments: tables)
  func gates(_ table: KernelTable<Float>) {
    for count in counts {
      var numbers = SeededNumbers(count)
      let (a, x) = (numbers.floats(count), numbers.floats(count))
      let b = a.enumerated().map { $0.offset % 3 == 0 ? $0.element : $0.element + 1 }
      var (kept, dropped) = (x, x)
      table.gate(a, b, true, x, &kept, count)
      table.gate(a, b, false, x, &dropped, count)
      #expect(sameBits(kept, x.enumerated().map { $0.offset % 3 == 0 ? $0.element : 0 }), "count \(count)")
      #expect(sameBits(dropped, x.enumerated().map { $0.offset % 3 == 0 ? 0 : $0.element }), "count \(count)")
    }
  }

  @Test("copyColumns touches its columns only", arguments: tables)
  func columns(_ table: KernelTable<Float>) {
    for columns in counts {
      var numbers = SeededNumbers(columns)
      let (rows, xStride, yStride) = (3, columns + 2, columns + 5)
      let x = numbers.floats(rows * xStride)
      let before = numbers.floats(rows * yStride)
      var y = before
      table.copyColumns(x, xStride, &y, yStride, rows, columns)
      let expected = before.indices.map { i in
        i % yStride < columns ? x[i / yStride * xStride + i % yStride] : before[i]
      }
      #expect(sameBits(y, expected), "columns \(columns)")
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
