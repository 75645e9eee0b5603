// The Keras classes that change images at random in training, to ours and back. Their `seed` is ignored: all randomness
// follows the trainer's. So is what they do to boxes and labels, of which our models have none.

import MartletCore
import MartletKernelInterface
import MartletNN

extension KerasLayer {
  /// RandomFlip, RandomTranslation, RandomRotation, RandomZoom, RandomCrop, RandomContrast, RandomErasing; nil for
  /// another class.
  func augmentation() throws(MartletError) -> (any Layer)? {
    switch className {
    case "RandomFlip", "RandomTranslation", "RandomRotation", "RandomZoom", "RandomCrop": return try randomTransform()
    case "RandomContrast":
      try checkFormat()
      return RandomContrast(try factor("factor", symmetric: false), valueRange: try valueRange())
    case "RandomErasing":
      try checkFormat()
      return RandomErasing(
        factor: config["factor"] == nil ? .erasing : try factor("factor", symmetric: false),
        scale: config["scale"] == nil ? .erasedShare : try factor("scale", symmetric: false),
        fill: try fill(), valueRange: try valueRange())
    default: return nil
    }
  }

  private func randomTransform() throws(MartletError) -> RandomTransform {
    try checkFormat()
    let map: RandomMap
    switch className {
    case "RandomFlip":
      let mode = config["mode"]?.stringValue ?? RandomMap.modes[0].name
      guard let known = RandomMap.modes.first(where: { $0.name == mode }) else {
        throw error(.unsupported, "has the mode '\(mode)', which is not supported")
      }
      return RandomTransform(.flip(horizontal: known.horizontal, vertical: known.vertical))
    case "RandomCrop": return RandomTransform(height: try size("height"), width: try size("width"))
    case "RandomRotation": map = .rotation(try factor("factor", symmetric: true))
    case "RandomTranslation":
      map = .translation(
        height: try factor("height_factor", symmetric: true), width: try factor("width_factor", symmetric: true))
    default:
      map = .zoom(
        height: try factor("height_factor", symmetric: true),
        width: config["width_factor"] == nil ? nil : try factor("width_factor", symmetric: true))
    }
    let mode = config["fill_mode"]?.stringValue ?? FillMode.reflect.kerasName
    guard let fillMode = FillMode.allCases.first(where: { $0.kerasName == mode }) else {
      throw error(.unsupported, "has the fill_mode '\(mode)', which is not supported")
    }
    return RandomTransform(
      map, fillMode: fillMode, interpolation: try interpolation(default: .bilinear),
      fillValue: try finiteFloat("fill_value", config["fill_value"] ?? .integer(0)))
  }

  /// A number v, for [-v, v] or else [0, v], or two in any order.
  private func factor(_ key: String, symmetric: Bool) throws(MartletError) -> FactorRange {
    let json = config[key] ?? .null
    let bounds = symmetric ? FactorRange.signed : FactorRange.unsigned
    let number = json.doubleValue.map { symmetric ? abs($0) : $0 }
    let pair = json.arrayValue ?? []
    let first = number.map { symmetric ? -$0 : 0 } ?? pair.first?.doubleValue
    let second = number ?? pair.last?.doubleValue
    guard number != nil || pair.count == 2, let first, let second,
      let range = FactorRange(min(first, second), number ?? max(first, second), in: bounds)
    else {
      throw error(
        .unsupported,
        "has the \(key) \(json); it takes a number or two, from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return range
  }

  private func valueRange() throws(MartletError) -> (low: Float, high: Float) {
    guard let json = config["value_range"] else { return (0, 255) }
    let ends = json.arrayValue ?? []
    guard ends.count == 2 else { throw error(.formatError, "has the value_range \(json); it takes two numbers") }
    let range = (low: try finiteFloat("value_range", ends[0]), high: try finiteFloat("value_range", ends[1]))
    guard range.low <= range.high else { throw error(.formatError, "has the value_range \(json), which is empty") }
    return range
  }

  private func fill() throws(MartletError) -> RandomErasing.Fill {
    guard let json = config["fill_value"] else { return .noise }
    guard let values = json.arrayValue else { return .value(try finiteFloat("fill_value", json)) }
    guard values.count == 3 else {
      throw error(.formatError, "has the fill_value \(json); it takes null, a number or three numbers")
    }
    var three = SIMD3<Float>()
    for index in 0..<3 { three[index] = try finiteFloat("fill_value", values[index]) }
    return .values(three)
  }

  private func finiteFloat(_ key: String, _ json: JSON) throws(MartletError) -> Float {
    guard let value = json.doubleValue, Float(value).isFinite else {
      throw error(.formatError, "has a '\(key)' that is not finite numbers")
    }
    return Float(value)
  }

  // MARK: Back to Keras

  /// The members of `config` that say what one of these layers does.
  static func members(of layer: RandomTransform) -> [String: JSON] {
    var members: [String: JSON] = ["seed": .null, "data_format": .string("channels_last")]
    switch layer.map {
    case .flip(let horizontal, let vertical):
      let mode = RandomMap.modes.first { $0.horizontal == horizontal && $0.vertical == vertical }
      members["mode"] = mode.map { .string($0.name) }
      return members
    case .window, .middle:
      members["height"] = .integer(layer.height)
      members["width"] = .integer(layer.width)
      return members
    case .rotation(let factor): members["factor"] = factor.json
    case .translation(let height, let width):
      members["height_factor"] = height.json
      members["width_factor"] = width.json
    case .zoom(let height, let width):
      members["height_factor"] = height.json
      members["width_factor"] = width?.json ?? .null
    }
    members["fill_mode"] = .string(layer.fillMode.kerasName)
    members["interpolation"] = .string(layer.interpolation == .nearest ? "nearest" : "bilinear")
    members["fill_value"] = JSON(layer.fillValue)
    return members
  }

  static func members(of layer: RandomContrast) -> [String: JSON] {
    ["factor": layer.factor.json, "value_range": pair(layer.valueRange), "seed": .null]
  }

  static func members(of layer: RandomErasing) -> [String: JSON] {
    let fill: JSON =
      switch layer.fill {
      case .noise: .null
      case .value(let value): JSON(value)
      case .values(let values): .array([JSON(values[0]), JSON(values[1]), JSON(values[2])])
      }
    return [
      "factor": layer.factor.json, "scale": layer.scale.json, "fill_value": fill, "value_range": pair(layer.valueRange),
      "seed": .null,
    ]
  }

  private static func pair(_ range: (low: Float, high: Float)) -> JSON { .array([JSON(range.low), JSON(range.high)]) }
}

extension RandomMap {
  /// What Keras calls the ways to flip, the default first.
  fileprivate static let modes = [
    (name: "horizontal_and_vertical", horizontal: true, vertical: true),
    (name: "horizontal", horizontal: true, vertical: false), (name: "vertical", horizontal: false, vertical: true),
  ]
}

extension FillMode {
  fileprivate var kerasName: String {
    switch self {
    case .constant: "constant"
    case .nearest: "nearest"
    case .reflect: "reflect"
    case .wrap: "wrap"
    }
  }
}

extension FactorRange {
  /// One number where that says the same: Keras 3 takes a zoom of -1 to 1 in this form alone.
  fileprivate var json: JSON { lower == -upper ? .number(upper) : .array([.number(lower), .number(upper)]) }
}
