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
  private static let batch = 256

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
    let executor = try checkOut(rowCount: rowCount)
    defer { checkIn(executor) }
    let blocks = stride(from: 0, to: rowCount, by: executor.plan.maximumBatch)
    // The first block is checked as it is computed. Were a later one bad, y would be half written: check them before.
    for (index, input) in x.enumerated() where input.type == .float32 || input.type == .float64 {
      for first in blocks.dropFirst() { _ = try load(x, index, first, rowCount, into: executor) }
    }
    for first in blocks {
      var rows = 0
      for index in x.indices { rows = try load(x, index, first, rowCount, into: executor) }
      try executor.forward(rows: rows, step: 0, threads: threads)
      var output = y
      for (index, shape) in executor.plan.outputShapes.enumerated() {
        (output + first * shape.elementCount).update(from: executor.output(index), count: rows * shape.elementCount)
        output += rowCount * shape.elementCount
      }
    }
  }

  /// Read the block of one input that begins at row `first`.
  ///
  /// - Returns: the rows it has.
  private func load(
    _ x: [InputRows], _ index: Int, _ first: Int, _ rowCount: Int, into executor: PlanExecutor<Float>
  ) throws(MartletError) -> Int {
    let columns = executor.plan.inputShapes[index].elementCount
    let rows = min(executor.plan.maximumBatch, rowCount - first)
    let destination = executor.input(index)
    let isFinite = kernels.gather(
      x[index].base + first * columns * x[index].elementByteCount, x[index].type, nil, rows, columns, 1, 0,
      destination)
    guard isFinite else {
      let bad = (0..<rows).first { !kernels.allFinite(destination + $0 * columns, columns) } ?? 0
      let name = x.count == 1 ? "x" : "x[\(index)]"
      throw MartletError(.invalidArgument, "\(name) has a value that is NaN or infinite in row \(first + bad)")
    }
    return rows
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
