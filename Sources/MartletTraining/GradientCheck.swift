// Whether the gradients of a model are right: the whole plan in double through the reference kernels, against
// difference quotients of its loss.

import MartletCore
import MartletKernelInterface
import MartletNN

package struct GradientCheckOptions: Sendable {
  /// Weights to check in each array, spread over it; 0 for all.
  package var sample = 100
  /// h of the difference quotients, for weights up to 1; larger ones take h |w|.
  package var step = 1e-5

  package init() {}

  /// - Throws: `invalidArgument` naming the field of `martlet_gradient_check_options`, its range and what came.
  func validate() throws(MartletError) {
    guard sample >= 0 else {
      throw MartletError(.invalidArgument, "sample is \(sample); it must be >= 0 (0: all weights)")
    }
    guard step >= 1e-9, step <= 1e-2 else {
      throw MartletError(.invalidArgument, "step is \(step); it must be between 1e-9 and 1e-2")
    }
  }
}

/// What a check has found.
package struct GradientCheck: Sendable {
  /// Data loss and regularisation of the rows.
  package var loss: Double
  package var checkedCount = 0
  package var arrayCount = 0
  package var worst: Worst?

  /// The weight with the largest error.
  package struct Worst: Sendable {
    package var parameter: Int
    package var element: Int
    package var error: Double
    package var analytic: Double
    package var numeric: Double
  }
}

/// A plan in double, with its own copy of the weights, whose loss can be evaluated at will.
final class GradientCheckRun {
  private let executor: PlanExecutor<Double>
  private let parameters: TensorStorage
  private let rows: Int
  private let threads: Int
  private let targets: [TargetFit]
  private let batchTargets: [BatchTarget]

  /// - Parameter batch: an executor of the same plan in float that holds the rows.
  init(
    of batch: PlanExecutor<Float>, model: Model, targets: [TargetFit], batchTargets: [BatchTarget], rows: Int,
    seed: UInt64, reference: KernelTable<Double>, threads: Int
  ) throws(MartletError) {
    self.rows = rows
    self.threads = threads
    self.targets = targets
    self.batchTargets = batchTargets
    parameters = try TensorStorage(count: model.layout.count, of: Double.self, purpose: "the weights in double")
    for index in 0..<model.layout.count { parameters.pointer(as: Double.self)[index] = Double(model.values[index]) }
    executor = try PlanExecutor(
      plan: batch.plan, parameters: parameters.pointer(as: Double.self), kernels: reference, seed: seed)
    for (index, shape) in batch.plan.inputShapes.enumerated() {
      copy(batch.input(index), executor.input(index), rows * shape.elementCount)
    }
    for (index, target) in targets.enumerated() {
      let loss = batch.plan.losses[target.output]
      let lossRows = rows * loss.rowsPerSample
      if batchTargets[index].form == .labels {
        executor.labels(target.output).update(from: batch.labels(target.output), count: lossRows)
      } else if let source = batch.targets(target.output), let destination = executor.targets(target.output) {
        copy(source, destination, lossRows * loss.columns)
      }
      executor.rowWeights(target.output).update(from: batch.rowWeights(target.output), count: lossRows)
    }
  }

  var values: UnsafeMutablePointer<Double> { parameters.pointer(as: Double.self) }

  /// The loss at the present weights; the masks of dropout are always those of step 0.
  func loss() throws(MartletError) -> Double {
    try executor.forward(rows: rows, step: 0, threads: threads)
    var sum = executor.regularizationLoss() + executor.activityLoss()
    for (index, target) in targets.enumerated() {
      let loss = executor.plan.losses[target.output]
      let rowSum = executor.computeLoss(
        output: target.output, useLabels: batchTargets[index].form == .labels,
        useRowWeights: batchTargets[index].isWeighted)
      sum += loss.configuration.weight * rowSum / Double(rows * loss.rowsPerSample)
    }
    return sum
  }

  /// The gradients at the weights of the last `loss`.
  func gradients() -> UnsafeMutablePointer<Double>? {
    executor.backward(rule: nil, slots: OptimizerSlots())
    return executor.gradients
  }

  /// The relative error of one gradient.
  ///
  /// The difference quotients have some 11 digits of the loss behind the point: gradients below 1e-5 of it are compared
  /// as if they were that large. Where the loss has a kink within the step (ReLU at 0), the quotients of the two sides
  /// differ, and a gradient between them is as good as either.
  func error(
    of analytic: Double, at index: Int, loss: Double, step: Double
  ) throws(MartletError) -> (error: Double, numeric: Double) {
    let weight = values[index]
    defer { values[index] = weight }
    var best = (error: Double.infinity, numeric: Double.nan)
    for h in [step * max(1, abs(weight)), 0.1 * step * max(1, abs(weight))] {
      values[index] = weight + h
      let above = (try self.loss() - loss) / (values[index] - weight)
      values[index] = weight - h
      let below = (loss - (try self.loss())) / (weight - values[index])
      let numeric = (above + below) / 2
      let scale = max(abs(analytic), abs(numeric), 1e-5 * max(1, abs(loss)))
      var error = abs(analytic - numeric) / scale
      if abs(above - below) > 1e-3 * scale {
        error = max(0, min(above, below) - analytic, analytic - max(above, below)) / scale
      }
      if !(error >= best.error) { best = (error.isNaN ? .infinity : error, numeric) }
      if best.error < 1e-7 { break }
    }
    return best
  }

  private func copy(_ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<Double>, _ count: Int) {
    for index in 0..<count { destination[index] = Double(source[index]) }
  }
}

extension Trainer {
  /// Check the gradients of the weights by all rows of a dataset, which is one batch.
  ///
  /// - Parameters:
  ///   - reference: kernels in double.
  ///   - errors: one number for each weight, array after array; NaN where it is not checked. nil if not wanted.
  ///   - progress: told now and then the weights done and to do; returns true to stop.
  /// - Throws: `invalidArgument`, `invalidState`, `outOfMemory`, `stopped`; `notFinite` if the loss is not.
  package func checkGradients(
    _ data: Dataset, options check: GradientCheckOptions, reference: KernelTable<Double>,
    errors: UnsafeMutablePointer<Double>?, threads: Int, progress: ((_ done: Int, _ all: Int) -> Bool)?
  ) throws(MartletError) -> GradientCheck {
    try check.validate()
    try self.check(data)
    // With the operations that training has, so that those are what is checked.
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .training(losses.map(\.configuration), .store),
      maximumBatch: data.count, transformsKernels: true)
    let batch = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: kernels)
    try load(data, into: batch)
    let run = try GradientCheckRun(
      of: batch, model: model, targets: fit.targets, batchTargets: batchTargets, rows: data.count, seed: options.seed,
      reference: reference, threads: threads)
    let loss = try run.loss()
    guard loss.isFinite else { throw MartletError(.notFinite, "the loss is \(loss.isNaN ? "NaN" : "infinite")") }
    errors?.update(repeating: .nan, count: model.layout.totalCount)
    var result = GradientCheck(loss: loss)
    // Kept apart, as the executor's own change with every gradient.
    let analytic = try TensorStorage(count: model.layout.count, of: Double.self, purpose: "gradients")
    defer { withExtendedLifetime(analytic) {} }
    let gradients = analytic.pointer(as: Double.self)
    if let source = run.gradients() { gradients.update(from: source, count: model.layout.count) }
    let parameters = model.layout.parameters
    func sampleCount(_ parameter: Parameter) -> Int {
      guard parameter.isTrainable else { return 0 }
      return check.sample == 0 ? parameter.count : min(check.sample, parameter.count)
    }
    let all = parameters.reduce(0) { $0 + sampleCount($1) }
    var first = 0
    var lastReport = Stopwatch()
    for (index, parameter) in parameters.enumerated() {
      let count = sampleCount(parameter)
      if count > 0 { result.arrayCount += 1 }
      let source = RandomSource(seed: options.seed, stream: RandomStream.gradientCheck | UInt64(index))
      for position in 0..<count {
        let element = Trainer.element(position, of: count, in: parameter.count, source)
        let gradient = gradients[parameter.offset + element]
        let found = try run.error(of: gradient, at: parameter.offset + element, loss: loss, step: check.step)
        errors?[first + element] = found.error
        result.checkedCount += 1
        if found.error > result.worst?.error ?? -1 {
          result.worst = GradientCheck.Worst(
            parameter: index, element: element, error: found.error, analytic: gradient, numeric: found.numeric)
        }
        guard let progress, lastReport.seconds >= Trainer.reportInterval else { continue }
        if progress(result.checkedCount, all) {
          throw MartletError(.stopped, "the progress callback stopped the check after \(result.checkedCount) weights")
        }
        lastReport.restart()
      }
      first += parameter.count
    }
    return result
  }

  /// One element of each of `count` equal stretches of an array; all of them, if there are no more.
  private static func element(_ position: Int, of count: Int, in length: Int, _ source: RandomSource) -> Int {
    let stretch = length / count
    return position * stretch + Int(source.word(at: UInt64(position)) % UInt32(clamping: stretch))
  }
}
