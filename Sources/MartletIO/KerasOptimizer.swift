// An optimiser as Keras 3 describes it: its class and `get_config`, and the arrays of its state in the order of its
// `variables`.

import MartletCore
import MartletNN
import MartletTraining

// MARK: What it is

extension Optimizer {
  var kerasClassName: String {
    switch algorithm {
    case .sgd: "SGD"
    case .adam: "Adam"
    case .adamW: "AdamW"
    case .adamax: "Adamax"
    case .nadam: "Nadam"
    case .rmsprop: "RMSprop"
    case .adagrad: "Adagrad"
    case .adadelta: "Adadelta"
    case .lion: "Lion"
    }
  }

  /// The name under which Keras keeps its state.
  var kerasName: String { GraphBuilder.snakeCase(kerasClassName) }

  func kerasJSON(learningRate: Double) -> JSON {
    var config: [String: JSON] = [
      "name": .string(kerasName), "learning_rate": .number(learningRate),
      "weight_decay": weightDecay == 0 && kerasClassName != "AdamW" ? .null : .number(weightDecay),
      "clipvalue": .null, "clipnorm": .null, "global_clipnorm": .null, "use_ema": .bool(averaging != nil),
      "ema_momentum": .number(averaging?.momentum ?? 0.99), "ema_overwrite_frequency": .null,
    ]
    switch clipping {
    case .none: break
    case .value(let limit): config["clipvalue"] = .number(limit)
    case .norm(let limit): config["clipnorm"] = .number(limit)
    case .globalNorm(let limit): config["global_clipnorm"] = .number(limit)
    }
    if let frequency = averaging?.overwriteFrequency, frequency > 0 {
      config["ema_overwrite_frequency"] = .integer(frequency)
    }
    // Keras 2 has no such option.
    if accumulationSteps > 1 { config["gradient_accumulation_steps"] = .integer(accumulationSteps) }
    config.merge(algorithmOptions) { _, new in new }
    return .keras(kerasClassName, config)
  }

  private var algorithmOptions: [String: JSON] {
    switch algorithm {
    case .sgd(let momentum, let nesterov): ["momentum": .number(momentum), "nesterov": .bool(nesterov)]
    case .adam(let beta1, let beta2, let epsilon, let amsgrad), .adamW(let beta1, let beta2, let epsilon, let amsgrad):
      [
        "beta_1": .number(beta1), "beta_2": .number(beta2), "epsilon": .number(epsilon), "amsgrad": .bool(amsgrad),
      ]
    case .adamax(let beta1, let beta2, let epsilon), .nadam(let beta1, let beta2, let epsilon):
      ["beta_1": .number(beta1), "beta_2": .number(beta2), "epsilon": .number(epsilon)]
    case .rmsprop(let rho, let momentum, let epsilon, let centered):
      [
        "rho": .number(rho), "momentum": .number(momentum), "epsilon": .number(epsilon), "centered": .bool(centered),
      ]
    case .adagrad(let initialValue, let epsilon):
      ["initial_accumulator_value": .number(initialValue), "epsilon": .number(epsilon)]
    case .adadelta(let rho, let epsilon): ["rho": .number(rho), "epsilon": .number(epsilon)]
    case .lion(let beta1, let beta2): ["beta_1": .number(beta1), "beta_2": .number(beta2)]
    }
  }
}

// MARK: What it keeps

/// One of an optimiser's variables in Keras.
struct KerasOptimizerVariable {
  enum Content {
    /// Steps done.
    case iteration
    case learningRate
    case average(parameter: Int)
    case accumulator(parameter: Int)
    case slot(Int, parameter: Int)
    /// Nadam's.
    case momentumProduct
  }
  let path: String
  let content: Content

  /// The variables of an optimiser for a model, in Keras' order.
  static func all(_ optimizer: Optimizer, _ model: Model) -> [KerasOptimizerVariable] {
    let name = optimizer.kerasName
    let parameters = model.graph.kerasLayerOrder.flatMap { model.layout.range(ofLayer: $0) }
      .filter { model.layout.parameters[$0].isTrainable }
    func variable(_ parameter: Int, _ suffix: String, _ content: Content) -> KerasOptimizerVariable {
      let weight = model.layout.parameters[parameter]
      return .init(path: "\(name)/\(model.graph.layers[weight.layer].name)_\(weight.name)_\(suffix)", content: content)
    }
    var all = [
      KerasOptimizerVariable(path: "\(name)/iteration", content: .iteration),
      KerasOptimizerVariable(path: "\(name)/learning_rate", content: .learningRate),
    ]
    if optimizer.averaging != nil { all += parameters.map { variable($0, "average", .average(parameter: $0)) } }
    if optimizer.accumulationSteps > 1 {
      all += parameters.map { variable($0, "gradient_accumulator", .accumulator(parameter: $0)) }
    }
    var first = 0
    for names in optimizer.kerasSlotNames {
      for parameter in parameters {
        all += names.enumerated().map { variable(parameter, $1, .slot(first + $0, parameter: parameter)) }
      }
      first += names.count
    }
    // It has no name of its own in Keras.
    if case .nadam = optimizer.algorithm { all.append(.init(path: "variable", content: .momentumProduct)) }
    return all
  }
}

extension Optimizer {
  /// Names of the slots in the order of `UpdateRule`; those that Keras makes together go weight by weight.
  fileprivate var kerasSlotNames: [[String]] {
    switch algorithm {
    case .sgd(let momentum, _): momentum == 0 ? [] : [["momentum"]]
    case .adam(_, _, _, let amsgrad), .adamW(_, _, _, let amsgrad):
      [["momentum", "velocity"]] + (amsgrad ? [["velocity_hat"]] : [])
    case .adamax: [["momentum", "norm"]]
    case .nadam: [["momentum", "velocity"]]
    case .rmsprop(_, let momentum, _, let centered):
      [["velocity"]] + (momentum > 0 ? [["momentum"]] : []) + (centered ? [["average_gradient"]] : [])
    case .adagrad: [["accumulator"]]
    case .adadelta: [["accumulated_grad", "accumulated_delta_var"]]
    case .lion: [["momentum"]]
    }
  }
}
