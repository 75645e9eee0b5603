// Reading batches, checking data before training starts, and evaluation.

import MartletCore
import MartletKernelInterface
import MartletNN

extension Trainer {
  /// Rows that evaluation and checks work on at a time; results do not depend on it.
  static let evaluationBatch = 256

  /// Loss and metrics over a dataset, as in prediction.
  ///
  /// - Parameter progress: told the averages so far, now and then; returns true to stop.
  /// - Throws: `invalidArgument`, `invalidState`, `outOfMemory`, `stopped`, `interrupted`.
  package func evaluate(
    _ data: Dataset, threads: Int, progress: ((Progress) -> Bool)? = nil
  ) throws(MartletError) -> Metrics {
    try check(data)
    let watch = Stopwatch()
    var lastReport = Stopwatch()
    var batch = 0
    return try evaluate(data, threads: threads) { metrics throws(MartletError) in
      batch += 1
      try throwIfInterrupted()
      guard let progress, lastReport.seconds >= Trainer.reportInterval else { return }
      let report = Progress(
        event: .evaluation, epoch: history.count, epochs: history.count, batch: batch,
        batches: (data.count + Trainer.evaluationBatch - 1) / Trainer.evaluationBatch, iteration: iteration,
        samples: metrics.samples, seconds: watch.seconds,
        samplesPerSecond: Double(metrics.samples) / max(watch.seconds, 1e-9), learningRate: learningRate,
        training: .none, validation: metrics.metrics)
      if progress(report) {
        throw MartletError(.stopped, "the progress callback stopped the evaluation after \(metrics.samples) rows")
      }
      lastReport.restart()
    }
  }

  /// - Parameter afterBatch: called after each batch; may throw to end the evaluation.
  func evaluate(
    _ data: Dataset, threads: Int, afterBatch: (MetricAccumulator) throws(MartletError) -> Void
  ) throws(MartletError) -> Metrics {
    let batch = min(data.count, Trainer.evaluationBatch)
    let executor = try evaluationExecutor(for: data, threads: threads)
    var metrics = MetricAccumulator(kind: accuracyKind(executor), topK: options.topK)
    let regularizationLoss = executor.regularizationLoss()
    try forEachBlock(of: data, rows: batch) { rows throws(MartletError) in
      let form = try load(data, rows, into: executor)
      try executor.forward(rows: rows.count, step: 0, threads: threads)
      addLoss(of: executor, rows: rows.count, form, regularizationLoss, &metrics)
      try afterBatch(metrics)
    }
    return metrics.metrics
  }

  /// Check that a dataset fits model and loss: shapes, types, label range, finite numbers. One pass over what a type does
  /// not already guarantee, so that training never has to stop for bad data half way.
  func check(_ data: Dataset) throws(MartletError) {
    try fit.checkInput(data.x.rowShape.dimensions)
    guard let y = data.y else {
      throw MartletError(.invalidArgument, "the dataset has no y; loss '\(fit.loss.name)' needs targets")
    }
    let form = try fit.targetForm(y.rowShape.dimensions, y.elementType)
    let block = min(data.count, Trainer.evaluationBatch)
    let widest = max(data.x.rowShape.elementCount, y.rowShape.elementCount)
    let buffer = try TensorStorage(count: block * widest, of: Float.self, purpose: "checking \(block) rows")
    defer { withExtendedLifetime(buffer) {} }
    try forEachBlock(of: data, rows: block) { rows throws(MartletError) in
      if !data.x.elementType.isInteger || !(data.scale.isFinite && data.offset.isFinite) {
        let values = buffer.pointer(as: Float.self)
        let isFinite = try data.x.gather(
          rows: rows, scale: data.scale, offset: data.offset, kernels: kernels, into: values)
        if !isFinite { throw notFinite("x", values, data.x.rowShape.elementCount, rows.count, of: rows) }
      }
      switch form {
      case .labels:
        try y.gatherLabels(
          rows: rows, classCount: fit.output.lastDimension, into: buffer.pointer(as: Int32.self))
      case .values:
        let values = buffer.pointer(as: Float.self)
        let isFinite = try y.gather(rows: rows, scale: 1, offset: 0, kernels: kernels, into: values)
        if !isFinite { throw notFinite("y", values, y.rowShape.elementCount, rows.count, of: rows) }
      }
    }
  }

  /// Put rows of a checked dataset where an executor reads them.
  func load(
    _ data: Dataset, _ rows: UnsafeBufferPointer<Int>, into executor: PlanExecutor<Float>
  ) throws(MartletError) -> TargetForm {
    var isFinite = try data.x.gather(
      rows: rows, scale: data.scale, offset: data.offset, kernels: kernels, into: executor.input(0))
    guard let y = data.y, let targets = executor.targets else {
      throw MartletError(.internalError, "a plan with a loss has no targets")
    }
    let form = try fit.targetForm(y.rowShape.dimensions, y.elementType)
    switch form {
    case .labels:
      try y.gatherLabels(rows: rows, classCount: fit.output.lastDimension, into: executor.labels)
    case .values:
      let targetsAreFinite = try y.gather(rows: rows, scale: 1, offset: 0, kernels: kernels, into: targets)
      isFinite = isFinite && targetsAreFinite
    }
    guard isFinite else {
      throw MartletError(.invalidArgument, "the data changed during training: a value is NaN or infinite")
    }
    return form
  }

  /// Source rows of a dataset, block by block.
  private func forEachBlock(
    of data: Dataset, rows block: Int, _ body: (UnsafeBufferPointer<Int>) throws(MartletError) -> Void
  ) throws(MartletError) {
    let storage = try TensorStorage(count: block, of: Int.self, purpose: "row numbers")
    defer { withExtendedLifetime(storage) {} }
    let rows = storage.pointer(as: Int.self)
    for first in stride(from: 0, to: data.count, by: block) {
      let count = min(block, data.count - first)
      for index in 0..<count { rows[index] = data.sourceRow(first + index) }
      try body(UnsafeBufferPointer(start: rows, count: count))
    }
  }

  /// The error for `rowCount` rows of which one has a value that is not finite.
  ///
  /// - Parameter sourceRows: which rows of the caller's array they are; nil for the first ones.
  func notFinite(
    _ name: String, _ values: UnsafePointer<Float>, _ columns: Int, _ rowCount: Int,
    of sourceRows: UnsafeBufferPointer<Int>? = nil
  ) -> MartletError {
    let row = (0..<rowCount).first { !kernels.allFinite(values + $0 * columns, columns) } ?? 0
    return MartletError(
      .invalidArgument, "\(name) has a value that is NaN or infinite in row \(sourceRows?[row] ?? row)")
  }
}
