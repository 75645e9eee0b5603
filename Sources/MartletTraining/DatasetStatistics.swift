// Mean and variance of inputs: what Normalization layers and mean images are made of.

import MartletCore
import MartletKernelInterface

extension Dataset {
  /// Rows read at a time.
  private static let block = 256

  /// Mean and population variance of x (after scaling) over all rows, in double, by Welford's and Chan's updates, which
  /// do not lose digits to large means.
  ///
  /// - Parameters:
  ///   - count: 1 (over everything), the size of the last axis, or all elements of a row.
  ///   - mean, variance: `count` floats each, written at the end; nil if not wanted.
  /// - Throws: `invalidState` unless there is exactly one x; `invalidArgument` for another count or values that are not
  ///   finite; `outOfMemory`.
  package func statistics(
    count: Int, kernels: KernelTable<Float>, mean: UnsafeMutablePointer<Float>?,
    variance: UnsafeMutablePointer<Float>?
  ) throws(MartletError) {
    let x = try onlyInput("have statistics")
    let columns = x.rowShape.elementCount
    guard columns > 0, [1, x.rowShape.lastDimension, columns].contains(count) else {
      throw MartletError(
        .invalidArgument,
        "count is \(count); rows of shape \(x.rowShape) have 1, \(x.rowShape.lastDimension) or \(columns) statistics")
    }
    let block = min(Dataset.block, self.count)
    let values = try TensorStorage(count: block * columns, of: Float.self, purpose: "rows of x")
    let sums = try TensorStorage(count: 2 * count, of: Double.self, purpose: "statistics of x")
    let rowNumbers = try TensorStorage(count: block, of: Int.self, purpose: "row numbers")
    defer { withExtendedLifetime((values, sums, rowNumbers)) {} }
    let means = sums.pointer(as: Double.self)
    let squares = means + count
    var seen = 0.0
    for first in stride(from: 0, to: self.count, by: block) {
      let rows = UnsafeBufferPointer(
        start: rowNumbers.pointer(as: Int.self), count: min(block, self.count - first))
      for index in rows.indices { rowNumbers.pointer(as: Int.self)[index] = x.selection.sourceRow(first + index) }
      let buffer = values.pointer(as: Float.self)
      guard try x.gather(rows, kernels, into: buffer) else {
        let bad = rows.indices.first { !kernels.allFinite(buffer + $0 * columns, columns) } ?? 0
        throw MartletError.notFinite("x", row: rows[bad])
      }
      for row in 0..<(rows.count * columns / count) {
        seen += 1
        for column in 0..<count {
          let value = Double(buffer[row * count + column])
          let difference = value - means[column]
          means[column] += difference / seen
          squares[column] += difference * (value - means[column])
        }
      }
    }
    for column in 0..<count {
      mean?[column] = Float(means[column])
      variance?[column] = Float(squares[column] / seen)
    }
  }
}
