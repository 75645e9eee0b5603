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
    let metrics = try evaluate(data, threads: threads) { metrics throws(MartletError) in
      batch += 1
      try throwIfInterrupted()
      guard let progress, lastReport.seconds >= Trainer.reportInterval else { return }
      let report = Progress(
        event: .evaluation, epoch: history.epochs.count, epochs: history.epochs.count, batch: batch,
        batches: (data.count + Trainer.evaluationBatch - 1) / Trainer.evaluationBatch, iteration: iteration,
        samples: metrics.samples, seconds: watch.seconds,
        samplesPerSecond: Double(metrics.samples) / max(watch.seconds, 1e-9), learningRate: learningRate,
        training: .none, validation: metrics.metrics)
      keepOutputMetrics(training: nil, validation: metrics)
      if progress(report) {
        throw MartletError(.stopped, "the progress callback stopped the evaluation after \(metrics.samples) rows")
      }
      lastReport.restart()
    }
    keepOutputMetrics(training: nil, validation: metrics)
    return metrics.metrics
  }

  /// - Parameter afterBatch: called after each batch; may throw to end the evaluation.
  func evaluate(
    _ data: Dataset, threads: Int, afterBatch: (MetricAccumulator) throws(MartletError) -> Void
  ) throws(MartletError) -> MetricAccumulator {
    let batch = min(data.count, Trainer.evaluationBatch)
    let executor = try evaluationExecutor(for: data, threads: threads)
    let rows = try BatchRows(capacity: batch, inputs: data.inputs.count)
    var metrics = metricAccumulator(for: executor)
    let regularizationLoss = executor.regularizationLoss()
    defer {
      executor.releaseInputs()
      withExtendedLifetime(rows) {}
    }
    try forEachBlock(of: data, rows: batch) { positions throws(MartletError) in
      try load(data, positions, rows, into: executor, isTraining: false)
      try executor.forward(rows: positions.count, step: 0, threads: threads)
      _ = computeLosses(of: executor, rows: positions.count)
      addMetrics(
        of: executor, rows: positions.count, regularizationLoss + executor.activityLoss(), to: &metrics)
      try afterBatch(metrics)
    }
    return metrics
  }

  /// Check that a dataset fits model and losses: shapes, types, label range, finite numbers. One pass over what a type
  /// does not already guarantee, so that training never has to stop for bad data half way.
  func check(_ data: Dataset) throws(MartletError) {
    try fit.checkCounts(x: data.inputs.count, y: data.targets.count, of: "the dataset")
    for (input, array) in zip(fit.inputs, data.inputs) { try input.check(array.rowShape.dimensions) }
    for (target, array) in zip(fit.targets, data.targets) {
      _ = try target.targetForm(array.rowShape.dimensions, array.elementType)
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
      where !array.isSurelyFinite {
        try checkFinite(array, input.name, positions)
      }
      for (target, array) in zip(fit.targets, data.targets) {
        switch try target.targetForm(array.rowShape.dimensions, array.elementType) {
        case .labels:
          try array.source.gatherLabels(
            rows: rows.of(array, at: positions), classCount: target.shape.lastDimension, name: target.name,
            into: buffer.pointer(as: Int32.self))
        case .values: try checkFinite(array, target.name, positions)
        }
      }
      guard let weights = data.sampleWeights else { return }
      try checkFinite(weights, "weights", positions)
      if let bad = positions.indices.first(where: { values[$0] < 0 }) {
        throw MartletError(
          .invalidArgument,
          "weights has \(values[bad]) in row \(weights.selection.sourceRow(positions[bad])); it must be >= 0")
      }
    }
  }

  /// Put rows of a checked dataset where an executor reads them.
  ///
  /// - Parameter isTraining: whether class weights count.
  func load(
    _ data: Dataset, _ positions: UnsafeBufferPointer<Int>, _ rows: BatchRows, into executor: PlanExecutor<Float>,
    isTraining: Bool
  ) throws(MartletError) {
    var isFinite = true
    func gather(_ array: DatasetArray, _ destination: UnsafeMutablePointer<Float>) throws(MartletError) {
      let isArrayFinite = try array.gather(rows.of(array, at: positions), kernels, into: destination)
      isFinite = isFinite && isArrayFinite
    }
    for (index, array) in data.inputs.enumerated() {
      if executor.convertsInput(index, rows: positions.count),
        let source = rows.ofInput(index, array, at: positions).flatMap(array.inMemory)
      {
        executor.setInput(index, to: source)
      } else {
        try gather(array, executor.input(index))
      }
    }
    for (index, target) in fit.targets.enumerated() {
      let array = data.targets[index]
      batchTargets[index].form = try target.targetForm(array.rowShape.dimensions, array.elementType)
      switch batchTargets[index].form {
      case .labels:
        try array.source.gatherLabels(
          rows: rows.of(array, at: positions), classCount: target.shape.lastDimension, name: target.name,
          into: executor.labels(target.output))
      case .values:
        if let targets = executor.targets(target.output) { try gather(array, targets) }
      }
      if let weights = data.sampleWeights { try gather(weights, executor.rowWeights(target.output)) }
      completeRowWeights(
        index, of: executor, rows: positions.count, hasSampleWeights: data.sampleWeights != nil, isTraining: isTraining)
    }
    guard isFinite else {
      throw MartletError(.invalidArgument, "the data changed during training: a value is NaN or infinite")
    }
  }

  /// Put all rows of a checked dataset where an executor reads them, for training.
  func load(_ data: Dataset, into executor: PlanExecutor<Float>) throws(MartletError) {
    let rows = try BatchRows(capacity: data.count)
    defer { withExtendedLifetime(rows) {} }
    try forEachBlock(of: data, rows: data.count) { positions throws(MartletError) in
      try load(data, positions, rows, into: executor, isTraining: true)
    }
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
    return .notFinite(name, row: sourceRows?[row] ?? row)
  }
}

/// Room for the numbers of a batch's rows in the sources of a dataset: for one array after the other, and for each
/// input that is read where it lies.
struct BatchRows {
  private let storage: TensorStorage
  private let capacity: Int
  private let inputs: Int

  /// - Parameter inputs: how many may be read where they lie; the others are gathered.
  /// - Throws: `outOfMemory`.
  init(capacity: Int, inputs: Int = 0) throws(MartletError) {
    storage = try TensorStorage(count: capacity * (1 + inputs), of: Int.self, purpose: "row numbers")
    (self.capacity, self.inputs) = (capacity, inputs)
  }

  /// The source rows at some positions of the dataset. Valid until the next call, and as long as this object.
  func of(_ array: DatasetArray, at positions: UnsafeBufferPointer<Int>) -> UnsafeBufferPointer<Int> {
    select(array, positions, 0)
  }

  /// Those of an input, valid until the next call for it; nil if it is to be gathered.
  func ofInput(
    _ index: Int, _ array: DatasetArray, at positions: UnsafeBufferPointer<Int>
  ) -> UnsafeBufferPointer<Int>? {
    index < inputs ? select(array, positions, 1 + index) : nil
  }

  private func select(
    _ array: DatasetArray, _ positions: UnsafeBufferPointer<Int>, _ place: Int
  ) -> UnsafeBufferPointer<Int> {
    let rows = storage.pointer(as: Int.self) + place * capacity
    array.selection.sourceRows(positions, into: rows)
    return UnsafeBufferPointer(start: rows, count: positions.count)
  }
}
