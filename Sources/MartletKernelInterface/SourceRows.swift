// Rows of a dataset as they lie in memory: of any element type, to be scaled, in any order. Kernels convert them.

/// Element types that rows can have; raw values as in `martlet.h`.
package enum SourceType: Int32, Sendable, BitwiseCopyable {
  case uint8 = 1, int32, int64, float32, float64

  package var byteCount: Int {
    switch self {
    case .uint8: 1
    case .int32, .float32: 4
    case .int64, .float64: 8
    }
  }
}

/// A matrix whose element (r, j) is source[rows[r], j] * scale + offset: converted to the scalar of the kernels, to
/// which 64-bit numbers are rounded, then multiplied, then added.
package struct SourceRows: @unchecked Sendable, BitwiseCopyable {
  /// Of any alignment.
  package private(set) var base: UnsafeRawPointer
  package let type: SourceType
  /// Also the elements from one row of the source to the next.
  package let columns: Int
  package private(set) var rows: UnsafePointer<Int>?
  package let scale: Float
  package let offset: Float

  /// Unscaled, numbers stay as they are: -0 too, to which -0 is added.
  ///
  /// - Parameter rows: which rows of the source they are; nil for all in their order.
  package init(
    _ base: UnsafeRawPointer, _ type: SourceType, columns: Int, rows: UnsafePointer<Int>? = nil, scale: Float = 1,
    offset: Float = -0.0
  ) {
    self.base = base
    self.type = type
    self.columns = columns
    self.rows = rows
    self.scale = scale
    self.offset = offset
  }

  /// The part that begins at (r, j).
  package func from(_ r: Int, _ j: Int) -> SourceRows {
    var part = self
    part.rows = rows.map { $0 + r }
    part.base += ((rows == nil ? r * columns : 0) + j) * type.byteCount
    return part
  }
}
