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
    let rows = try BatchRows(capacity: batch)
    var metrics = MetricAccumulator(kind: accuracyKind(executor), topK: options.topK)
    let regularizationLoss = executor.regularizationLoss()
    defer { withExtendedLifetime(rows) {} }
    try forEachBlock(of: data, rows: batch) { positions throws(MartletError) in
      let form = try load(data, positions, rows, into: executor)
      try executor.forward(rows: positions.count, step: 0, threads: threads)
      addLoss(of: executor, rows: positions.count, form, regularizationLoss, &metrics)
      try afterBatch(metrics)
    }
    return metrics.metrics
  }

  /// Check that a dataset fits model and losses: shapes, types, label range, finite numbers. One pass over what a type does
  /// not already guarantee, so that training never has to stop for bad data half way.
  func check(_ data: Dataset) throws(MartletError) {
    try fit.checkCounts(inputs: data.inputs.count, targets: data.targets.count, of: "the dataset")
    guard data.sampleWeights == nil else {
      throw MartletError(.unsupported, "training with sample weights is not there yet")
    }
    for (input, array) in zip(fit.inputs, data.inputs) { try input.check(array.rowShape.dimensions) }
    for (output, array) in zip(fit.outputs, data.targets) {
      _ = try output.targetForm(array.rowShape.dimensions, array.elementType)
    }
    let block = min(data.count, Trainer.evaluationBatch)
    let widest = (data.inputs + data.targets).map(\.rowShape.elementCount).max() ?? 1
    let buffer = try TensorStorage(count: block * widest, of: Float.self, purpose: "checking \(block) rows")
    let rows = try BatchRows(capacity: block)
    defer { withExtendedLifetime((buffer, rows)) {} }
    let values = buffer.pointer(as: Float.self)
    func checkFinite(
      _ array: DatasetArray, _ name: String, _ positions: UnsafeBufferPointer<Int>
    ) throws(MartletError) {
      let rows = rows.of(array, at: positions)
      guard try array.gather(rows, kernels, into: values) else {
        throw notFinite(name, values, array.rowShape.elementCount, rows.count, of: rows)
      }
    }
    try forEachBlock(of: data, rows: block) { positions throws(MartletError) in
      for (input, array) in zip(fit.inputs, data.inputs)
      where !array.elementType.isInteger || !(array.scale.isFinite && array.offset.isFinite) {
        try checkFinite(array, input.name, positions)
      }
      for (output, array) in zip(fit.outputs, data.targets) {
        switch try output.targetForm(array.rowShape.dimensions, array.elementType) {
        case .labels:
          try array.source.gatherLabels(
            rows: rows.of(array, at: positions), classCount: output.shape.lastDimension, name: output.name,
            into: buffer.pointer(as: Int32.self))
        case .values: try checkFinite(array, output.name, positions)
        }
      }
    }
  }

  /// Put rows of a checked dataset where an executor reads them.
  func load(
    _ data: Dataset, _ positions: UnsafeBufferPointer<Int>, _ rows: BatchRows, into executor: PlanExecutor<Float>
  ) throws(MartletError) -> TargetForm {
    var isFinite = true
    for (index, array) in data.inputs.enumerated() {
      let inputIsFinite = try array.gather(rows.of(array, at: positions), kernels, into: executor.input(index))
      isFinite = isFinite && inputIsFinite
    }
    guard let targets = executor.targets(0) else {
      throw MartletError(.internalError, "a plan with a loss has no targets")
    }
    let array = data.targets[0]
    let output = fit.outputs[0]
    let form = try output.targetForm(array.rowShape.dimensions, array.elementType)
    switch form {
    case .labels:
      try array.source.gatherLabels(
        rows: rows.of(array, at: positions), classCount: output.shape.lastDimension, name: output.name,
        into: executor.labels(0))
    case .values:
      let targetsAreFinite = try array.gather(rows.of(array, at: positions), kernels, into: targets)
      isFinite = isFinite && targetsAreFinite
    }
    guard isFinite else {
      throw MartletError(.invalidArgument, "the data changed during training: a value is NaN or infinite")
    }
    return form
  }

  /// Positions 0, 1, … of a dataset, block by block.
  private func forEachBlock(
    of data: Dataset, rows block: Int, _ body: (UnsafeBufferPointer<Int>) throws(MartletError) -> Void
  ) throws(MartletError) {
    let storage = try TensorStorage(count: block, of: Int.self, purpose: "row numbers")
    defer { withExtendedLifetime(storage) {} }
    let positions = storage.pointer(as: Int.self)
    for first in stride(from: 0, to: data.count, by: block) {
      let count = min(block, data.count - first)
      for index in 0..<count { positions[index] = first + index }
      try body(UnsafeBufferPointer(start: positions, count: count))
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

/// Room for the rows of a batch in the source of one array of a dataset after the other.
struct BatchRows {
  private let storage: TensorStorage

  /// - Throws: `outOfMemory`.
  init(capacity: Int) throws(MartletError) {
    storage = try TensorStorage(count: capacity, of: Int.self, purpose: "row numbers")
  }

  /// The source rows at some positions of the dataset. Valid until the next call, and as long as this object.
  func of(_ array: DatasetArray, at positions: UnsafeBufferPointer<Int>) -> UnsafeBufferPointer<Int> {
    let rows = storage.pointer(as: Int.self)
    array.selection.sourceRows(positions, into: rows)
    return UnsafeBufferPointer(start: rows, count: positions.count)
  }
}
