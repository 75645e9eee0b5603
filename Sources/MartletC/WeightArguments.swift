// How C describes a weight array: the structs of martlet.h that say how it starts, what it is penalised for and held
// to.

import CMartlet
import MartletCore
import MartletNN

extension Initializer {
  /// - Throws: `invalidArgument` naming the member of the argument `name`.
  init(_ initializer: martlet_initializer, _ name: String) throws(MartletError) {
    func value(minimum: Float? = nil) throws(MartletError) -> Float {
      try finite(initializer.value, "\(name).value", minimum: minimum)
    }
    func nonZero(_ what: String) throws(MartletError) -> Float {
      let gain = try value()
      guard gain != 0 else { throw MartletError(.invalidArgument, "\(name).value is 0; \(what) must not be 0") }
      return gain
    }
    func mean() throws(MartletError) -> Float { try finite(initializer.mean, "\(name).mean") }
    switch initializer.kind {
    case MARTLET_GLOROT_UNIFORM: self = .glorotUniform
    case MARTLET_GLOROT_NORMAL: self = .glorotNormal
    case MARTLET_HE_UNIFORM: self = .heUniform
    case MARTLET_HE_NORMAL: self = .heNormal
    case MARTLET_LECUN_UNIFORM: self = .lecunUniform
    case MARTLET_LECUN_NORMAL: self = .lecunNormal
    case MARTLET_ZEROS: self = .zeros
    case MARTLET_ONES: self = .ones
    case MARTLET_CONSTANT: self = .constant(try value())
    case MARTLET_RANDOM_NORMAL: self = .randomNormal(mean: try mean(), standardDeviation: try value(minimum: 0))
    case MARTLET_TRUNCATED_NORMAL: self = .truncatedNormal(mean: try mean(), standardDeviation: try value(minimum: 0))
    case MARTLET_RANDOM_UNIFORM:
      let minimum = try finite(initializer.minimum, "\(name).minimum")
      let maximum = try finite(initializer.maximum, "\(name).maximum", minimum: minimum)
      _ = try finite(maximum - minimum, "\(name).maximum - \(name).minimum")
      self = .randomUniform(minimum: minimum, maximum: maximum)
    case MARTLET_VARIANCE_SCALING:
      _ = try nonZero("the scale")
      self = .varianceScaling(
        VarianceScaling(
          scale: try value(minimum: 0), mode: try VarianceScaling.Mode(initializer.mode, "\(name).mode"),
          distribution: try VarianceScaling.Distribution(initializer.distribution, "\(name).distribution")))
    case MARTLET_ORTHOGONAL: self = .orthogonal(gain: try nonZero("the gain"))
    case MARTLET_IDENTITY: self = .identity(gain: try nonZero("the gain"))
    default:
      throw MartletError(
        .invalidArgument,
        "\(name).kind is \(initializer.kind), which is none of MARTLET_GLOROT_UNIFORM to MARTLET_IDENTITY")
    }
  }
}

extension Initializer.VarianceScaling.Mode {
  fileprivate init(_ mode: Int32, _ name: String) throws(MartletError) {
    switch mode {
    case MARTLET_FAN_IN: self = .fanIn
    case MARTLET_FAN_OUT: self = .fanOut
    case MARTLET_FAN_AVG: self = .fanAverage
    default:
      throw MartletError(.invalidArgument, "\(name) is \(mode), which is none of MARTLET_FAN_IN to MARTLET_FAN_AVG")
    }
  }
}

extension Initializer.VarianceScaling.Distribution {
  fileprivate init(_ distribution: Int32, _ name: String) throws(MartletError) {
    switch distribution {
    case MARTLET_DISTRIBUTION_TRUNCATED_NORMAL: self = .truncatedNormal
    case MARTLET_DISTRIBUTION_UNTRUNCATED_NORMAL: self = .untruncatedNormal
    case MARTLET_DISTRIBUTION_UNIFORM: self = .uniform
    default:
      throw MartletError(
        .invalidArgument,
        "\(name) is \(distribution), which is none of MARTLET_DISTRIBUTION_TRUNCATED_NORMAL to "
          + "MARTLET_DISTRIBUTION_UNIFORM")
    }
  }
}

extension Regularizer {
  /// - Throws: `invalidArgument` naming the member of the argument `name`.
  init(_ regularizer: martlet_regularizer, _ name: String) throws(MartletError) {
    self.init(
      l1: try finite(regularizer.l1, "\(name).l1", minimum: 0),
      l2: try finite(regularizer.l2, "\(name).l2", minimum: 0))
  }
}

extension Constraint {
  /// nil for `MARTLET_NO_CONSTRAINT`.
  ///
  /// - Throws: `invalidArgument` naming the member of the argument `name`.
  static func optional(_ constraint: martlet_constraint, _ name: String) throws(MartletError) -> Constraint? {
    let axes = Axes(Int(constraint.first_axis), Int(constraint.last_axis))
    switch constraint.kind {
    case MARTLET_NO_CONSTRAINT: return nil
    case MARTLET_MAX_NORM: return .maximumNorm(try finite(constraint.value, "\(name).value", minimum: 0), axes)
    case MARTLET_NON_NEG: return .nonNegative
    case MARTLET_UNIT_NORM: return .unitNorm(axes)
    default:
      throw MartletError(
        .invalidArgument,
        "\(name).kind is \(constraint.kind), which is none of MARTLET_NO_CONSTRAINT to MARTLET_UNIT_NORM")
    }
  }
}
