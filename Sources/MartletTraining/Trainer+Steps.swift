// One step: for `fit`, and for callers who own the loop.

import MartletCore
import MartletKernelInterface
import MartletNN

extension Trainer {
  // MARK: A step with the trainer's loss

  /// Forward, loss, gradients and update for the rows in the executor. The update happens only once the loss is known to
  /// be finite.
  ///
  /// - Throws: `notFinite`; then the weights and the optimiser are as before.
  func step(
    _ executor: PlanExecutor<Float>, rows: Int, _ form: TargetForm, threads: Int, _ metrics: inout MetricAccumulator
  ) throws(MartletError) {
    try executor.forward(rows: rows, step: UInt64(iteration), threads: threads)
    let regularizationLoss = executor.regularizationLoss()
    var added = metrics
    let lossSum = addLoss(of: executor, rows: rows, form, regularizationLoss, &added)
    let loss = lossSum / Double(rows * executor.plan.losses[0].rowsPerSample) + regularizationLoss
    guard loss.isFinite else { throw MartletError(.notFinite, "the loss is \(loss.isNaN ? "NaN" : "infinite")") }
    metrics = added
    executor.backward(rule: options.optimizer.rule(step: iteration + 1, learningRate: learningRate), slots: slots)
    iteration += 1
  }

  /// One step on rows of the caller's.
  ///
  /// - Returns: the metrics before the update.
  /// - Throws: `invalidArgument`, `invalidState`, `notFinite`, `outOfMemory`; nothing has changed then.
  package func trainStep(x: RowArray, y: RowArray, threads: Int) throws(MartletError) -> Metrics {
    let (input, output) = (fit.inputs[0], fit.outputs[0])
    try input.check(x.rowDimensions)
    let form = try output.targetForm(y.rowDimensions, y.type)
    guard x.rowCount > 0 else { throw MartletError(.invalidArgument, "x has no rows") }
    guard x.rowCount == y.rowCount else {
      throw MartletError(.invalidArgument, "x has \(x.rowCount) rows and y has \(y.rowCount)")
    }
    let executor = try trainingExecutor(x.rowCount, threads: threads)
    try read(x, "x", into: executor.input(0), columns: input.shape.elementCount)
    switch form {
    case .labels:
      try Labels.read(
        y.base, y.type, rows: nil, rowCount: y.rowCount, columns: executor.plan.losses[0].rowsPerSample,
        classCount: output.shape.lastDimension, name: output.name, into: executor.labels(0))
    case .values:
      if let targets = executor.targets(0) { try read(y, "y", into: targets, columns: fit.outputs[0].shape.elementCount) }
    }
    var metrics = MetricAccumulator(kind: accuracyKind(executor), topK: options.topK)
    try step(executor, rows: x.rowCount, form, threads: threads, &metrics)
    hasGradients = false
    forwardRowCount = 0
    return metrics.metrics
  }

  // MARK: A step with the caller's loss

  /// Forward pass in training mode.
  ///
  /// - Parameter y: [N, …] floats, written.
  /// - Throws: `invalidArgument`, `outOfMemory`.
  package func forward(
    x: RowArray, into y: UnsafeMutablePointer<Float>, threads: Int
  ) throws(MartletError) {
    let (input, output) = (fit.inputs[0], fit.outputs[0])
    try input.check(x.rowDimensions)
    guard x.rowCount > 0 else { throw MartletError(.invalidArgument, "x has no rows") }
    // Checked before anything is overwritten: a failed call leaves the last forward as it was.
    if let row = x.firstRowNotFinite {
      throw MartletError(.invalidArgument, "x has a value that is NaN or infinite in row \(row)")
    }
    let executor = try steppingExecutor(x.rowCount, threads: threads)
    hasGradients = false
    forwardRowCount = 0
    try read(x, "x", into: executor.input(0), columns: input.shape.elementCount)
    try executor.forward(rows: x.rowCount, step: UInt64(iteration), threads: threads)
    y.update(from: executor.output(0), count: x.rowCount * output.shape.elementCount)
    forwardRowCount = x.rowCount
  }

  /// Gradients of all weights for the last `forward`, regularisation included.
  ///
  /// - Parameter dY: gradient by the output, as many rows as the last `forward` had.
  /// - Throws: `invalidState` without a forward; `invalidArgument` for values that are not finite.
  package func backward(_ dY: UnsafePointer<Float>) throws(MartletError) {
    guard forwardRowCount > 0, let stepping else {
      throw MartletError(.invalidState, "backward needs a forward before it")
    }
    let count = forwardRowCount * fit.outputs[0].shape.elementCount
    guard kernels.allFinite(dY, count) else {
      throw notFinite("dy", dY, fit.outputs[0].shape.elementCount, forwardRowCount)
    }
    // Without trainable weights there is nothing to compute.
    if let gradient = stepping.outputGradient(0) {
      gradient.update(from: dY, count: count)
      stepping.backward(rule: nil, slots: slots)
    }
    // The pass used up the activations it kept.
    forwardRowCount = 0
    hasGradients = true
  }

  /// The gradient of a parameter, to read or replace between `backward` and `apply`.
  ///
  /// - Throws: `invalidState` without gradients, or if the parameter is not trained.
  package func gradient(_ parameter: Int) throws(MartletError) -> UnsafeMutablePointer<Float> {
    guard hasGradients, let gradients = stepping?.gradients else {
      throw MartletError(.invalidState, "there are no gradients; backward makes them and apply uses them up")
    }
    let parameter = model.layout.parameters[parameter]
    guard parameter.isTrainable else {
      throw MartletError(.invalidState, "weight '\(parameter.name)' is not trainable and has no gradient")
    }
    return gradients + parameter.offset
  }

  /// Update the weights with the gradients of `backward`.
  ///
  /// - Throws: `invalidState` without gradients; `notFinite` naming the first weight array whose gradient is not finite.
  package func apply() throws(MartletError) {
    guard hasGradients, let stepping, let gradients = stepping.gradients else {
      throw MartletError(.invalidState, "there are no gradients; backward makes them and apply uses them up")
    }
    for parameter in model.layout.parameters
    where parameter.isTrainable && !kernels.allFinite(gradients + parameter.offset, parameter.count) {
      let layer = model.graph.layers[parameter.layer].name
      throw MartletError(.notFinite, "the gradient of weight '\(parameter.name)' of layer '\(layer)' is not finite")
    }
    stepping.apply(rule: options.optimizer.rule(step: iteration + 1, learningRate: learningRate), slots: slots)
    iteration += 1
    hasGradients = false
  }

  // MARK: Executors, made when first needed and kept for the largest batch so far

  func trainingExecutor(_ rows: Int, threads: Int) throws(MartletError) -> PlanExecutor<Float> {
    try executor(&training, .training([options.loss], .update), rows, threads)
  }

  func evaluationExecutor(for data: Dataset, threads: Int) throws(MartletError) -> PlanExecutor<Float> {
    try executor(&evaluation, .evaluation([options.loss]), min(data.count, Trainer.evaluationBatch), threads)
  }

  private func steppingExecutor(_ rows: Int, threads: Int) throws(MartletError) -> PlanExecutor<Float> {
    // The caller sees the model's output as it is, so no activation goes into a loss.
    try executor(&stepping, .training([LossConfiguration(.none)], .store), rows, threads)
  }

  /// The one that is kept, if it is large enough, or a new one to keep. It has all the memory it will need.
  private func executor(
    _ kept: inout PlanExecutor<Float>?, _ purpose: @autoclosure () -> PlanPurpose, _ rows: Int, _ threads: Int
  ) throws(MartletError) -> PlanExecutor<Float> {
    if let kept, kept.plan.maximumBatch >= rows {
      try kept.reserve(threads: threads)
      return kept
    }
    let plan = try Plan(graph: model.graph, layout: model.layout, purpose: purpose(), maximumBatch: rows)
    let executor = try PlanExecutor(plan: plan, parameters: model.values, kernels: kernels, seed: options.seed)
    try executor.reserve(threads: threads)
    kept = executor
    return executor
  }

  // MARK: Inside

  func accuracyKind(_ executor: PlanExecutor<Float>) -> AccuracyKind {
    AccuracyKind(options.loss, onLogits: options.loss.fromLogits || executor.plan.losses[0].holdsLogits)
  }

  /// Loss and accuracy of the rows just computed.
  ///
  /// - Returns: the sum of the losses.
  @discardableResult
  func addLoss(
    of executor: PlanExecutor<Float>, rows: Int, _ form: TargetForm, _ regularizationLoss: Double,
    _ metrics: inout MetricAccumulator
  ) -> Double {
    // Computing the loss may overwrite nothing that the metrics read: its gradient has a buffer of its own.
    let lossSum = executor.computeLoss(output: 0, useLabels: form == .labels)
    let lossRows = rows * executor.plan.losses[0].rowsPerSample
    metrics.add(samples: rows, lossRows: lossRows, lossSum: lossSum, regularizationLoss: regularizationLoss)
    if let targets = executor.targets(0) {
      metrics.judge(
        executor.output(0), targets: form == .labels ? .labels(executor.labels(0)) : .values(targets), rows: lossRows,
        columns: fit.outputs[0].shape.lastDimension)
    }
    return lossSum
  }

  private func read(
    _ array: RowArray, _ name: String, into destination: UnsafeMutablePointer<Float>, columns: Int
  ) throws(MartletError) {
    let isFinite = kernels.gather(
      array.base, array.type.sourceType, nil, array.rowCount, columns, 1, 0, destination)
    if !isFinite { throw notFinite(name, destination, columns, array.rowCount) }
  }
}
