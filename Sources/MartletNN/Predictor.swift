// Prediction with one model from any number of threads: each call borrows an executor, with its own arena, from a pool.

import MartletCore
import MartletKernelInterface
import Synchronization

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
}

package final class Predictor: Sendable {
  private let model: Model
  private let kernels: KernelTable<Float>
  private let idle = Mutex<[PlanExecutor<Float>]>([])

  /// Rows computed at a time: enough for the matrix products to run at full speed, while the activations of ordinary
  /// networks stay in cache.
  package static let batch = 256

  /// Executors kept for the next call.
  private static let maximumIdle = 16

  package init(model: Model, kernels: KernelTable<Float>) {
    self.model = model
    self.kernels = kernels
  }

  /// Compute all outputs.
  ///
  /// - Parameters:
  ///   - x: `rowCount` rows for each input of the model.
  ///   - y: the outputs one after the other, each [rowCount, …] floats; written.
  /// - Throws: `invalidArgument` naming the first row with a value that is not finite, before anything is written;
  ///   `outOfMemory`.
  package func predict(
    _ x: [InputRows], rowCount: Int, into y: UnsafeMutablePointer<Float>, threads: Int
  ) throws(MartletError) {
    try predict(
      rowCount: rowCount, into: y, threads: threads, checksInput: { x[$0].type == .float32 || x[$0].type == .float64 }
    ) { index, rows, columns, destination in
      let input = x[index]
      return kernels.gather(
        input.base + rows.lowerBound * columns * input.elementByteCount, input.type, nil, rows.count, columns, 1, 0,
        destination)
    }
  }

  /// Compute all outputs for rows that `load` reads.
  ///
  /// - Parameters:
  ///   - checksInput: whether an input may hold values that are not finite.
  ///   - load: writes a range of rows of an input, of so many columns each, and says whether all values are finite.
  /// - Throws: as above, and what `load` throws.
  package func predict(
    rowCount: Int, into y: UnsafeMutablePointer<Float>, threads: Int, checksInput: (Int) -> Bool,
    load: (Int, Range<Int>, Int, UnsafeMutablePointer<Float>) throws(MartletError) -> Bool
  ) throws(MartletError) {
    let executor = try checkOut(rowCount: rowCount)
    defer { checkIn(executor) }
    let inputs = executor.plan.inputShapes.indices
    func fill(_ index: Int, _ rows: Range<Int>) throws(MartletError) {
      let columns = executor.plan.inputShapes[index].elementCount
      let destination = executor.input(index)
      guard try load(index, rows, columns, destination) else {
        let bad = (0..<rows.count).first { !kernels.allFinite(destination + $0 * columns, columns) } ?? 0
        let name = inputs.count == 1 ? "x" : "x[\(index)]"
        throw MartletError(
          .invalidArgument, "\(name) has a value that is NaN or infinite in row \(rows.lowerBound + bad)")
      }
    }
    let starts = stride(from: 0, to: rowCount, by: executor.plan.maximumBatch)
    func block(_ start: Int) -> Range<Int> { start..<min(start + executor.plan.maximumBatch, rowCount) }
    // The first block is checked as it is computed. Were a later one bad, y would be half written: check them before.
    for index in inputs where checksInput(index) {
      for start in starts.dropFirst() { try fill(index, block(start)) }
    }
    for start in starts {
      let rows = block(start)
      for index in inputs { try fill(index, rows) }
      try executor.forward(rows: rows.count, step: 0, threads: threads)
      var output = y
      for (index, shape) in executor.plan.outputShapes.enumerated() {
        (output + rows.lowerBound * shape.elementCount).update(
          from: executor.output(index), count: rows.count * shape.elementCount)
        output += rowCount * shape.elementCount
      }
    }
  }

  /// An idle executor that is large enough, or a new one: single rows do not pay for the arena of a full batch.
  private func checkOut(rowCount: Int) throws(MartletError) -> PlanExecutor<Float> {
    let batch = min(rowCount, Predictor.batch)
    let found = idle.withLock { executors in
      executors.firstIndex { $0.plan.maximumBatch >= batch }.map { executors.remove(at: $0) }
    }
    if let found { return found }
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .prediction,
      maximumBatch: batch == 1 ? 1 : Predictor.batch)
    return try PlanExecutor(plan: plan, parameters: model.values, kernels: kernels)
  }

  private func checkIn(_ executor: PlanExecutor<Float>) {
    idle.withLock { executors in
      if executors.count < Predictor.maximumIdle { executors.append(executor) }
    }
  }
}
