// One array of a dataset: a source, and which of its rows count in which order. Datasets made from one another share
// the sources and the orders; arrays that were zipped together may each have an order of its own.

import MartletCore
import MartletKernelInterface

/// Rows of a source in an order.
package struct RowSelection: Sendable {
  /// Rows of the source; nil for as they are.
  private let order: TensorStorage?
  /// Positions in that order.
  private let range: Range<Int>

  /// The first `count` rows of a source as they are.
  package init(count: Int) {
    order = nil
    range = 0..<count
  }

  private init(order: TensorStorage?, range: Range<Int>) {
    self.order = order
    self.range = range
  }

  package var count: Int { range.count }

  /// The source row at position `index`.
  package func sourceRow(_ index: Int) -> Int {
    let position = range.lowerBound + index
    return order?.pointer(as: Int.self)[position] ?? position
  }

  /// The source rows at some positions.
  func sourceRows(_ positions: UnsafeBufferPointer<Int>, into rows: UnsafeMutablePointer<Int>) {
    let order = order?.pointer(as: Int.self)
    for (index, position) in positions.enumerated() {
      rows[index] = order?[range.lowerBound + position] ?? range.lowerBound + position
    }
  }

  /// Some positions of this selection.
  func selecting(_ positions: Range<Int>) -> RowSelection {
    RowSelection(
      order: order, range: (range.lowerBound + positions.lowerBound)..<(range.lowerBound + positions.upperBound))
  }

  /// The same rows, put in the order of `permutation`.
  ///
  /// - Throws: `outOfMemory`.
  func permuted(by permutation: UnsafePointer<Int>) throws(MartletError) -> RowSelection {
    let order = try TensorStorage(count: count, of: Int.self, purpose: "the order of \(count) rows")
    sourceRows(UnsafeBufferPointer(start: permutation, count: count), into: order.pointer(as: Int.self))
    return RowSelection(order: order, range: 0..<count)
  }

  /// Whether two selections are the same by the way they were made; equal rows may differ in it.
  func isSame(as other: RowSelection) -> Bool { order === other.order && range == other.range }
}

/// An input, a target or the weights of a dataset.
package struct DatasetArray: Sendable {
  package let source: any RowSource
  package var selection: RowSelection

  /// Training feeds source * scale + offset.
  package var scale: Float = 1
  package var offset: Float = 0

  package init(_ source: any RowSource) {
    self.source = source
    selection = RowSelection(count: source.rowCount)
  }

  /// Whether no element can be other than finite, by its type.
  var isSurelyFinite: Bool {
    let greatest: Float
    switch elementType {
    case .uint8: greatest = 0x1p8
    case .int32: greatest = 0x1p31
    case .int64: greatest = 0x1p63
    case .float32, .float64: return false
    }
    return (greatest * abs(scale) + abs(offset)).isFinite
  }

  package var rowShape: Shape { source.rowShape }
  package var elementType: ElementType { source.elementType }

  /// Write source * scale + offset of source rows, as floats and without gaps.
  ///
  /// - Returns: whether everything written is finite.
  package func gather(
    _ rows: UnsafeBufferPointer<Int>, _ kernels: KernelTable<Float>, into destination: UnsafeMutablePointer<Float>
  ) throws(MartletError) -> Bool {
    try source.gather(rows: rows, scale: scale, offset: offset, kernels: kernels, into: destination)
  }

  /// The same where they lie, for kernels that convert them on the way; nil if they have to be gathered, as floats
  /// have, to find out whether all are finite.
  func inMemory(_ rows: UnsafeBufferPointer<Int>) -> SourceRows? {
    elementType.isInteger ? source.inMemory(rows: rows, scale: scale, offset: offset) : nil
  }
}
