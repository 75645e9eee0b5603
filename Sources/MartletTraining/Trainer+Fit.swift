// The loop over epochs and batches, with what it tells the caller on the way.

import MartletCore
import MartletKernelInterface
import MartletNN

extension Trainer {
  /// Train for `options.epochs` more epochs, or `options.iterations` steps if that is earlier.
  ///
  /// - Parameter progress: returns true to stop.
  /// - Throws: `invalidArgument`, `invalidState`, `outOfMemory` before anything is trained; `stopped`, `interrupted`
  ///   with the weights as they are; `notFinite` with the weights before the step in question.
  package func fit(
    _ data: Dataset, validation: Dataset?, options: FitOptions, threads: Int, progress: ((Progress) -> Bool)?
  ) throws(MartletError) {
    try options.validate()
    try check(data)
    guard options.batchSize <= data.count else {
      throw MartletError(
        .invalidArgument,
        "batch_size is \(options.batchSize), but the training data have \(data.count) rows (0 means all rows)")
    }
    let batchSize = options.batchSize == 0 ? data.count : options.batchSize
    if let validation {
      try check(validation)
    } else if let earlyStopping = options.earlyStopping, earlyStopping.monitor.needsValidation {
      throw MartletError(.invalidArgument, "early stopping monitors validation, but validation is NULL")
    }
    let executor = try trainingExecutor(batchSize, threads: threads)
    if options.earlyStopping?.monitor.isAccuracy == true { try checkHasAccuracy(executor) }
    // What validation needs is had before the first step, so that a lack of memory cannot show after it.
    if let validation { _ = try evaluationExecutor(for: validation, threads: threads) }
    let order = try TensorStorage(count: data.count, of: Int.self, purpose: "the order of \(data.count) rows")
    let rows = try BatchRows(capacity: batchSize, inputs: data.inputs.count)
    defer {
      executor.releaseInputs()
      withExtendedLifetime((order, rows)) {}
    }
    var probe =
      options.collectsLayerStatistics
      ? try LayerProbe(
        model, losses: losses.map(\.configuration), batch: batchSize, seed: seed, kernels: kernels,
        threads: threads) : nil
    var stopping = options.earlyStopping.map { EarlyStoppingState($0) }
    let best =
      options.earlyStopping?.restoresBest == true
      ? try TensorStorage(count: model.layout.count, of: Float.self, purpose: "the best weights") : nil
    hasGradients = false
    forwardRowCount = 0

    let firstEpoch = history.epochs.count
    let endEpoch = Trainer.sum(firstEpoch, options.epochs)
    let lastIteration = options.iterations > 0 ? Trainer.sum(iteration, options.iterations) : Int.max
    var epoch = firstEpoch
    while epoch < endEpoch, iteration < lastIteration {
      var state = EpochState(
        options: options, epoch: epoch, endEpoch: endEpoch, batchSize: batchSize,
        batches: options.dropsLast ? data.count / batchSize : (data.count + batchSize - 1) / batchSize,
        metrics: metricAccumulator(for: executor))
      let positions = positions(of: data, shuffled: options.shuffles, epoch: epoch, in: order)
      try train(executor, data, positions, rows, &state, &probe, until: lastIteration, threads, progress)
      let end = try finish(&state, validation, threads, progress)
      history.epochs.append(end)
      history.outputs.append(outputMetrics)
      history.layers.append(probe?.finish(model) ?? [])
      learningRate *= self.options.learningRateDecay
      let verdict = stopping?.judge(end)
      if verdict == .improved {
        bestEpoch = epoch
        best?.pointer(as: Float.self).update(from: model.values, count: model.layout.count)
      }
      if progress?(end) == true { throw stop(state) }
      if verdict == .stop { break }
      epoch += 1
    }
    useAverage()
    restore(best, stopping)
  }

  // MARK: Inside

  /// What one epoch has seen so far.
  struct EpochState {
    let options: FitOptions
    let epoch: Int
    let endEpoch: Int
    let batchSize: Int
    let batches: Int
    var metrics: MetricAccumulator
    var batch = 0
    var trainingSeconds = 0.0
    let watch = Stopwatch()
    var lastReport = Stopwatch()
  }

  private func train(
    _ executor: PlanExecutor<Float>, _ data: Dataset, _ positions: UnsafePointer<Int>, _ rows: BatchRows,
    _ state: inout EpochState, _ probe: inout LayerProbe?, until lastIteration: Int, _ threads: Int,
    _ progress: ((Progress) -> Bool)?
  ) throws(MartletError) {
    while state.batch < state.batches, iteration < lastIteration {
      let first = state.batch * state.batchSize
      let count = min(state.batchSize, data.count - first)
      let batch = UnsafeBufferPointer(start: positions + first, count: count)
      if state.batch == state.batches - 1 || iteration == lastIteration - 1 {
        try look(data, batch, rows, &probe, threads)
      }
      try load(data, batch, rows, into: executor, isTraining: true)
      do {
        try step(executor, rows: count, threads: threads, &state.metrics)
      } catch {
        // Who asked not to stop has the step left out.
        guard error.code == .notFinite, !state.options.stopsOnNotFinite else {
          throw MartletError(
            error.code, "\(error.message) in epoch \(state.epoch), step \(iteration) (both counted from 0)")
        }
      }
      state.batch += 1
      state.trainingSeconds = state.watch.seconds
      try report(.batchEnd, &state, progress)
    }
  }

  /// The step that comes, layer by layer, without changing a weight.
  private func look(
    _ data: Dataset, _ batch: UnsafeBufferPointer<Int>, _ rows: BatchRows, _ probe: inout LayerProbe?, _ threads: Int
  ) throws(MartletError) {
    guard let executor = probe?.executor else { return }
    try load(data, batch, rows, into: executor, isTraining: true)
    try executor.forward(rows: batch.count, step: UInt64(iteration), threads: threads)
    probe?.lookAtValues(rows: batch.count)
    _ = computeLosses(of: executor, rows: batch.count)
    executor.backward(rule: nil, slots: optimizerState.slots)
    probe?.lookAtGradients(of: model)
  }

  private func finish(
    _ state: inout EpochState, _ validation: Dataset?, _ threads: Int, _ progress: ((Progress) -> Bool)?
  ) throws(MartletError) -> Progress {
    var metrics: MetricAccumulator?
    if let validation {
      metrics = try evaluate(validation, threads: threads) { seen throws(MartletError) in
        try report(.evaluation, &state, progress, validation: seen)
      }
    }
    keepOutputMetrics(training: state.metrics, validation: metrics)
    return snapshot(state, .epochEnd, validation: metrics?.metrics ?? .none)
  }

  private func checkHasAccuracy(_ executor: PlanExecutor<Float>) throws(MartletError) {
    guard losses.count == 1 else {
      throw MartletError(
        .invalidArgument,
        "early stopping monitors accuracy, which is that of one output; model '\(model.graph.name)' has \(losses.count)"
      )
    }
    guard accuracyKinds(executor) != [.none] else {
      throw MartletError(
        .invalidArgument,
        "early stopping monitors accuracy, which loss '\(losses[0].configuration.loss.name)' does not have")
    }
  }

  /// Let the caller know, and hear whether to go on.
  private func report(
    _ event: Progress.Event, _ state: inout EpochState, _ progress: ((Progress) -> Bool)?,
    validation: MetricAccumulator? = nil
  ) throws(MartletError) {
    try throwIfInterrupted()
    let isAskedFor = event == .batchEnd && state.options.reportsEveryBatch
    guard let progress, isAskedFor || state.lastReport.seconds >= Trainer.reportInterval else { return }
    keepOutputMetrics(training: state.metrics, validation: validation)
    if progress(snapshot(state, event, validation: validation?.metrics ?? .none)) { throw stop(state) }
    state.lastReport.restart()
    try throwIfInterrupted()
  }

  /// The caller ends the call: as at any other end, the average takes the place of the weights.
  private func stop(_ state: EpochState) -> MartletError {
    useAverage()
    return MartletError(
      .stopped, "the progress callback stopped training in epoch \(state.epoch), after step \(iteration)")
  }

  private func snapshot(_ state: EpochState, _ event: Progress.Event, validation: Metrics) -> Progress {
    Progress(
      event: event, epoch: state.epoch, epochs: state.endEpoch, batch: state.batch, batches: state.batches,
      iteration: iteration, samples: state.metrics.samples, seconds: state.watch.seconds,
      samplesPerSecond: Double(state.metrics.samples) / max(state.trainingSeconds, 1e-9),
      learningRate: learningRate, training: state.metrics.metrics, validation: validation)
  }

  private func restore(_ best: TensorStorage?, _ stopping: EarlyStoppingState?) {
    guard let best, stopping?.bestEpoch != nil else { return }
    model.valuesToChange().update(from: best.pointer(as: Float.self), count: model.layout.count)
  }

  /// Counts that a caller may ask to be endless.
  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? Int.max : sum
  }

  /// The positions of a dataset in this epoch's order.
  private func positions(
    of data: Dataset, shuffled: Bool, epoch: Int, in storage: TensorStorage
  ) -> UnsafePointer<Int> {
    let positions = storage.pointer(as: Int.self)
    if shuffled {
      RandomSource(seed: seed, stream: RandomStream.shuffle | UInt64(epoch))
        .permutation(into: positions, count: data.count)
    } else {
      for index in 0..<data.count { positions[index] = index }
    }
    return UnsafePointer(positions)
  }
}
