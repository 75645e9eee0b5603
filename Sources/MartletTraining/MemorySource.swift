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
    kernels.gather(sourceRows(rows, scale, offset), rows.count, destination)
  }

  package func inMemory(rows: UnsafeBufferPointer<Int>, scale: Float, offset: Float) -> SourceRows? {
    sourceRows(rows, scale, offset)
  }

  private func sourceRows(_ rows: UnsafeBufferPointer<Int>, _ scale: Float, _ offset: Float) -> SourceRows {
    SourceRows(
      base, elementType.sourceType, columns: rowShape.elementCount, rows: rows.baseAddress, scale: scale, offset: offset
    )
  }

  package func gatherLabels(
    rows: UnsafeBufferPointer<Int>, classCount: Int, name: String, into destination: UnsafeMutablePointer<Int32>
  ) throws(MartletError) {
    try Labels.read(
      base, elementType, rows: rows.baseAddress, rowCount: rows.count, columns: rowShape.elementCount,
      classCount: classCount, name: name, into: destination)
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
