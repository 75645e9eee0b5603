// Accuracy and mean loss over rows, summed in a fixed order.

import MartletCore
import MartletKernelInterface
import MartletNN

/// How the outputs of a network are judged.
package enum AccuracyKind: Sendable, Equatable {
  /// Regression: not at all.
  case none
  /// The largest output of a row against the label or the largest target.
  case categorical
  /// Each output against `threshold`: 0.5 for probabilities, 0 for logits.
  case binary(threshold: Float)

  package init(_ loss: LossConfiguration, onLogits: Bool) {
    switch loss.loss {
    case .sparseCategoricalCrossentropy, .categoricalCrossentropy, .categoricalHinge: self = .categorical
    case .binaryCrossentropy: self = .binary(threshold: onLogits ? 0 : 0.5)
    case .meanSquaredError, .none: self = .none
    }
  }
}

struct MetricAccumulator {
  private let kind: AccuracyKind
  private let topK: Int
  private var lossSum = 0.0
  private var lossRows = 0
  private var regularizationSum = 0.0
  private var regularizationRows = 0
  private var judged = 0
  private var correct = 0
  private var correctTopK = 0
  private(set) var samples = 0

  init(kind: AccuracyKind, topK: Int) {
    self.kind = kind
    self.topK = topK
  }

  /// Add the losses of one batch.
  mutating func add(samples: Int, lossRows: Int, lossSum: Double, regularizationLoss: Double) {
    self.samples += samples
    self.lossRows += lossRows
    self.lossSum += lossSum
    regularizationSum += regularizationLoss * Double(samples)
    regularizationRows += samples
  }

  /// Judge rows of outputs [rows, columns] by their targets.
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
          case .values(let values): largest(values + row * columns, columns)
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

  var metrics: Metrics {
    Metrics(
      dataLoss: lossSum / Double(lossRows), regularizationLoss: regularizationSum / Double(regularizationRows),
      accuracy: judged > 0 ? Double(correct) / Double(judged) : .nan,
      topKAccuracy: kind == .categorical && judged > 0 ? Double(correctTopK) / Double(judged) : .nan)
  }

  private func largest(_ values: UnsafePointer<Float>, _ count: Int) -> Int {
    var best = 0
    for index in 1..<max(count, 1) where values[index] > values[best] { best = index }
    return best
  }
}
