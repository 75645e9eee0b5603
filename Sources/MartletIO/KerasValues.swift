// Activations and regularisers in Keras' JSON: `"relu"`, `{"class_name": "L2", "config": {"l2": 0.01}}`.

import MartletCore
import MartletNN

// MARK: Activations

extension Activation {
  /// The name in Keras; nil for a ReLU or an ELU whose parameters are not those of Keras' function. Keras has no
  /// name for the approximate GELU, so it gets the one under which KerasHub registers it.
  var kerasName: String? {
    switch self {
    case .linear: "linear"
    case .relu: "relu"
    case .leakyReLU(let slope): slope == Activation.defaultSlope ? "leaky_relu" : nil
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .softmax: "softmax"
    case .elu(let alpha): alpha == Activation.defaultAlpha ? "elu" : nil
    case .selu: "selu"
    case .softplus: "softplus"
    case .silu: "silu"
    case .gelu: "gelu"
    case .geluTanh: "gelu_approximate"
    case .hardSigmoid: "hard_sigmoid"
    case .exponential: "exponential"
    case .clippedReLU: self == .relu6 ? "relu6" : nil
    case .hardSwish: "hard_swish"
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
    case "elu": self = .elu(alpha: Activation.defaultAlpha)
    case "selu": self = .selu
    case "softplus": self = .softplus
    case "silu", "swish": self = .silu
    case "gelu": self = .gelu
    case "gelu_approximate", "keras_hub>gelu_approximate", "keras_nlp>gelu_approximate": self = .geluTanh
    case "hard_sigmoid": self = .hardSigmoid
    case "exponential": self = .exponential
    case "relu6": self = .relu6
    case "hard_swish", "hard_silu": self = .hardSwish
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

  /// The regulariser that a member of `config` describes, an object or a name; absent or null is none.
  func regularizer(_ key: String) throws(MartletError) -> Regularizer {
    guard let json = config[key] else { return .none }
    func strength(_ member: String, default standard: Double) throws(MartletError) -> Float {
      let value = Float(json["config"]?[member]?.doubleValue ?? standard)
      guard value.isFinite, value >= 0 else { throw error(.formatError, "has a regulariser of strength \(value)") }
      return value
    }
    switch json.stringValue ?? json["class_name"]?.stringValue {
    case "L1", "l1": return Regularizer(l1: try strength("l1", default: 0.01))
    case "L2", "l2": return Regularizer(l2: try strength("l2", default: 0.01))
    case "L1L2", "l1l2": return Regularizer(l1: try strength("l1", default: 0), l2: try strength("l2", default: 0))
    // A function in Keras 2, with defaults of its own.
    case "l1_l2": return Regularizer(l1: try strength("l1", default: 0.01), l2: try strength("l2", default: 0.01))
    default: throw error(.unsupported, "has a '\(key)' other than L1, L2 and L1L2, which is not supported")
    }
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

extension JSON {
  /// An object of Keras: a class and what it is made with.
  static func keras(_ className: String, _ config: [String: JSON]) -> JSON {
    .object(["class_name": .string(className), "config": .object(config)])
  }
}
