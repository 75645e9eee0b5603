// Prediction with one model from any number of threads: each call borrows an executor, with its own arena, from a pool.

import MartletCore
import MartletKernelInterface
import Synchronization

package final class Predictor: Sendable {
  private let model: Model
  private let kernels: KernelTable<Float>
  private let idle = Mutex<[PlanExecutor<Float>]>([])
  private let transformed = Mutex(Transformed())

  /// What convolutions read in place of their kernels.
  private struct Transformed {
    /// nil: not needed yet. It stays where it is, as executors read it.
    var kernels: TensorStorage?
    /// `Model.changeCount` of the weights that they were made of.
    var changeCount: Int?
  }

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
    let executor = try checkOut(rowCount: rowCount)
    defer { checkIn(executor) }
    try executor.predict(x, rowCount: rowCount, into: y, threads: threads)
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
    try executor.predict(
      rowCount: rowCount, into: y, threads: threads, checksInput: checksInput
    ) { index, rows, columns throws(MartletError) in
      try load(index, rows, columns, executor.input(index))
    }
  }

  /// Compute all outputs in double: a plan of its own, with a copy of the weights, made for this call.
  ///
  /// - Parameter reference: kernels in double.
  /// - Throws: as above.
  package func predictInDouble(
    _ x: [InputRows], rowCount: Int, into y: UnsafeMutablePointer<Double>, reference: KernelTable<Double>, threads: Int
  ) throws(MartletError) {
    let weights = try TensorStorage(count: model.layout.count, of: Double.self, purpose: "the weights in double")
    defer { withExtendedLifetime(weights) {} }
    let values = weights.pointer(as: Double.self)
    for index in 0..<model.layout.count { values[index] = Double(model.values[index]) }
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .prediction, maximumBatch: min(rowCount, Predictor.batch))
    let executor = try PlanExecutor(plan: plan, parameters: values, kernels: reference)
    try executor.predict(x, rowCount: rowCount, into: y, threads: threads)
  }

  /// An idle executor that is large enough, or a new one: single rows do not pay for the arena of a full batch.
  private func checkOut(rowCount: Int) throws(MartletError) -> PlanExecutor<Float> {
    let batch = min(rowCount, Predictor.batch)
    let found = idle.withLock { executors in
      executors.firstIndex { $0.plan.maximumBatch >= batch }.map { executors.remove(at: $0) }
    }
    if let found {
      _ = try transformedKernels(for: found.plan)
      return found
    }
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .prediction,
      maximumBatch: batch == 1 ? 1 : Predictor.batch, transformsKernels: true)
    // A prediction reads the weights only.
    return try PlanExecutor(
      plan: plan, parameters: UnsafeMutablePointer(mutating: model.values), kernels: kernels,
      transformedKernels: transformedKernels(for: plan))
  }

  /// The transformed kernels of the weights as they are, the same of every plan of this model: made by the first
  /// prediction after the weights have changed, which the others wait for.
  private func transformedKernels(for plan: Plan) throws(MartletError) -> TensorStorage? {
    guard plan.transformedCount > 0 else { return nil }
    return try transformed.withLock { transformed throws(MartletError) in
      if transformed.kernels == nil {
        transformed.kernels = try TensorStorage(
          count: plan.transformedCount, of: Float.self, purpose: "transformed kernels")
      }
      if let storage = transformed.kernels, transformed.changeCount != model.changeCount {
        plan.transformKernels(of: model.values, into: storage.pointer(as: Float.self), kernels)
        transformed.changeCount = model.changeCount
      }
      return transformed.kernels
    }
  }

  private func checkIn(_ executor: PlanExecutor<Float>) {
    idle.withLock { executors in
      if executors.count < Predictor.maximumIdle { executors.append(executor) }
    }
  }
}
