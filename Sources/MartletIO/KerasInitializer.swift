// Initialisers in Keras' JSON: `"he_normal"`,
// `{"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.05}}`. Written under the class names that Keras 2
// and 3 share, without a seed: here all randomness follows the model's.

import MartletCore
import MartletNN

// MARK: Writing

extension Initializer {
  var kerasJSON: JSON {
    switch self {
    case .zeros: .keras("Zeros", [:])
    case .ones: .keras("Ones", [:])
    case .constant(let value): .keras("Constant", ["value": JSON(value)])
    case .randomNormal(let mean, let deviation):
      .keras("RandomNormal", ["mean": JSON(mean), "stddev": JSON(deviation), "seed": .null])
    case .truncatedNormal(let mean, let deviation):
      .keras("TruncatedNormal", ["mean": JSON(mean), "stddev": JSON(deviation), "seed": .null])
    case .randomUniform(let minimum, let maximum):
      .keras("RandomUniform", ["minval": JSON(minimum), "maxval": JSON(maximum), "seed": .null])
    case .varianceScaling(let scaling):
      .keras(
        "VarianceScaling",
        [
          "scale": JSON(scaling.scale), "mode": .string(scaling.mode.kerasName),
          "distribution": .string(scaling.distribution.kerasName), "seed": .null,
        ])
    case .glorotUniform: .keras("GlorotUniform", ["seed": .null])
    case .glorotNormal: .keras("GlorotNormal", ["seed": .null])
    case .heUniform: .keras("HeUniform", ["seed": .null])
    case .heNormal: .keras("HeNormal", ["seed": .null])
    case .lecunUniform: .keras("LecunUniform", ["seed": .null])
    case .lecunNormal: .keras("LecunNormal", ["seed": .null])
    case .orthogonal(let gain): .keras("Orthogonal", ["gain": JSON(gain), "seed": .null])
    case .identity(let gain): .keras("Identity", ["gain": JSON(gain)])
    }
  }
}

extension Initializer.VarianceScaling.Mode {
  fileprivate var kerasName: String {
    switch self {
    case .fanIn: "fan_in"
    case .fanOut: "fan_out"
    case .fanAverage: "fan_avg"
    }
  }

  fileprivate init?(kerasName: String) {
    switch kerasName {
    case "fan_in": self = .fanIn
    case "fan_out": self = .fanOut
    case "fan_avg": self = .fanAverage
    default: return nil
    }
  }
}

extension Initializer.VarianceScaling.Distribution {
  fileprivate var kerasName: String {
    switch self {
    case .truncatedNormal: "truncated_normal"
    case .untruncatedNormal: "untruncated_normal"
    case .uniform: "uniform"
    }
  }

  fileprivate init?(kerasName: String) {
    switch kerasName {
    // Keras calls the truncated one "normal" up to version 2.2.
    case "truncated_normal", "normal": self = .truncatedNormal
    case "untruncated_normal": self = .untruncatedNormal
    case "uniform": self = .uniform
    default: return nil
    }
  }
}

// MARK: Reading

extension Initializer {
  /// Nil if there is none, or none that we have, or one that could not start an array of this rank: the weights are in
  /// the file, so that does not stop loading.
  init?(keras json: JSON?, rank: Int) {
    guard let json, let name = json.stringValue ?? json["class_name"]?.stringValue,
      let initializer = Initializer.named(name, KerasArguments(json["config"]))
    else { return nil }
    switch initializer {
    case .orthogonal where rank < 2, .identity where rank != 2: return nil
    default: self = initializer
    }
  }

  private static func named(_ name: String, _ arguments: KerasArguments) -> Initializer? {
    switch name {
    case "Zeros", "zeros", "zero": return .zeros
    case "Ones", "ones", "one": return .ones
    case "Constant", "constant": return arguments.number("value", 0).map { .constant($0) }
    case "RandomNormal", "random_normal", "normal":
      return arguments.meanAndDeviation.map { .randomNormal(mean: $0, standardDeviation: $1) }
    case "TruncatedNormal", "truncated_normal":
      return arguments.meanAndDeviation.map { .truncatedNormal(mean: $0, standardDeviation: $1) }
    case "RandomUniform", "random_uniform", "uniform":
      guard let minimum = arguments.number("minval", -0.05), let maximum = arguments.number("maxval", 0.05),
        minimum <= maximum, (maximum - minimum).isFinite
      else { return nil }
      return .randomUniform(minimum: minimum, maximum: maximum)
    case "VarianceScaling", "variance_scaling": return varianceScaling(arguments)
    case "Orthogonal", "orthogonal", "OrthogonalInitializer":
      return arguments.number("gain", 1).map { .orthogonal(gain: $0) }
    case "Identity", "identity", "IdentityInitializer": return arguments.number("gain", 1).map { .identity(gain: $0) }
    default: return arguments.hasAxes ? nil : scaledByFans(name)
    }
  }

  private static func scaledByFans(_ name: String) -> Initializer? {
    switch name {
    case "GlorotUniform", "glorot_uniform": .glorotUniform
    case "GlorotNormal", "glorot_normal": .glorotNormal
    case "HeUniform", "he_uniform": .heUniform
    case "HeNormal", "he_normal": .heNormal
    case "LecunUniform", "lecun_uniform": .lecunUniform
    case "LecunNormal", "lecun_normal": .lecunNormal
    default: nil
    }
  }

  private static func varianceScaling(_ arguments: KerasArguments) -> Initializer? {
    guard !arguments.hasAxes, let scale = arguments.number("scale", 1), scale > 0,
      let mode = VarianceScaling.Mode(kerasName: arguments.text("mode", "fan_in")),
      let distribution = VarianceScaling.Distribution(kerasName: arguments.text("distribution", "truncated_normal"))
    else { return nil }
    return .varianceScaling(VarianceScaling(scale: scale, mode: mode, distribution: distribution))
  }
}

/// The `config` of an initialiser.
private struct KerasArguments {
  private let config: JSON?

  init(_ config: JSON?) { self.config = config }

  /// Nil for what is no finite number.
  func number(_ key: String, _ standard: Float) -> Float? {
    guard let json = config?[key] else { return standard }
    return json.doubleValue.map { Float($0) }.flatMap { $0.isFinite ? $0 : nil }
  }

  func text(_ key: String, _ standard: String) -> String { config?[key]?.stringValue ?? standard }

  var meanAndDeviation: (Float, Float)? {
    guard let mean = number("mean", 0), let deviation = number("stddev", 0.05), deviation >= 0 else { return nil }
    return (mean, deviation)
  }

  /// Axes to take the fans from, other than by the rule.
  var hasAxes: Bool { config?["input_axes"] != nil || config?["output_axes"] != nil }
}
