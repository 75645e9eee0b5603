// Accuracies of rows judged by hand: ties, NaN, top-k, thresholds; and how batches of different sizes are averaged.

import MartletKernelInterface
import MartletNN
import Testing

@testable import MartletTraining

@Suite struct MetricAccumulatorTests {
  private func categorical(_ outputs: [[Float]], labels: [Int32], topK: Int = 2) -> Metrics {
    var accumulator = MetricAccumulator(kinds: [.categorical], weights: [1], topK: topK)
    accumulator.add(samples: labels.count, regularizationLoss: 0)
    labels.withUnsafeBufferPointer { labels in
      outputs.flatMap { $0 }.withUnsafeBufferPointer { outputs in
        guard let x = outputs.baseAddress, let y = labels.baseAddress else { return }
        accumulator.judge(output: 0, x, targets: .labels(y), rows: labels.count, columns: outputs.count / labels.count)
      }
    }
    return accumulator.metrics
  }

  private func judge(_ kind: AccuracyKind, _ outputs: [Float], targets: [Float], columns: Int) -> Metrics {
    var accumulator = MetricAccumulator(kinds: [kind], weights: [1], topK: 2)
    let rows = outputs.count / columns
    accumulator.add(samples: rows, regularizationLoss: 0)
    outputs.withUnsafeBufferPointer { outputs in
      targets.withUnsafeBufferPointer { targets in
        guard let x = outputs.baseAddress, let y = targets.baseAddress else { return }
        accumulator.judge(output: 0, x, targets: .values(y), rows: rows, columns: columns)
      }
    }
    return accumulator.metrics
  }

  @Test func labelsByHand() {
    let outputs: [[Float]] = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]]
    let metrics = categorical(outputs, labels: [1, 1, 0, 2])
    // The label is largest in row 0, second in rows 1 and 3, last in row 2.
    #expect(metrics.accuracy == 0.25)
    #expect(metrics.topKAccuracy == 0.75)
    #expect(categorical(outputs, labels: [1, 1, 0, 2], topK: 1).topKAccuracy == 0.25)
    #expect(categorical(outputs, labels: [1, 1, 0, 2], topK: 9).topKAccuracy == 1)
  }

  @Test func tiesGoToTheFirst() {
    // As argmax does it; while in the top k all that tie with the k-th count.
    let tie: [[Float]] = [[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]]
    #expect(categorical(tie, labels: [0, 1], topK: 1).accuracy == 0.5)
    #expect(categorical(tie, labels: [0, 1], topK: 1).topKAccuracy == 1)
    #expect(categorical([[-0.0, 0.0]], labels: [0]).accuracy == 1)
    #expect(categorical([[-0.0, 0.0]], labels: [1]).accuracy == 0)
  }

  @Test func anOutputThatIsNaNIsNeverRight() {
    let metrics = categorical([[.nan, 1, 2], [3, 1, 2], [.infinity, 1, 2]], labels: [0, 0, 0], topK: 3)
    #expect(metrics.accuracy == 2.0 / 3)
    #expect(metrics.topKAccuracy == 2.0 / 3)
  }

  @Test func oneHotTargets() {
    let metrics = judge(.categorical, [1, 3, 2, 5, 4, 0], targets: [0, 1, 0, 0, 0, 1], columns: 3)
    #expect(metrics.accuracy == 0.5)
    #expect(metrics.topKAccuracy == 0.5)
  }

  @Test func binaryOutputsAreJudgedOneByOne() {
    let targets: [Float] = [1, 1, 0, 0]
    #expect(judge(.binary(threshold: 0.5), [0.6, 0.5, 0.4, 0.6], targets: targets, columns: 2).accuracy == 0.5)
    #expect(judge(.binary(threshold: 0), [0.6, -0.1, 0, .nan], targets: targets, columns: 1).accuracy == 0.75)
    #expect(judge(.binary(threshold: 0), [1, 1, 1, 1], targets: targets, columns: 1).topKAccuracy.isNaN)
  }

  @Test func regressionHasNoAccuracy() {
    let metrics = judge(.none, [1, 2], targets: [1, 2], columns: 1)
    #expect(metrics.accuracy.isNaN && metrics.topKAccuracy.isNaN)
  }

  @Test func batchesCountByTheirRows() {
    var accumulator = MetricAccumulator(kinds: [.none], weights: [1], topK: 1)
    accumulator.add(samples: 3, regularizationLoss: 1)
    accumulator.add(output: 0, lossRows: 6, lossSum: 12)
    accumulator.add(samples: 1, regularizationLoss: 5)
    accumulator.add(output: 0, lossRows: 2, lossSum: 8)
    #expect(accumulator.samples == 4)
    // 20 over 8 rows of losses; 3 * 1 + 1 * 5 over 4 samples.
    #expect(accumulator.metrics.dataLoss == 2.5)
    #expect(accumulator.metrics.regularizationLoss == 2)
    #expect(accumulator.metrics.loss == 4.5)
    accumulator.reset()
    #expect(accumulator.samples == 0 && accumulator.metrics.loss.isNaN)
  }

  @Test func outputsTogetherAndAlone() {
    // The last output has no loss.
    var accumulator = MetricAccumulator(kinds: [.categorical, .none, .none], weights: [2, 0.5, 9], topK: 1)
    accumulator.add(samples: 4, regularizationLoss: 1)
    accumulator.add(output: 0, lossRows: 4, lossSum: 6)
    accumulator.add(output: 1, lossRows: 8, lossSum: 16)
    accumulator.judge(output: 0, [1, 0, 0, 1], targets: .labels([0, 0]), rows: 2, columns: 2)
    #expect(accumulator.metrics.dataLoss == 2 * 1.5 + 0.5 * 2)
    #expect(accumulator.metrics.loss == 5)
    #expect(accumulator.metrics.accuracy.isNaN && accumulator.metrics.topKAccuracy.isNaN)
    let outputs = (0..<3).map { accumulator.metrics(output: $0) }
    #expect(outputs.map(\.dataLoss)[0..<2] == [1.5, 2] && outputs[2].dataLoss.isNaN)
    #expect(outputs[0].loss == 1.5 && outputs[0].regularizationLoss == 0)
    #expect(outputs[0].accuracy == 0.5 && outputs[1].accuracy.isNaN)
  }

  @Test func theLossDecidesHowOutputsAreJudgedUnlessAsked() {
    func kind(_ loss: Loss, onLogits: Bool = false, _ choice: AccuracyChoice = .ofLoss) -> AccuracyKind {
      AccuracyKind(LossConfiguration(loss), onLogits: onLogits, choice: choice)
    }
    for loss in [Loss.sparseCategoricalCrossentropy, .categoricalCrossentropy, .categoricalHinge] {
      #expect(kind(loss) == .categorical)
    }
    #expect(kind(.binaryCrossentropy) == .binary(threshold: 0.5))
    #expect(kind(.binaryCrossentropy, onLogits: true) == .binary(threshold: 0))
    #expect(kind(.meanSquaredError) == .none)
    #expect(kind(.meanSquaredError, .categorical) == .categorical)
    #expect(kind(.meanSquaredError, .binary) == .binary(threshold: 0.5))
    #expect(kind(.binaryCrossentropy, onLogits: true, .categorical) == .categorical)
  }
}
