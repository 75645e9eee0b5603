// Where rows of inputs and targets come from. Training reads through this protocol; memory is one source, MartletIO has
// those of files.

import MartletCore
import MartletKernelInterface

/// Rows of an array. Safe to read from several threads.
package protocol RowSource: AnyObject, Sendable {
  var rowCount: Int { get }
  /// Shape of one row.
  var rowShape: Shape { get }
  var elementType: ElementType { get }

  /// The given rows times scale plus offset, as kernels read them where they lie. nil if they have to be gathered. As
  /// long as this object and the row numbers.
  func inMemory(rows: UnsafeBufferPointer<Int>, scale: Float, offset: Float) -> SourceRows?

  /// Write x * scale + offset of the given rows, as floats and without gaps.
  ///
  /// - Returns: whether everything written is finite.
  func gather(
    rows: UnsafeBufferPointer<Int>, scale: Float, offset: Float, kernels: KernelTable<Float>,
    into destination: UnsafeMutablePointer<Float>
  ) throws(MartletError) -> Bool

  /// Write the given rows of an integer array as labels: `elementCount` of the row shape for each.
  ///
  /// - Throws: `invalidArgument` naming the array, the row and the value of a label outside 0 ..< `classCount`.
  func gatherLabels(
    rows: UnsafeBufferPointer<Int>, classCount: Int, name: String, into destination: UnsafeMutablePointer<Int32>
  ) throws(MartletError)
}
