// Batch normalisation beside the reference kernels in double, over numbers of rows around a chunk and of columns around
// the vector widths; and parts of rows or columns, which must not change a bit.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct ColumnNormalizationTests {
  /// Arrays that live as long as this.
  private final class Arrays<Scalar> {
    private var all: [UnsafeMutableBufferPointer<Scalar>] = []

    func make(_ values: [Scalar]) -> UnsafeMutablePointer<Scalar> {
      let array = UnsafeMutableBufferPointer<Scalar>.allocate(capacity: values.count)
      _ = array.initialize(from: values)
      all.append(array)
      return array.baseAddress!
    }

    deinit { for array in all { array.deallocate() } }
  }

  /// Everything that a training step computes, of all columns or of two parts.
  private func run<Scalar>(
    _ table: KernelTable<Scalar>, _ rows: Int, _ columns: Int, offset: Float, inParts: Bool = false
  ) -> [String: [Scalar]] where Scalar: BinaryFloatingPoint {
    let arrays = Arrays<Scalar>()
    defer { withExtendedLifetime(arrays) {} }
    func results(_ count: Int) -> UnsafeMutablePointer<Scalar> { arrays.make(.init(repeating: 99, count: count)) }
    let x = arrays.make(SeededNumbers(1).seeded(rows * columns).map { Scalar($0 + offset) })
    let dY = arrays.make(SeededNumbers(2).seeded(rows * columns).map { Scalar($0) })
    let gamma = arrays.make(SeededNumbers(3).seeded(columns).map { Scalar($0) })
    let beta = arrays.make(.init(repeating: 0.5, count: columns))
    let (mean, variance, deviation, scale) = (results(columns), results(columns), results(columns), results(columns))
    let (dBeta, dGamma, shift) = (results(columns), results(columns), results(columns))
    let (y, dX, frozen) = (results(rows * columns), results(rows * columns), results(rows * columns))
    func arguments(_ rowPart: Range<Int>, _ part: Range<Int>) -> NormalizationArguments<Scalar> {
      NormalizationArguments(
        rows: rowPart.count, totalRows: rows, columns: part.count, rowStride: columns,
        x: x + rowPart.lowerBound * columns + part.lowerBound, mean: mean + part.lowerBound,
        deviation: deviation + part.lowerBound, scale: scale + part.lowerBound)
    }
    let columnParts = inParts ? [0..<(columns / 2), (columns / 2)..<columns] : [0..<columns]
    for part in columnParts {
      let j = part.lowerBound
      table.columnMoments(x + j, columns, rows, part.count, mean + j, variance + j)
    }
    table.normalizationScale(variance, 1e-3, gamma, deviation, scale, columns)
    table.normalizationOffset(mean, scale, gamma, beta, shift, columns)
    for part in columnParts {
      let j = part.lowerBound
      table.normalizationSums(arguments(0..<rows, part), dY + j, dBeta + j, dGamma + j)
    }
    for part in inParts ? [0..<(rows / 3), (rows / 3)..<rows] : [0..<rows] {
      let (all, start) = (arguments(part, 0..<columns), part.lowerBound * columns)
      table.normalizeColumns(all, beta, y + start)
      table.normalizationGradient(all, (UnsafePointer(dBeta), UnsafePointer(dGamma)), dY + start, dX + start)
      table.normalizationGradient(all, nil, dY + start, frozen + start)
    }
    func values(_ array: UnsafeMutablePointer<Scalar>, _ count: Int) -> [Scalar] { (0..<count).map { array[$0] } }
    return [
      "mean": values(mean, columns), "variance": values(variance, columns), "deviation": values(deviation, columns),
      "scale": values(scale, columns), "offset": values(shift, columns), "dBeta": values(dBeta, columns),
      "dGamma": values(dGamma, columns),
      "y": values(y, rows * columns), "dX": values(dX, rows * columns), "frozen": values(frozen, rows * columns),
    ]
  }

  @Test("batch normalisation", arguments: tables)
  func beside(_ table: KernelTable<Float>) {
    for rows in [1, 2, 5, 64, 255, 256, 257, 1000] {
      for columns in [1, 3, 4, 7, 8, 16, 17, 33] {
        for offset in [Float(0), 10] {
          let found = run(table, rows, columns, offset: offset)
          let parts = run(table, rows, columns, offset: offset, inParts: true)
          let expected = run(oracle, rows, columns, offset: offset)
          // The longest sums are of 1,000 numbers up to 11, in chains of 64 and less: their relative error is below
          // 100 u. It goes into everything that comes after, times 1 / sqrt(epsilon) = 32 where there is one row.
          let conditioning: Double = rows < 5 ? 32 * 32 : 8
          for (name, values) in found {
            let what = "\(name), \(rows) x \(columns), offset \(offset)"
            #expect(sameBits(values, parts[name] ?? []), "\(what), in parts")
            let exact = expected[name] ?? []
            let scale = max(1, exact.map(abs).max() ?? 0) * (offset == 0 ? 1 : 11)
            let worst = worstError(values, exact) { _ in 100 * u * conditioning * scale }
            #expect(worst.ratio <= 1, "\(what), index \(worst.index)")
          }
        }
      }
    }
  }
}
