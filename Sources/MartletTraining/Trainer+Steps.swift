// One step: for `fit`, and for callers who own the loop.

import MartletCore
import MartletKernelInterface
import MartletNN

extension Trainer {
  // MARK: A step with the trainer's losses

  /// Forward, losses, gradients and update for the rows in the executor. The update happens only once the loss is known
  /// to be finite.
  ///
  /// - Throws: `notFinite`; then the weights and the optimiser are as before.
  func step(
    _ executor: PlanExecutor<Float>, rows: Int, threads: Int, _ metrics: inout MetricAccumulator
  ) throws(MartletError) {
    try executor.forward(rows: rows, step: UInt64(iteration), threads: threads)
    let regularizationLoss = executor.regularizationLoss() + executor.activityLoss()
    let loss = computeLosses(of: executor, rows: rows) + regularizationLoss
    guard loss.isFinite else { throw MartletError(.notFinite, "the loss is \(loss.isNaN ? "NaN" : "infinite")") }
    addMetrics(of: executor, rows: rows, regularizationLoss, to: &metrics)
    try backwardAndUpdate(executor)
  }

  /// One step on rows of the caller's.
  ///
  /// - Parameters:
  ///   - x: one array for each input.
  ///   - y: one array for each output with a loss.
  ///   - sampleWeights: one number for each row; nil for 1.
  /// - Returns: the metrics before the update.
  /// - Throws: `invalidArgument`, `invalidState`, `notFinite`, `outOfMemory`; nothing has changed then.
  package func trainStep(
    x: [RowArray], y: [RowArray], sampleWeights: UnsafePointer<Float>?, threads: Int
  ) throws(MartletError) -> Metrics {
    try fit.checkCounts(x: x.count, y: y.count, of: "the step")
    let rows = try checkInputs(x)
    for (index, target) in fit.targets.enumerated() {
      batchTargets[index].form = try target.targetForm(y[index].rowDimensions, y[index].type)
      guard y[index].rowCount == rows else {
        throw MartletError(
          .invalidArgument, "\(fit.inputs[0].name) has \(rows) rows and \(target.name) has \(y[index].rowCount)")
      }
    }
    if let sampleWeights, let row = (0..<rows).first(where: { !(sampleWeights[$0] >= 0 && sampleWeights[$0].isFinite) })
    {
      throw MartletError(
        .invalidArgument, "sample_weights[\(row)] is \(sampleWeights[row]); it must be finite and >= 0")
    }
    let executor = try trainingExecutor(rows, threads: threads)
    defer { executor.releaseInputs() }
    for (index, input) in fit.inputs.enumerated() {
      let (array, columns) = (x[index], input.shape.elementCount)
      let given = InputRows(
        base: array.base, type: array.type.sourceType, elementByteCount: array.type.byteCount)
      guard executor.read(given, from: 0, rowCount: rows, columns: columns, asInput: index) else {
        throw notFinite(input.name, executor.value(ofInput: index), columns, rows)
      }
    }
    for (index, target) in fit.targets.enumerated() {
      let array = y[index]
      switch batchTargets[index].form {
      case .labels:
        try Labels.read(
          array.base, array.type, rows: nil, rowCount: rows, columns: executor.plan.losses[target.output].rowsPerSample,
          classCount: target.shape.lastDimension, name: target.name, into: executor.labels(target.output))
      case .values:
        if let targets = executor.targets(target.output) {
          try read(array, target.name, into: targets, columns: target.shape.elementCount)
        }
      }
      if let sampleWeights { executor.rowWeights(target.output).update(from: sampleWeights, count: rows) }
      completeRowWeights(index, of: executor, rows: rows, hasSampleWeights: sampleWeights != nil, isTraining: true)
    }
    var metrics = stepMetrics.take() ?? metricAccumulator(for: executor)
    defer { stepMetrics = metrics }
    metrics.reset()
    try step(executor, rows: rows, threads: threads, &metrics)
    keepOutputMetrics(training: metrics, validation: nil)
    hasGradients = false
    forwardRowCount = 0
    return metrics.metrics
  }

  // MARK: A step with the caller's loss

  /// Forward pass in training mode.
  ///
  /// - Parameters:
  ///   - x: one array for each input.
  ///   - y: the outputs one after the other, each [N, …] floats, written.
  /// - Throws: `invalidArgument`, `outOfMemory`.
  package func forward(
    x: [RowArray], into y: UnsafeMutablePointer<Float>, threads: Int
  ) throws(MartletError) {
    let rows = try checkInputs(x)
    // Checked before anything is overwritten: a failed call leaves the last forward as it was.
    for (index, input) in fit.inputs.enumerated() {
      if let row = x[index].firstRowNotFinite {
        throw MartletError.notFinite(input.name, row: row)
      }
    }
    let executor = try steppingExecutor(rows, threads: threads)
    hasGradients = false
    forwardRowCount = 0
    // Copied: backward comes in a later call, when the caller's rows may be gone.
    for (index, input) in fit.inputs.enumerated() { try read(x[index], input, into: executor.input(index)) }
    try executor.forward(rows: rows, step: UInt64(iteration), threads: threads)
    var offset = 0
    for (index, output) in fit.outputs.enumerated() {
      let count = rows * output.elementCount
      (y + offset).update(from: executor.output(index), count: count)
      offset += count
    }
    forwardRowCount = rows
  }

  /// Gradients of all weights for the last `forward`, regularisation included.
  ///
  /// - Parameter dY: gradients by the outputs one after the other, as many rows as the last `forward` had.
  /// - Throws: `invalidState` without a forward; `invalidArgument` for values that are not finite.
  package func backward(_ dY: UnsafePointer<Float>) throws(MartletError) {
    discardOutdatedPlans()
    guard forwardRowCount > 0, let stepping else {
      throw MartletError(.invalidState, "backward needs a forward before it")
    }
    var offset = 0
    for (index, output) in fit.outputs.enumerated() {
      let count = forwardRowCount * output.elementCount
      guard kernels.allFinite(dY + offset, count) else {
        let name = fit.outputs.count == 1 ? "dy" : "the part of dy for output \(index)"
        throw notFinite(name, dY + offset, output.elementCount, forwardRowCount)
      }
      offset += count
    }
    offset = 0
    for (index, output) in fit.outputs.enumerated() {
      let count = forwardRowCount * output.elementCount
      // Without trainable weights before an output nobody wants its gradient.
      stepping.outputGradient(index)?.update(from: dY + offset, count: count)
      offset += count
    }
    stepping.backward(rule: nil, slots: optimizerState.slots)
    // The pass used up the activations it kept.
    forwardRowCount = 0
    hasGradients = true
  }

  /// The gradient of a parameter, to read or replace between `backward` and `apply`.
  ///
  /// - Throws: `invalidState` without gradients, or if the parameter is not trained.
  package func gradient(_ parameter: Int) throws(MartletError) -> UnsafeMutablePointer<Float> {
    discardOutdatedPlans()
    guard hasGradients, let gradients = stepping?.gradients else {
      throw MartletError(.invalidState, "there are no gradients; backward makes them and apply uses them up")
    }
    let parameter = model.layout.parameters[parameter]
    guard parameter.isTrainable else {
      throw MartletError(.invalidState, "weight '\(parameter.name)' is not trainable and has no gradient")
    }
    return gradients + parameter.offset
  }

  /// Update the weights with the gradients of `backward`, or add them to those of the steps before, as the optimiser is
  /// asked to.
  ///
  /// - Throws: `invalidState` without gradients; `notFinite` naming the first weight array whose gradient is not
  ///   finite.
  package func apply() throws(MartletError) {
    discardOutdatedPlans()
    guard hasGradients, let stepping else {
      throw MartletError(.invalidState, "there are no gradients; backward makes them and apply uses them up")
    }
    try update(stepping)
  }

  // MARK: Executors, made when first needed and kept for the largest batch so far

  func trainingExecutor(_ rows: Int, threads: Int) throws(MartletError) -> PlanExecutor<Float> {
    discardOutdatedPlans()
    let sink: GradientSink = options.optimizer.needsStoredGradients ? .store : .update
    return try executor(&training, .training(losses.map(\.configuration), sink), rows, threads)
  }

  func evaluationExecutor(for data: Dataset, threads: Int) throws(MartletError) -> PlanExecutor<Float> {
    discardOutdatedPlans()
    return try executor(
      &evaluation, .evaluation(losses.map(\.configuration)), min(data.count, Trainer.evaluationBatch), threads)
  }

  private func steppingExecutor(_ rows: Int, threads: Int) throws(MartletError) -> PlanExecutor<Float> {
    discardOutdatedPlans()
    // The caller sees the model's outputs as they are, so no activation goes into a loss.
    return try executor(&stepping, .training(losses.map { _ in LossConfiguration(.none) }, .store), rows, threads)
  }

  /// The one that is kept, if it is large enough, or a new one to keep. It has all the memory it will need.
  private func executor(
    _ kept: inout PlanExecutor<Float>?, _ purpose: @autoclosure () -> PlanPurpose, _ rows: Int, _ threads: Int
  ) throws(MartletError) -> PlanExecutor<Float> {
    if let kept, kept.plan.maximumBatch >= rows {
      try kept.reserve(threads: threads)
      return kept
    }
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: purpose(), maximumBatch: rows, transformsKernels: true)
    let executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: kernels, seed: seed)
    try executor.reserve(threads: threads)
    kept = executor
    return executor
  }

  // MARK: Inside

  /// - Returns: the rows of the arrays.
  /// - Throws: `invalidArgument` unless they fit the inputs and have the same rows, at least one.
  private func checkInputs(_ x: [RowArray]) throws(MartletError) -> Int {
    guard let first = x.first, x.count == fit.inputs.count else {
      throw MartletError(.invalidArgument, "\(x.count) x are given; the model has \(fit.inputs.count) inputs")
    }
    for (index, input) in fit.inputs.enumerated() {
      try input.check(x[index].rowDimensions)
      guard x[index].rowCount > 0 else { throw MartletError(.invalidArgument, "\(input.name) has no rows") }
      guard x[index].rowCount == first.rowCount else {
        throw MartletError(
          .invalidArgument,
          "\(fit.inputs[0].name) has \(first.rowCount) rows and \(input.name) has \(x[index].rowCount)")
      }
    }
    return first.rowCount
  }

  private func read(
    _ array: RowArray, _ input: InputFit, into destination: UnsafeMutablePointer<Float>
  ) throws(MartletError) {
    try read(array, input.name, into: destination, columns: input.shape.elementCount)
  }

  private func read(
    _ array: RowArray, _ name: String, into destination: UnsafeMutablePointer<Float>, columns: Int
  ) throws(MartletError) {
    let isFinite = kernels.gather(
      SourceRows(array.base, array.type.sourceType, columns: columns), array.rowCount, destination)
    if !isFinite { throw notFinite(name, destination, columns, array.rowCount) }
  }
}
