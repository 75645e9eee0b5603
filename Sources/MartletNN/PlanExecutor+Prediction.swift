// Prediction for any number of rows through a plan for prediction, block by block, in the executor's scalar.

import MartletCore
import MartletKernelInterface

/// Rows of one input of a model, row-major, for one call.
package struct InputRows {
  package let base: UnsafeRawPointer
  package let type: SourceType
  package let elementByteCount: Int

  package init(base: UnsafeRawPointer, type: SourceType, elementByteCount: Int) {
    self.base = base
    self.type = type
    self.elementByteCount = elementByteCount
  }

  var holdsFloats: Bool { type == .float32 || type == .float64 }
}

extension PlanExecutor {
  /// Compute all outputs for rows in memory.
  ///
  /// - Parameter x: `rowCount` rows for each input of the model.
  /// - Throws: as below.
  @_specialize(where Scalar == Float)
  func predict(
    _ x: [InputRows], rowCount: Int, into y: UnsafeMutablePointer<Scalar>, threads: Int
  ) throws(MartletError) {
    defer { releaseInputs() }
    try predict(
      rowCount: rowCount, into: y, threads: threads, checksInput: { x[$0].holdsFloats }
    ) { index, rows, columns in
      read(x[index], from: rows.lowerBound, rowCount: rows.count, columns: columns, asInput: index)
    }
  }

  /// Make rows those of an input: where they lie, if they are this plan's scalars, or whole numbers that products can
  /// convert; else converted now.
  ///
  /// Whoever calls this calls `releaseInputs` before the rows may go away.
  ///
  /// - Parameter first: where they begin in `rows`.
  /// - Returns: whether all values are finite.
  @_specialize(where Scalar == Float)
  package func read(
    _ rows: InputRows, from first: Int, rowCount: Int, columns: Int, asInput index: Int
  ) -> Bool {
    let base = rows.base + first * columns * rows.elementByteCount
    guard Scalar.self == Float.self, rows.type == .float32 else {
      let source = SourceRows(base, rows.type, columns: columns)
      guard !rows.holdsFloats && convertsInput(index, rows: rowCount) else {
        return kernels.gather(source, rowCount, input(index))
      }
      setInput(index, to: source)
      return true
    }
    let values = base.assumingMemoryBound(to: Scalar.self)
    setInput(index, to: values)
    return kernels.allFinite(values, rowCount * columns)
  }

  /// Compute all outputs for rows that `load` reads.
  ///
  /// - Parameters:
  ///   - y: the outputs one after the other, each [rowCount, …] scalars; written.
  ///   - checksInput: whether an input may hold values that are not finite.
  ///   - load: brings a range of rows of an input, of so many columns each, to where the plan reads them (`input`,
  ///     `setInput`), and says whether all values are finite.
  /// - Throws: `invalidArgument` naming the first row with a value that is not finite, before anything is written;
  ///   `outOfMemory`; what `load` throws.
  @_specialize(where Scalar == Float)
  func predict(
    rowCount: Int, into y: UnsafeMutablePointer<Scalar>, threads: Int, checksInput: (Int) -> Bool,
    load: (Int, Range<Int>, Int) throws(MartletError) -> Bool
  ) throws(MartletError) {
    let inputs = plan.inputShapes.indices
    func fill(_ index: Int, _ rows: Range<Int>) throws(MartletError) {
      let columns = plan.inputShapes[index].elementCount
      guard try load(index, rows, columns) else {
        let values = value(ofInput: index)
        let bad = (0..<rows.count).first { !kernels.allFinite(values + $0 * columns, columns) } ?? 0
        let name = inputs.count == 1 ? "x" : "x[\(index)]"
        throw MartletError.notFinite(name, row: rows.lowerBound + bad, isFloat: Scalar.self == Float.self)
      }
    }
    let starts = stride(from: 0, to: rowCount, by: plan.maximumBatch)
    func block(_ start: Int) -> Range<Int> { start..<min(start + plan.maximumBatch, rowCount) }
    // The first block is checked as it is computed. Were a later one bad, y would be half written: check them before.
    for index in inputs where checksInput(index) {
      for start in starts.dropFirst() { try fill(index, block(start)) }
    }
    for start in starts {
      let rows = block(start)
      for index in inputs { try fill(index, rows) }
      try forward(rows: rows.count, step: 0, threads: threads)
      var destination = y
      for (index, shape) in plan.outputShapes.enumerated() {
        (destination + rows.lowerBound * shape.elementCount).update(
          from: output(index), count: rows.count * shape.elementCount)
        destination += rowCount * shape.elementCount
      }
    }
  }
}
