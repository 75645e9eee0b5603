// Constraints of weights in Keras' JSON: `"non_neg"`,
// `{"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}}`.

import MartletCore
import MartletNN

extension Constraint {
  /// - Parameter rank: of the weight.
  func kerasJSON(rank: Int) -> JSON {
    switch self {
    case .maximumNorm(let limit, let axes):
      .keras("MaxNorm", ["max_value": JSON(limit), "axis": axes.kerasJSON(rank: rank)])
    case .nonNegative: .keras("NonNeg", [:])
    case .unitNorm(let axes): .keras("UnitNorm", ["axis": axes.kerasJSON(rank: rank)])
    }
  }
}

extension Constraint.Axes {
  /// One number, or a list of adjacent ones. Axes that are counted from different ends are all counted from the front.
  fileprivate func kerasJSON(rank: Int) -> JSON {
    func fromFront(_ axis: Int) -> Int { axis < 0 ? axis + rank : axis }
    let areMixed = (first < 0) != (last < 0)
    let (first, last) = areMixed ? (fromFront(first), fromFront(last)) : (first, last)
    return first < last ? .array((first...last).map { .integer($0) }) : .integer(first)
  }
}

extension KerasLayer {
  /// The constraint that a member of `config` describes; absent or null is none.
  func constraint(_ key: String) throws(MartletError) -> Constraint? {
    guard let json = config[key] else { return nil }
    let arguments = json["config"]
    switch json.stringValue ?? json["class_name"]?.stringValue {
    case "MaxNorm", "max_norm", "maxnorm":
      let limit = Float(arguments?["max_value"]?.doubleValue ?? 2)
      guard limit.isFinite, limit >= 0 else { throw error(.formatError, "has a '\(key)' of at most \(limit)") }
      return .maximumNorm(limit, try axes(arguments, key))
    case "NonNeg", "non_neg", "nonneg": return .nonNegative
    case "UnitNorm", "unit_norm", "unitnorm": return .unitNorm(try axes(arguments, key))
    default:
      throw error(.unsupported, "has a '\(key)' other than MaxNorm, NonNeg and UnitNorm, which is not supported")
    }
  }

  /// Whether the weight has such axes, it says itself.
  private func axes(_ arguments: JSON?, _ key: String) throws(MartletError) -> Constraint.Axes {
    guard let json = arguments?["axis"] else { return .rows }
    let axes = (json.arrayValue ?? [json]).map(\.integerValue)
    guard let given = axes.first, let first = given, axes.count <= Shape.maximumRank,
      (-Shape.maximumRank...Shape.maximumRank).contains(first)
    else {
      throw error(.formatError, "has a '\(key)' over the axis \(json)")
    }
    guard axes.enumerated().allSatisfy({ $1 == first + $0 }) else {
      throw error(.unsupported, "has a '\(key)' over axes that are not adjacent, which is not supported")
    }
    return Constraint.Axes(first, first + axes.count - 1)
  }
}
