// An array that a caller hands in for one call: plain data, nothing allocated.

import MartletCore
import MartletKernelInterface

/// [N, …], row-major. Valid during the call only.
package struct RowArray {
  package let base: UnsafeRawPointer
  package let type: ElementType
  /// N first; the caller has checked that there is one, that none is negative and that the bytes can be addressed.
  package let shape: UnsafeBufferPointer<Int64>

  package init(base: UnsafeRawPointer, type: ElementType, shape: UnsafeBufferPointer<Int64>) {
    self.base = base
    self.type = type
    self.shape = shape
  }

  package var rowCount: Int { Int(shape[0]) }

  /// Dimensions of one row.
  package var rowDimensions: Slice<UnsafeBufferPointer<Int64>> { shape.dropFirst() }

  /// The first row with an element that is not finite as a float, if there is one.
  var firstRowNotFinite: Int? {
    guard !type.isInteger else { return nil }
    let columns = rowDimensions.reduce(1) { $0 * Int($1) }
    for index in 0..<(rowCount * columns) {
      let value =
        type == .float32
        ? base.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
        : Float(base.loadUnaligned(fromByteOffset: index * 8, as: Double.self))
      if !value.isFinite { return index / columns }
    }
    return nil
  }

  /// `[32, 10]`
  package var description: String { Shape.describe(shape.map { Int($0) }) }
}

/// Integer labels as the kernels take them.
enum Labels {
  /// Write the labels of `rowCount` rows of `columns` integers each; `rows` nil: rows 0 ..< rowCount.
  ///
  /// - Throws: `invalidArgument` naming the array, the row and the value of a label outside 0 ..< `classCount`.
  static func read(
    _ base: UnsafeRawPointer, _ type: ElementType, rows: UnsafePointer<Int>?, rowCount: Int, columns: Int,
    classCount: Int, name: String, into destination: UnsafeMutablePointer<Int32>
  ) throws(MartletError) {
    for position in 0..<rowCount {
      let row = rows?[position] ?? position
      for column in 0..<columns {
        let index = row * columns + column
        let label: Int
        switch type {
        case .uint8: label = Int(base.loadUnaligned(fromByteOffset: index, as: UInt8.self))
        case .int32: label = Int(base.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
        case .int64: label = Int(base.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
        case .float32, .float64:
          throw MartletError(.invalidArgument, "labels must be integers; \(name) has type \(type)")
        }
        guard label >= 0, label < classCount else {
          throw MartletError(
            .invalidArgument, "\(name) has label \(label) in row \(row); the model has classes 0 to \(classCount - 1)")
        }
        destination[position * columns + column] = Int32(truncatingIfNeeded: label)
      }
    }
  }
}
