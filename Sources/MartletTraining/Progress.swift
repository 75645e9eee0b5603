// What training tells while it runs, and what the history keeps of each epoch.

/// Averages over the rows seen; NaN where a figure does not apply.
package struct Metrics: Sendable, Equatable {
  package var dataLoss: Double
  package var regularizationLoss: Double
  package var accuracy: Double
  package var topKAccuracy: Double

  package init(dataLoss: Double, regularizationLoss: Double, accuracy: Double, topKAccuracy: Double) {
    self.dataLoss = dataLoss
    self.regularizationLoss = regularizationLoss
    self.accuracy = accuracy
    self.topKAccuracy = topKAccuracy
  }

  package var loss: Double { dataLoss + regularizationLoss }

  package static let none = Metrics(
    dataLoss: .nan, regularizationLoss: .nan, accuracy: .nan, topKAccuracy: .nan)
}

/// The figures of one output of several.
package struct OutputMetrics: Sendable, Equatable {
  package var training = Metrics.none
  package var validation = Metrics.none

  package init() {}
}

package struct Progress: Sendable {
  /// Raw values are those of `martlet.h`.
  package enum Event: Int32, Sendable {
    case batchEnd = 1
    case epochEnd = 2
    case evaluation = 3
  }

  package var event: Event
  /// From 0, counted over all calls of fit.
  package var epoch: Int
  /// Where this call of fit ends, in the same count.
  package var epochs: Int
  package var batch: Int
  package var batches: Int
  /// Steps since the trainer was made.
  package var iteration: Int
  package var samples: Int
  package var seconds: Double
  package var samplesPerSecond: Double
  package var learningRate: Double
  package var training: Metrics
  package var validation: Metrics

  package init(
    event: Event, epoch: Int, epochs: Int, batch: Int, batches: Int, iteration: Int, samples: Int, seconds: Double,
    samplesPerSecond: Double, learningRate: Double, training: Metrics, validation: Metrics
  ) {
    self.event = event
    self.epoch = epoch
    self.epochs = epochs
    self.batch = batch
    self.batches = batches
    self.iteration = iteration
    self.samples = samples
    self.seconds = seconds
    self.samplesPerSecond = samplesPerSecond
    self.learningRate = learningRate
    self.training = training
    self.validation = validation
  }
}
