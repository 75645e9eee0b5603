// `training_config`, the JSON in which Keras keeps what a model was compiled with: optimiser, losses and metrics.

import MartletCore
import MartletNN
import MartletTraining

enum KerasTraining {
  /// - Parameter metrics: Keras' metrics as JSON.
  /// - Throws: `internalError`, never for finite options.
  static func text(_ trainer: Trainer, metrics: JSON) throws(MartletError) -> String {
    let losses = trainer.losses.map(\.configuration)
    let hasWeights = losses.contains { $0.weight != 1 }
    let configuration: [String: JSON] = [
      "loss": oneOrAll(losses.map(\.kerasJSON)),
      "loss_weights": hasWeights ? .array(losses.map { .number($0.weight) }) : .null,
      "metrics": metrics, "weighted_metrics": .null, "run_eagerly": .bool(false), "steps_per_execution": .integer(1),
      "jit_compile": .bool(false),
      "optimizer_config": trainer.options.optimizer.kerasJSON(learningRate: trainer.learningRate),
    ]
    return try JSON.object(configuration).text()
  }

  private static func oneOrAll(_ losses: [JSON]) -> JSON { losses.count == 1 ? losses[0] : .array(losses) }

  /// What `config.json` of a `.keras` archive says, as a `training_config` would; empty if nothing.
  static func configuration(ofArchive text: String) -> String {
    guard let json = try? JSON(text: text), let config = json["compile_config"], config != .object([:]),
      config != .null
    else { return "" }
    guard case .object(var members) = config else { return config.description }
    members["optimizer_config"] = members.removeValue(forKey: "optimizer")
    return JSON.object(members).description
  }

  /// The class of the optimiser; nil if the text is not Keras'.
  static func optimizerClass(_ text: String) -> String? {
    guard let json = try? JSON(text: text), let name = json["optimizer_config"]?["class_name"]?.stringValue else {
      return nil
    }
    // Registered classes have a package before their name.
    return name.split(separator: ">").last.map(String.init)
  }
}

extension LossConfiguration {
  var kerasJSON: JSON {
    guard let className = loss.kerasClassName else { return .null }
    var config: [String: JSON] = ["name": .string(loss.name), "reduction": .string("sum_over_batch_size")]
    switch loss {
    case .sparseCategoricalCrossentropy: config["from_logits"] = .bool(fromLogits)
    case .categoricalCrossentropy, .binaryCrossentropy:
      config["from_logits"] = .bool(fromLogits)
      config["label_smoothing"] = .number(labelSmoothing)
    case .categoricalFocalCrossentropy, .binaryFocalCrossentropy:
      config["from_logits"] = .bool(fromLogits)
      config["label_smoothing"] = .number(labelSmoothing)
      config["gamma"] = .number(gamma)
      config["alpha"] = .number(alpha)
      if loss == .binaryFocalCrossentropy { config["apply_class_balancing"] = .bool(appliesClassBalancing) }
    case .huber: config["delta"] = .number(delta)
    case .meanSquaredError, .categoricalHinge, .none, .meanAbsoluteError, .logCosh, .poisson, .klDivergence,
      .cosineSimilarity:
      break
    }
    return .keras(className, config)
  }
}

extension Loss {
  fileprivate var kerasClassName: String? {
    switch self {
    case .sparseCategoricalCrossentropy: "SparseCategoricalCrossentropy"
    case .categoricalCrossentropy: "CategoricalCrossentropy"
    case .meanSquaredError: "MeanSquaredError"
    case .binaryCrossentropy: "BinaryCrossentropy"
    case .categoricalHinge: "CategoricalHinge"
    case .none: nil
    case .meanAbsoluteError: "MeanAbsoluteError"
    case .huber: "Huber"
    case .logCosh: "LogCosh"
    case .poisson: "Poisson"
    case .klDivergence: "KLDivergence"
    case .cosineSimilarity: "CosineSimilarity"
    case .categoricalFocalCrossentropy: "CategoricalFocalCrossentropy"
    case .binaryFocalCrossentropy: "BinaryFocalCrossentropy"
    }
  }
}
