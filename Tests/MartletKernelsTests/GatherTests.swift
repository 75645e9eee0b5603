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
        let isFinite = bytes.withUnsafeBytes { bytes in
          rows.withAddress { rows in
            let source = SourceRows(
              bytes.baseAddress! + 1, type, columns: columns, rows: rows, scale: 0.5, offset: -1)
            return table.gather(source, rowCount, &result)
          }
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
        let reported = source.withUnsafeBytes {
          table.gather(SourceRows($0.baseAddress!, .float64, columns: 3), 6, &result)
        }
        #expect(reported == isFinite, "\(value) at \(position)")
        #expect(result[(position + 1) % 18] == 2)
      }
    }
  }

  /// Products of all kinds: panels with lines missing, narrow ones, one row, several chunks.
  private static let shapes: [(m: Int, n: Int, k: Int)] = [
    (1, 40, 30), (5, 3, 30), (24, 40, 8), (25, 33, 300), (50, 10, 16), (13, 70, 257), (12, 32, 1), (1, 9, 12),
    (8, 65, 513),
  ]

  private func checkProduct<Element: BitwiseCopyable>(
    _ table: KernelTable<Float>, _ type: SourceType, _ convert: (UInt64) -> Element
  ) {
    for (m, n, k) in Self.shapes {
      for isTransposed in [false, true] {
        let (rows, columns) = isTransposed ? (k, m) : (m, k)
        var numbers = SeededNumbers(m + n + k)
        let elements = (0..<(2 * rows * columns)).map { _ in convert(numbers.bits()) }
        // Every second row, the last one first; then, as they lie, from an odd address.
        for order in [(0..<rows).map { 2 * (rows - 1 - $0) + 1 }, nil] as [[Int]?] {
          var bytes: [UInt8] = [0]
          elements.withUnsafeBytes { bytes += Array($0) }
          bytes.withUnsafeBytes { bytes in
            order.withAddress { order in
              let source = SourceRows(
                bytes.baseAddress! + 1, type, columns: columns, rows: order, scale: 0.01, offset: -0.4)
              var a = [Float](repeating: 0, count: rows * columns)
              #expect(table.gather(source, rows, &a))
              let product = Product(m, n, k, a: a, b: numbers.floats(k * n), aIsTransposed: isTransposed)
              let isSame = sameBits(product.run(table, aSource: source), product.run(table))
              #expect(isSame, "\(type), \(m) x \(n) x \(k), transposed \(isTransposed)")
              // The same in two calls, as two threads would share it.
              var c = product.sentinels
              for part in [0..<(m / 2), (m / 2)..<m] { c = product.run(table, rows: part, c: c, aSource: source) }
              let isSameInParts = sameBits(c, product.run(table))
              #expect(isSameInParts, "\(type), \(m) x \(n) x \(k), transposed \(isTransposed), in parts")
            }
          }
        }
      }
    }
  }

  @Test("A product of rows that it converts itself has the bits of one of gathered rows", arguments: tables)
  func products(_ table: KernelTable<Float>) {
    checkProduct(table, .uint8) { UInt8(truncatingIfNeeded: $0) }
    checkProduct(table, .int32) { Int32(truncatingIfNeeded: $0 % 1000) }
    checkProduct(table, .int64) { Int64($0 % 1000) }
    checkProduct(table, .float32) { Float($0 % 1000) / 7 }
    checkProduct(table, .float64) { Double($0 % 1000) / 7 }
  }

  @Test("The reference converts the rows of a product like those of a batch")
  func reference() {
    let bytes = (0..<(6 * 5)).map { UInt8($0 * 7) }
    bytes.withUnsafeBytes { bytes in
      ([5, 0, 3] as [Int]?).withAddress { order in
        let source = SourceRows(bytes.baseAddress!, .uint8, columns: 5, rows: order, scale: 0.5, offset: -3)
        let rows = [5, 0, 3].map { r in (0..<5).map { Float(bytes[r * 5 + $0]) * 0.5 - 3 } }
        for isTransposed in [false, true] {
          let (m, k) = isTransposed ? (5, 3) : (3, 5)
          let product = Product(
            m, 4, k, a: Array(rows.joined()), b: SeededNumbers(1).seeded(4 * k), aIsTransposed: isTransposed)
          let c = doubles(product.sentinels)
          let expected = product.run(oracle, c: c, convert: Double.init)
          #expect(product.run(oracle, c: c, convert: Double.init, aSource: source) == expected)
        }
      }
    }
  }
}

extension [Int]? {
  /// Call `body` with the address of the elements, or with nil.
  fileprivate func withAddress<Result>(_ body: (UnsafePointer<Int>?) -> Result) -> Result {
    guard let self else { return body(nil) }
    return self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
