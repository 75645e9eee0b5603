// Gathering rows: every element type, selected and consecutive rows, unaligned sources, numbers that are not finite.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct GatherTests {
  private func check<Element: BitwiseCopyable>(
    _ table: KernelTable<Float>, _ type: SourceType, _ source: [Element], convert: (Element) -> Float
  ) {
    for columns in [1, 3, 4, 15, 16, 17, 33] {
      let all = source.count / columns
      for rows in [nil, [all - 1, 0, all / 2, 0]] as [[Int]?] {
        let rowCount = rows?.count ?? all
        // One byte in front makes the source unaligned.
        var bytes: [UInt8] = [0]
        source.withUnsafeBytes { bytes += Array($0) }
        var result = [Float](repeating: 0, count: rowCount * columns + 1)
        let isFinite = bytes.withUnsafeBytes {
          table.gather($0.baseAddress! + 1, type, rows, rowCount, columns, 0.5, -1, &result)
        }
        let order = rows ?? Array(0..<all)
        let expected = order.flatMap { r in (0..<columns).map { convert(source[r * columns + $0]) * 0.5 - 1 } }
        #expect(isFinite && sameBits(result, expected + [0]), "\(type), \(columns) columns")
      }
    }
  }

  @Test("Every type: converted, then multiplied, then added, bit by bit", arguments: tables)
  func types(_ table: KernelTable<Float>) {
    var numbers = SeededNumbers(5)
    let bits = (0..<99).map { _ in numbers.bits() }
    check(table, .uint8, bits.map { UInt8(truncatingIfNeeded: $0) }) { Float($0) }
    check(table, .int32, bits.map { Int32(truncatingIfNeeded: $0) }) { Float($0) }
    check(table, .int64, bits.map { Int64(truncatingIfNeeded: $0) }) { Float($0) }
    check(table, .float32, bits.map { Float($0 >> 40) - 1000 }) { $0 }
    check(table, .float64, bits.map { Double($0) * 1e-9 }) { Float($0) }
  }

  @Test("A number that is not finite, or is too large for a float, is reported", arguments: tables)
  func notFinite(_ table: KernelTable<Float>) {
    for (value, isFinite) in [(1.0, true), (.nan, false), (.infinity, false), (1e300, false)] {
      for position in [0, 7, 17] {
        var source = [Double](repeating: 2, count: 18)
        source[position] = value
        var result = [Float](repeating: 0, count: 18)
        let reported = source.withUnsafeBytes { table.gather($0.baseAddress!, .float64, nil, 6, 3, 1, 0, &result) }
        #expect(reported == isFinite, "\(value) at \(position)")
        #expect(result[(position + 1) % 18] == 2)
      }
    }
  }
}
