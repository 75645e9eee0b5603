// Mean and variance of inputs: what Normalization layers and mean images are made of.

import MartletCore
import MartletKernelInterface

extension Dataset {
  /// Rows read at a time.
  private static let block = 256

  /// Mean and population variance of x (after scaling) over all rows, in double, by Welford's and Chan's updates, which do
  /// not lose digits to large means.
  ///
  /// - Parameters:
  ///   - count: 1 (over everything), the size of the last axis, or all elements of a row.
  ///   - mean, variance: `count` floats each, written at the end; nil if not wanted.
  /// - Throws: `invalidArgument` for another count or values that are not finite; `outOfMemory`.
  package func statistics(
    count: Int, kernels: KernelTable<Float>, mean: UnsafeMutablePointer<Float>?,
    variance: UnsafeMutablePointer<Float>?
  ) throws(MartletError) {
    let columns = x.rowShape.elementCount
    guard columns > 0, [1, x.rowShape.lastDimension, columns].contains(count) else {
      throw MartletError(
        .invalidArgument,
        "count is \(count); rows of shape \(x.rowShape) have 1, \(x.rowShape.lastDimension) or \(columns) statistics")
    }
    let block = min(Dataset.block, self.count)
    let values = try TensorStorage(count: block * columns, of: Float.self, purpose: "rows of x")
    let sums = try TensorStorage(count: 2 * count, of: Double.self, purpose: "statistics of x")
    defer { withExtendedLifetime((values, sums)) {} }
    let means = sums.pointer(as: Double.self)
    let squares = means + count
    var seen = 0.0
    for first in stride(from: 0, to: self.count, by: block) {
      let rows = (first..<min(first + block, self.count)).map { sourceRow($0) }
      let buffer = values.pointer(as: Float.self)
      let isFinite = try gather(rows, kernels, into: buffer)
      guard isFinite else {
        let bad = rows.indices.first { !kernels.allFinite(buffer + $0 * columns, columns) } ?? 0
        throw MartletError(.invalidArgument, "x has a value that is NaN or infinite in row \(rows[bad])")
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

  private func gather(
    _ rows: [Int], _ kernels: KernelTable<Float>, into buffer: UnsafeMutablePointer<Float>
  ) throws(MartletError) -> Bool {
    var result: Result<Bool, MartletError> = .success(true)
    rows.withUnsafeBufferPointer { rows in
      result = Result { () throws(MartletError) in
        try x.gather(rows: rows, scale: scale, offset: offset, kernels: kernels, into: buffer)
      }
    }
    return try result.get()
  }
}
