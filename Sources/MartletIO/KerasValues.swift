// Activations, initialisers and regularisers in Keras' JSON: `"relu"`, `{"class_name": "L2", "config": {"l2": 0.01}}`.

import MartletCore
import MartletNN

// MARK: Activations

extension Activation {
  /// The name in Keras; nil for a leaky ReLU whose slope is not that of Keras' function.
  var kerasName: String? {
    switch self {
    case .linear: "linear"
    case .relu: "relu"
    case .leakyReLU(let slope): slope == Activation.defaultSlope ? "leaky_relu" : nil
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .softmax: "softmax"
    }
  }

  init?(kerasName: String) {
    switch kerasName {
    case "linear": self = .linear
    case "relu": self = .relu
    case "leaky_relu": self = .leakyReLU(slope: Activation.defaultSlope)
    case "sigmoid": self = .sigmoid
    case "tanh": self = .tanh
    case "softmax": self = .softmax
    default: return nil
    }
  }
}

extension KerasLayer {
  /// An activation by name; absent or null is linear.
  func activation(of json: JSON?) throws(MartletError) -> Activation {
    guard let json else { return .linear }
    // Keras 3 may wrap the name of a function in an object.
    guard let name = json.stringValue ?? json["config"]?.stringValue else {
      throw error(.unsupported, "has the activation \(json["class_name"]?.stringValue ?? "?"), which is not supported")
    }
    guard let activation = Activation(kerasName: name) else {
      throw error(.unsupported, "has the activation '\(name)', which is not supported")
    }
    return activation
  }

  /// The regulariser that a member of `config` describes; absent or null is none.
  func regularizer(_ key: String) throws(MartletError) -> Regularizer {
    guard let json = config[key] else { return .none }
    guard let className = json["class_name"]?.stringValue, ["L1", "L2", "L1L2"].contains(className) else {
      throw error(.unsupported, "has a '\(key)' other than L1, L2 and L1L2, which is not supported")
    }
    func strength(_ key: String) throws(MartletError) -> Float {
      let value = Float(json["config"]?[key]?.doubleValue ?? 0)
      guard value.isFinite, value >= 0 else { throw error(.formatError, "has a regulariser of strength \(value)") }
      return value
    }
    return Regularizer(l1: try strength("l1"), l2: try strength("l2"))
  }
}

// MARK: Regularisers

extension Regularizer {
  var kerasJSON: JSON {
    switch (l1 != 0, l2 != 0) {
    case (false, false): .null
    case (true, false): .keras("L1", ["l1": JSON(l1)])
    case (false, true): .keras("L2", ["l2": JSON(l2)])
    case (true, true): .keras("L1L2", ["l1": JSON(l1), "l2": JSON(l2)])
    }
  }
}

// MARK: Initialisers

extension Initializer {
  var kerasJSON: JSON {
    switch self {
    case .glorotUniform: .keras("GlorotUniform", ["seed": .null])
    case .glorotNormal: .keras("GlorotNormal", ["seed": .null])
    case .heUniform: .keras("HeUniform", ["seed": .null])
    case .heNormal: .keras("HeNormal", ["seed": .null])
    case .randomNormal(let deviation):
      .keras("RandomNormal", ["mean": .number(0), "stddev": JSON(deviation), "seed": .null])
    case .zeros: .keras("Zeros", [:])
    case .constant(let value): .keras("Constant", ["value": JSON(value)])
    }
  }

  /// Nil if there is none, or none that we have: the weights are in the file, so that does not stop loading.
  init?(keras json: JSON?) {
    guard let json, let name = json.stringValue ?? json["class_name"]?.stringValue else { return nil }
    func number(_ key: String, _ standard: Double) -> Float { Float(json["config"]?[key]?.doubleValue ?? standard) }
    switch name {
    case "GlorotUniform", "glorot_uniform": self = .glorotUniform
    case "GlorotNormal", "glorot_normal": self = .glorotNormal
    case "HeUniform", "he_uniform": self = .heUniform
    case "HeNormal", "he_normal": self = .heNormal
    case "Zeros", "zeros": self = .zeros
    case "Ones", "ones": self = .constant(1)
    case "Constant", "constant":
      let value = number("value", 0)
      guard value.isFinite else { return nil }
      self = .constant(value)
    case "RandomNormal", "random_normal":
      let deviation = number("stddev", 0.05)
      guard number("mean", 0) == 0, deviation.isFinite, deviation >= 0 else { return nil }
      self = .randomNormal(standardDeviation: deviation)
    case "VarianceScaling": self.init(varianceScaling: json["config"])
    default: return nil
    }
  }

  /// The general form that older Keras wrote Glorot and He initialisers in.
  private init?(varianceScaling config: JSON?) {
    let isUniform: Bool
    switch config?["distribution"]?.stringValue {
    case "uniform": isUniform = true
    case "normal", "truncated_normal": isUniform = false
    default: return nil
    }
    switch (config?["scale"]?.doubleValue, config?["mode"]?.stringValue) {
    case (1, "fan_avg"): self = isUniform ? .glorotUniform : .glorotNormal
    case (2, "fan_in"): self = isUniform ? .heUniform : .heNormal
    default: return nil
    }
  }
}

extension JSON {
  /// An object of Keras: a class and what it is made with.
  static func keras(_ className: String, _ config: [String: JSON]) -> JSON {
    .object(["class_name": .string(className), "config": .object(config)])
  }
}
