// The rule of early stopping on sequences of figures.

import Testing

@testable import MartletTraining

@Suite struct EarlyStoppingTests {
  /// The verdict on each figure, until training would stop, and the best epoch.
  private func run(
    _ figures: [Double], _ monitor: EarlyStopping.Monitor = .validationLoss, patience: Int, minimumDelta: Double = 0
  ) -> (stoppedAt: Int?, best: Int?) {
    var state = EarlyStoppingState(
      EarlyStopping(monitor: monitor, patience: patience, minimumDelta: minimumDelta))
    for (epoch, figure) in figures.enumerated() where state.judge(progress(epoch, figure, monitor)) == .stop {
      return (epoch, state.bestEpoch)
    }
    return (nil, state.bestEpoch)
  }

  /// The figure where the monitor looks, and elsewhere one that keeps improving.
  private func progress(_ epoch: Int, _ figure: Double, _ monitor: EarlyStopping.Monitor) -> Progress {
    func metrics(loss: Bool, accuracy: Bool) -> Metrics {
      Metrics(
        dataLoss: loss ? figure : -Double(epoch), regularizationLoss: 0, accuracy: accuracy ? figure : Double(epoch),
        topKAccuracy: .nan)
    }
    return Progress(
      event: .epochEnd, epoch: epoch, epochs: 100, batch: 1, batches: 1, iteration: 1, samples: 1, seconds: 0,
      samplesPerSecond: 0, learningRate: 0, training: metrics(loss: monitor == .loss, accuracy: monitor == .accuracy),
      validation: metrics(loss: monitor == .validationLoss, accuracy: monitor == .validationAccuracy))
  }

  @Test func stopsAfterPatience() {
    #expect(run([3, 2, 2.5, 1, 1.5, 1.2, 1.1], patience: 3) == (6, 3))
    #expect(run([3, 2, 2.5, 1, 1.5, 1.2], patience: 3) == (nil, 3))
    // Equal is no improvement.
    #expect(run([1, 1, 1], patience: 2) == (2, 0))
  }

  @Test func patienceOfZeroAndOneAreTheSame() {
    for patience in [0, 1] { #expect(run([3, 2, 2.5, 1], patience: patience) == (2, 1)) }
  }

  @Test(arguments: [EarlyStopping.Monitor.loss, .validationLoss])
  func lossesFall(_ monitor: EarlyStopping.Monitor) {
    #expect(run([1, 2, 3], monitor, patience: 2) == (2, 0))
    #expect(run([3, 2, 1], monitor, patience: 2) == (nil, 2))
  }

  @Test(arguments: [EarlyStopping.Monitor.accuracy, .validationAccuracy])
  func accuraciesRise(_ monitor: EarlyStopping.Monitor) {
    #expect(run([1, 2, 3], monitor, patience: 2) == (nil, 2))
    #expect(run([3, 2, 1], monitor, patience: 2) == (2, 0))
  }

  @Test func changesBelowMinimumDeltaDoNotCount() {
    // Slow progress adds up: it is compared with the best, not with the epoch before.
    #expect(run([1, 0.75, 0.5, 0.25], patience: 2, minimumDelta: 0.25) == (nil, 2))
    #expect(run([1, 0.8, 0.8, 0.8], patience: 2, minimumDelta: 0.25) == (2, 0))
  }

  @Test func nanIsNeverAnImprovement() {
    #expect(run([.nan, 2, .nan, 1], patience: 2) == (nil, 3))
    #expect(run([2, .nan, .nan, 1], patience: 2) == (2, 0))
    #expect(run([.nan, .nan], patience: 2) == (1, nil))
    // Keras never stops after the first epoch.
    #expect(run([.nan, 2, 1], patience: 1) == (nil, 2))
  }

  @Test func validationIsNeeded() {
    let needing = [EarlyStopping.Monitor.validationLoss, .validationAccuracy, .loss, .accuracy].map(\.needsValidation)
    #expect(needing == [true, true, false, false])
  }
}
