// What the rows of a batch are trained for: the weights of their losses, the losses of all outputs, and the metrics.

import MartletCore
import MartletKernelInterface
import MartletNN

/// The targets of one output in the batch at hand.
struct BatchTarget {
  var form = TargetForm.values
  /// Whether the executor has row weights for it.
  var isWeighted = false
  /// Sum of the losses of its rows, after `computeLosses`.
  var lossSum = 0.0
}

extension Trainer {
  /// Complete what the losses of a target's rows are multiplied by.
  ///
  /// - Parameters:
  ///   - hasSampleWeights: whether the executor's row weights begin with those of the samples.
  ///   - isTraining: whether class weights count.
  func completeRowWeights(
    _ index: Int, of executor: PlanExecutor<Float>, rows: Int, hasSampleWeights: Bool, isTraining: Bool
  ) {
    let output = fit.targets[index].output
    let classWeights = isTraining ? losses[output].classWeights : nil
    batchTargets[index].isWeighted = hasSampleWeights || classWeights != nil
    guard batchTargets[index].isWeighted else { return }
    let loss = executor.plan.losses[output]
    let weights = executor.rowWeights(output)
    // From the end, as the samples' own weights lie where the first rows' go.
    for row in (0..<rows).reversed() {
      let weight = hasSampleWeights ? weights[row] : 1
      for place in 0..<loss.rowsPerSample { weights[row * loss.rowsPerSample + place] = weight }
    }
    guard let classWeights else { return }
    let lossRows = rows * loss.rowsPerSample
    if batchTargets[index].form == .labels {
      classWeights.multiply(weights, byLabels: executor.labels(output), rows: lossRows)
    } else if let targets = executor.targets(output) {
      classWeights.multiply(weights, byTargets: targets, rows: lossRows, columns: loss.columns)
    }
  }

  /// Compute the losses of the rows that went forward, and in training the gradients by the outputs.
  ///
  /// - Returns: the weighted sum of the outputs' mean losses.
  func computeLosses(of executor: PlanExecutor<Float>, rows: Int) -> Double {
    var total = 0.0
    for (index, target) in fit.targets.enumerated() {
      let sum = executor.computeLoss(
        output: target.output, useLabels: batchTargets[index].form == .labels,
        useRowWeights: batchTargets[index].isWeighted)
      batchTargets[index].lossSum = sum
      let loss = executor.plan.losses[target.output]
      total += loss.configuration.weight * sum / Double(rows * loss.rowsPerSample)
    }
    return total
  }

  /// Count the losses just computed, and judge the outputs.
  func addMetrics(
    of executor: PlanExecutor<Float>, rows: Int, _ regularizationLoss: Double, to metrics: inout MetricAccumulator
  ) {
    metrics.add(samples: rows, regularizationLoss: regularizationLoss)
    for (index, target) in fit.targets.enumerated() {
      let output = target.output
      let loss = executor.plan.losses[output]
      let lossRows = rows * loss.rowsPerSample
      metrics.add(output: output, lossRows: lossRows, lossSum: batchTargets[index].lossSum)
      // The loss has overwritten nothing that is read here: its gradient has a buffer of its own.
      if let targets = executor.targets(output) {
        metrics.judge(
          output: output, executor.output(output),
          targets: batchTargets[index].form == .labels ? .labels(executor.labels(output)) : .values(targets),
          rows: lossRows, columns: loss.columns)
      }
    }
  }

  /// An empty accumulator for what an executor computes.
  func metricAccumulator(for executor: PlanExecutor<Float>) -> MetricAccumulator {
    MetricAccumulator(
      kinds: accuracyKinds(executor), weights: losses.map(\.configuration.weight), topK: options.topK)
  }

  func accuracyKinds(_ executor: PlanExecutor<Float>) -> [AccuracyKind] {
    zip(executor.plan.losses, losses).map { planned, loss in
      AccuracyKind(
        planned.configuration, onLogits: planned.configuration.fromLogits || planned.holdsLogits, choice: loss.accuracy)
    }
  }

  /// Keep the figures of the outputs for who asks next.
  func keepOutputMetrics(training: MetricAccumulator?, validation: MetricAccumulator?) {
    for output in outputMetrics.indices {
      outputMetrics[output].training = training?.metrics(output: output) ?? .none
      outputMetrics[output].validation = validation?.metrics(output: output) ?? .none
    }
  }
}
