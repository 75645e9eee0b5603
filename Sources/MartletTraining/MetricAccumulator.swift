// Accuracy and mean losses over rows, for each output and for all together, summed in a fixed order.

import MartletCore
import MartletKernelInterface
import MartletNN

/// What an output's accuracy is asked to count.
package enum AccuracyChoice: Int32, Sendable {
  // Raw values are those of martlet.h.
  /// What the loss is about.
  case ofLoss = 0
  case categorical = 1
  case binary = 2
}

/// How an output of a network is judged.
package enum AccuracyKind: Sendable, Equatable {
  /// Regression: not at all.
  case none
  /// The largest output of a row against the label or the largest target.
  case categorical
  /// Each output against `threshold`: 0.5 for probabilities, 0 for logits.
  case binary(threshold: Float)

  package init(_ loss: LossConfiguration, onLogits: Bool, choice: AccuracyChoice = .ofLoss) {
    switch (choice, loss.loss.subject) {
    case (.categorical, _), (.ofLoss, .categories): self = .categorical
    case (.binary, _), (.ofLoss, .outcomes): self = .binary(threshold: onLogits ? 0 : 0.5)
    case (.ofLoss, .numbers): self = .none
    }
  }
}

/// What a batch adds, once for each output with a loss, and once for all. Nothing is allocated after it was made.
struct MetricAccumulator {
  private var outputs: [OutputAccumulator]
  private var regularizationSum = 0.0
  private(set) var samples = 0

  /// - Parameters:
  ///   - kinds: how each output is judged.
  ///   - weights: of the outputs' losses in the total.
  init(kinds: [AccuracyKind], weights: [Double], topK: Int) {
    outputs = zip(kinds, weights).map { OutputAccumulator(kind: $0, weight: $1, topK: topK) }
  }

  /// Forget everything seen.
  mutating func reset() {
    for index in outputs.indices { outputs[index].reset() }
    regularizationSum = 0
    samples = 0
  }

  /// Count a batch.
  mutating func add(samples: Int, regularizationLoss: Double) {
    self.samples += samples
    regularizationSum += regularizationLoss * Double(samples)
  }

  /// Add the losses of one output's rows in that batch, unweighted.
  mutating func add(output: Int, lossRows: Int, lossSum: Double) {
    outputs[output].lossRows += lossRows
    outputs[output].lossSum += lossSum
  }

  /// Judge rows of outputs [rows, columns] by their targets.
  mutating func judge(
    output: Int, _ values: UnsafePointer<Float>, targets: LossTargets<Float>, rows: Int, columns: Int
  ) {
    outputs[output].judge(values, targets: targets, rows: rows, columns: columns)
  }

  /// The weighted losses together; accuracies are those of the only output.
  var metrics: Metrics {
    var dataLoss = samples > 0 ? 0.0 : .nan
    for output in outputs where output.lossRows > 0 { dataLoss += output.weight * output.loss }
    let isOnly = outputs.count == 1
    return Metrics(
      dataLoss: dataLoss, regularizationLoss: regularizationSum / Double(samples),
      accuracy: isOnly ? outputs[0].accuracy : .nan, topKAccuracy: isOnly ? outputs[0].topKAccuracy : .nan)
  }

  /// The unweighted loss of one output, as Keras reports it, without regularisation.
  func metrics(output: Int) -> Metrics {
    let output = outputs[output]
    return Metrics(
      dataLoss: output.loss, regularizationLoss: 0, accuracy: output.accuracy, topKAccuracy: output.topKAccuracy)
  }
}

private struct OutputAccumulator {
  let kind: AccuracyKind
  let weight: Double
  let topK: Int
  var lossSum = 0.0
  var lossRows = 0
  private var judged = 0
  private var correct = 0
  private var correctTopK = 0

  init(kind: AccuracyKind, weight: Double, topK: Int) {
    self.kind = kind
    self.weight = weight
    self.topK = topK
  }

  mutating func reset() { self = OutputAccumulator(kind: kind, weight: weight, topK: topK) }

  var loss: Double { lossSum / Double(lossRows) }

  var accuracy: Double { judged > 0 ? Double(correct) / Double(judged) : .nan }

  var topKAccuracy: Double {
    kind == .categorical && judged > 0 ? Double(correctTopK) / Double(judged) : .nan
  }

  mutating func judge(
    _ outputs: UnsafePointer<Float>, targets: LossTargets<Float>, rows: Int, columns: Int
  ) {
    switch kind {
    case .none: return
    case .categorical:
      for row in 0..<rows {
        let output = outputs + row * columns
        let label =
          switch targets {
          case .labels(let labels): Int(labels[row])
          case .values(let values): firstLargest(values + row * columns, columns)
          }
        var greater = 0
        var isFirst = true
        for column in 0..<columns {
          if output[column] > output[label] { greater += 1 }
          if column < label, output[column] == output[label] { isFirst = false }
        }
        // Comparisons with NaN are false: a label that is NaN must not count as the largest.
        guard !output[label].isNaN else { continue }
        if greater == 0, isFirst { correct += 1 }
        if greater < topK { correctTopK += 1 }
      }
      judged += rows
    case .binary(let threshold):
      guard case .values(let values) = targets else { return }
      for index in 0..<(rows * columns) where (outputs[index] > threshold) == (values[index] > 0.5) { correct += 1 }
      judged += rows * columns
    }
  }
}
