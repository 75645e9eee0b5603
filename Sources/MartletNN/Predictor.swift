// Prediction with one model from any number of threads: each call borrows an executor, with its own arena, from a pool.

import MartletCore
import MartletKernelInterface
import Synchronization

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

  /// Compute the first output for rows of the first input.
  ///
  /// - Parameters:
  ///   - x: [rowCount, …] in `type`, row-major.
  ///   - y: [rowCount, …] floats, written.
  /// - Throws: `invalidArgument` naming the first row with a value that is not finite; `outOfMemory`.
  package func predict(
    _ x: UnsafeRawPointer, type: SourceType, elementByteCount: Int, rowCount: Int,
    into y: UnsafeMutablePointer<Float>, threads: Int
  ) throws(MartletError) {
    let executor = try checkOut(rowCount: rowCount)
    defer { checkIn(executor) }
    let columns = executor.plan.inputShapes[0].elementCount
    let outputs = executor.plan.outputShapes[0].elementCount
    /// Read block `first`; the rows it has.
    func load(_ first: Int) throws(MartletError) -> Int {
      let rows = min(executor.plan.maximumBatch, rowCount - first)
      let isFinite = kernels.gather(
        x + first * columns * elementByteCount, type, nil, rows, columns, 1, 0, executor.input(0))
      guard isFinite else {
        throw MartletError(
          .invalidArgument,
          "x has a value that is NaN or infinite in row \(first + firstBadRow(executor.input(0), rows, columns))")
      }
      return rows
    }
    let blocks = stride(from: 0, to: rowCount, by: executor.plan.maximumBatch)
    // The first block is checked as it is computed. Were a later one bad, y would be half written: check them before.
    if type == .float32 || type == .float64 {
      for first in blocks.dropFirst() { _ = try load(first) }
    }
    for first in blocks {
      let rows = try load(first)
      try executor.forward(rows: rows, step: 0, threads: threads)
      (y + first * outputs).update(from: executor.output(0), count: rows * outputs)
    }
  }

  private func firstBadRow(_ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int) -> Int {
    (0..<rows).first { !kernels.allFinite(x + $0 * columns, columns) } ?? 0
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
