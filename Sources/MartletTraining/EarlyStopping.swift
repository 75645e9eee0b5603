// When to stop for want of improvement, as Keras' EarlyStopping decides it.

package struct EarlyStopping: Sendable, Equatable {
  /// What is watched; raw values are those of `martlet.h`.
  package enum Monitor: Int32, Sendable {
    case validationLoss = 1
    case validationAccuracy = 2
    case loss = 3
    case accuracy = 4

    var isAccuracy: Bool { self == .validationAccuracy || self == .accuracy }

    package var needsValidation: Bool { self == .validationLoss || self == .validationAccuracy }

    func value(_ progress: Progress) -> Double {
      switch self {
      case .validationLoss: progress.validation.loss
      case .validationAccuracy: progress.validation.accuracy
      case .loss: progress.training.loss
      case .accuracy: progress.training.accuracy
      }
    }
  }

  package var monitor: Monitor
  package var patience: Int
  package var minimumDelta: Double
  package var restoresBest: Bool

  package init(monitor: Monitor, patience: Int, minimumDelta: Double = 0, restoresBest: Bool = false) {
    self.monitor = monitor
    self.patience = patience
    self.minimumDelta = minimumDelta
    self.restoresBest = restoresBest
  }
}

/// The decision, epoch by epoch, of one call of fit.
struct EarlyStoppingState {
  private let options: EarlyStopping
  private var best: Double?
  private var epochsWithoutImprovement = 0
  private var isFirst = true
  private(set) var bestEpoch: Int?

  init(_ options: EarlyStopping) { self.options = options }

  enum Verdict { case improved, goOn, stop }

  /// NaN is never an improvement. The first epoch never stops, as in Keras.
  mutating func judge(_ progress: Progress) -> Verdict {
    defer { isFirst = false }
    let value = options.monitor.value(progress)
    let isImprovement: Bool
    if let best {
      isImprovement =
        options.monitor.isAccuracy
        ? value - options.minimumDelta > best : value + options.minimumDelta < best
    } else {
      isImprovement = !value.isNaN
    }
    if isImprovement {
      best = value
      bestEpoch = progress.epoch
      epochsWithoutImprovement = 0
      return .improved
    }
    epochsWithoutImprovement += 1
    return epochsWithoutImprovement >= max(options.patience, 1) && !isFirst ? .stop : .goOn
  }
}
