// Rows of an array in memory, which the caller lends or this object owns.

import MartletCore
import MartletKernelInterface

package final class MemorySource: RowSource, @unchecked Sendable {
  package let rowCount: Int
  package let rowShape: Shape
  package let elementType: ElementType
  private let base: UnsafeRawPointer
  private let storage: TensorStorage?

  /// Rows in memory that outlives this object.
  package init(borrowing base: UnsafeRawPointer, type: ElementType, rowCount: Int, rowShape: Shape) {
    self.base = base
    self.rowCount = rowCount
    self.rowShape = rowShape
    elementType = type
    storage = nil
  }

  /// Rows in memory of their own.
  package init(owning storage: TensorStorage, type: ElementType, rowCount: Int, rowShape: Shape) {
    precondition(storage.byteCount >= rowCount * rowShape.elementCount * type.byteCount)
    base = UnsafeRawPointer(storage.base)
    self.rowCount = rowCount
    self.rowShape = rowShape
    elementType = type
    self.storage = storage
  }

  package func gather(
    rows: UnsafeBufferPointer<Int>, scale: Float, offset: Float, kernels: KernelTable<Float>,
    into destination: UnsafeMutablePointer<Float>
  ) throws(MartletError) -> Bool {
    kernels.gather(
      base, elementType.sourceType, rows.baseAddress, rows.count, rowShape.elementCount, scale, offset, destination)
  }

  package func gatherLabels(
    rows: UnsafeBufferPointer<Int>, classCount: Int, into destination: UnsafeMutablePointer<Int32>
  ) throws(MartletError) {
    let columns = rowShape.elementCount
    for (position, row) in rows.enumerated() {
      for column in 0..<columns {
        let index = row * columns + column
        let label: Int
        switch elementType {
        case .uint8: label = Int(base.loadUnaligned(fromByteOffset: index, as: UInt8.self))
        case .int32: label = Int(base.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
        case .int64: label = Int(base.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
        case .float32, .float64:
          throw MartletError(.invalidArgument, "labels must be integers; y has type \(elementType)")
        }
        guard label >= 0, label < classCount else {
          throw MartletError(
            .invalidArgument, "label \(label) in row \(row) is outside 0 to \(classCount - 1), the classes of the output")
        }
        destination[position * columns + column] = Int32(truncatingIfNeeded: label)
      }
    }
  }
}

extension ElementType {
  /// The same type as the kernels name it.
  package var sourceType: SourceType {
    switch self {
    case .uint8: .uint8
    case .int32: .int32
    case .int64: .int64
    case .float32: .float32
    case .float64: .float64
    }
  }
}
