// The Keras classes that rearrange rows, add noise to them or penalise them: what their `config` says.

import MartletCore
import MartletNN

extension KerasLayer {
  func reshape() throws(MartletError) -> Reshape { Reshape(try integers("target_shape")) }

  func permute() throws(MartletError) -> Permute { Permute(try integers("dims")) }

  func gaussianNoise() throws(MartletError) -> GaussianNoise {
    GaussianNoise(standardDeviation: Double(try strength("stddev", default: nil)))
  }

  func activityRegularization() throws(MartletError) -> ActivityRegularization {
    ActivityRegularization(Regularizer(l1: try strength("l1", default: 0), l2: try strength("l2", default: 0)))
  }

  /// A short list of integers; what they may be, the layer says.
  private func integers(_ key: String) throws(MartletError) -> [Int] {
    guard let values = config[key]?.arrayValue, values.count <= Shape.maximumRank else {
      throw error(.formatError, "has no '\(key)' that is a list of at most \(Shape.maximumRank) integers")
    }
    var integers: [Int] = []
    for value in values {
      guard let integer = value.integerValue else {
        throw error(.formatError, "has the \(key) \(config[key] ?? .null), which are not all integers")
      }
      integers.append(integer)
    }
    return integers
  }

  private func strength(_ key: String, default standard: Double?) throws(MartletError) -> Float {
    let value = Float(try number(key, default: standard))
    guard value.isFinite, value >= 0 else {
      throw error(.formatError, "has the \(key) \(value); it must be finite and at least 0")
    }
    return value
  }
}
