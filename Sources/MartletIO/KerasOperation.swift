// Plain arithmetic, casts and resizing of tensors, which Keras keeps as layers of their own. They are data, not code:
// each is read as the layer that computes the same.
//
//     Keras 2   {"class_name": "TFOpLambda", "config": {"function": "math.truediv"},
//                "inbound_nodes": [["x", 0, 0, {"y": 127.5}]]}                 or {"y": ["z", 0, 0]}
//               a number on the left is ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}]
//     Keras 3   {"class_name": "TrueDivide", "inbound_nodes": [{"args": [T, 127.5], "kwargs": {}}]}
//
// In the place of a number there may be one for each channel: KerasConstant.swift.

import MartletCore

struct KerasOperation {
  private enum Operand: Equatable {
    case tensor(KerasTensor)
    case constant(KerasConstant)
  }

  private enum Kind: String {
    case add, subtract, multiply, divide, negative, maximum, cast, resize
  }

  private let layer: KerasLayer
  private let kind: Kind
  private let options: JSON
  private var operands: [Operand] = []

  /// Operations of Keras 3 that are called as layers are, without being them: their configuration does not say whether
  /// they are trained.
  private static let namesakes: Set<String> = ["Average", "Reshape", "Softmax"]

  /// Nil if the layer is no operation.
  ///
  /// - Throws: `formatError`; `unsupported` naming the function.
  init?(_ layer: KerasLayer, _ json: JSON) throws(MartletError) {
    guard let nodes = json["inbound_nodes"]?.arrayValue, let node = nodes.first else { return nil }
    self.layer = layer
    if layer.className == "TFOpLambda" {
      let function = layer.config["function"]?.stringValue ?? ""
      guard let kind = KerasOperation.kind(ofFunction: function) else {
        throw layer.error(.unsupported, "computes '\(function)', which is not supported")
      }
      self.kind = kind
      let call = node.arrayValue ?? []
      options = call.count > 3 ? call[3] : .object([:])
      operands = [
        try operand(call.first?.stringValue == "_CONSTANT_VALUE" && call.count > 2 ? call[2] : .array(call))
      ]
      if let second = options["y"] ?? options["x2"] { operands.append(try operand(second)) }
    } else {
      let module = json["module"]?.stringValue
      guard let kind = KerasOperation.kind(ofClass: layer.className, module, node) else {
        guard KerasOperation.namesakes.contains(layer.className), node.arrayValue == nil, module != "keras.layers",
          layer.config["trainable"] == nil
        else { return nil }
        throw layer.error(.unsupported, "is Keras' operation of that name, not the layer, which is not supported")
      }
      self.kind = kind
      options = layer.config
      let arguments =
        (node["args"]?.arrayValue ?? []) + [node["kwargs"]?["x1"], node["kwargs"]?["x2"]].compactMap { $0 }
      for argument in arguments where argument != .null { operands.append(try operand(argument)) }
    }
    guard nodes.count == 1 else {
      throw layer.error(.unsupported, "is called \(nodes.count) times, which is not supported")
    }
  }

  private static func kind(ofFunction name: String) -> Kind? {
    switch name {
    case "math.add", "__operators__.add": .add
    case "math.subtract", "__operators__.subtract": .subtract
    case "math.multiply", "__operators__.multiply": .multiply
    case "math.truediv", "math.divide", "__operators__.truediv": .divide
    case "math.negative": .negative
    case "math.maximum": .maximum
    case "cast": .cast
    case "image.resize": .resize
    default: nil
    }
  }

  /// `Add`, `Subtract`, `Multiply` and `Maximum` are names of layers, too, which take their tensors as one list.
  private static func kind(ofClass name: String, _ module: String?, _ node: JSON) -> Kind? {
    guard node.arrayValue == nil else { return nil }
    switch name {
    case "Add", "Subtract", "Multiply", "Maximum":
      let first = node["args"]?.arrayValue?.first
      guard module != "keras.layers", first?.arrayValue == nil, first?["class_name"]?.stringValue != "__tuple__" else {
        return nil
      }
      return Kind(rawValue: name.lowercased())
    case "TrueDivide", "Divide": return .divide
    case "Negative": return .negative
    case "Cast": return .cast
    case "Resize": return .resize
    default: return nil
    }
  }

  private func operand(_ json: JSON) throws(MartletError) -> Operand {
    if let tensor = KerasTensor(json.arrayValue ?? json["config"]?["keras_history"]?.arrayValue) {
      return .tensor(tensor)
    }
    guard let constant = KerasConstant(json) else {
      throw layer.error(
        .unsupported, "has an operand that is neither a result of a layer nor a number or one for each channel")
    }
    return .constant(constant)
  }

  /// The layer that computes the same.
  ///
  /// - Throws: `unsupported`, `formatError`.
  func asLayer() throws(MartletError) -> KerasLayer {
    switch (kind, operands.first, operands.count > 1 ? operands[1] : nil) {
    case (.add, .tensor(let x), .constant(let c)), (.add, .constant(let c), .tensor(let x)):
      return rescaling(x, offset: c)
    case (.subtract, .tensor(let x), .constant(let c)): return rescaling(x, offset: c.map { -$0 })
    case (.subtract, .constant(let c), .tensor(let x)): return rescaling(x, scale: KerasConstant(-1), offset: c)
    case (.multiply, .tensor(let x), .constant(let c)), (.multiply, .constant(let c), .tensor(let x)):
      return rescaling(x, scale: c)
    case (.divide, .tensor(let x), .constant(let c)) where !c.values.contains(0):
      return rescaling(x, scale: c.map { 1 / $0 })
    case (.negative, .tensor(let x), nil): return rescaling(x, scale: KerasConstant(-1))
    case (.maximum, .tensor(let x), .constant(.zero)), (.maximum, .constant(.zero), .tensor(let x)):
      return layer("Activation", ["activation": .string("relu")], [x])
    case (.add, .tensor(let a), .tensor(let b)): return layer("Add", [:], [a, b])
    case (.subtract, .tensor(let a), .tensor(let b)): return layer("Subtract", [:], [a, b])
    case (.multiply, .tensor(let a), .tensor(let b)): return layer("Multiply", [:], [a, b])
    case (.maximum, .tensor(let a), .tensor(let b)): return layer("Maximum", [:], [a, b])
    case (.cast, .tensor(let x), nil):
      guard options["dtype"]?.stringValue == "float32" else {
        throw layer.error(.unsupported, "casts to \(options["dtype"] ?? .null); float32 is supported")
      }
      return layer("Activation", ["activation": .string("linear")], [x])
    case (.resize, .tensor(let x), nil): return try resizing(x)
    default:
      throw layer.error(
        .unsupported,
        "computes '\(kind.rawValue)' of operands for which it is not supported: it takes a result of a layer and a number "
          + "or one for each channel (divisors that are not 0, as a maximum the number 0), or two results of layers, "
          + "which can be added, subtracted, multiplied and compared")
    }
  }

  private func rescaling(
    _ x: KerasTensor, scale: KerasConstant = .one, offset: KerasConstant = .zero
  ) -> KerasLayer {
    layer("Rescaling", ["scale": scale.json, "offset": offset.json], [x])
  }

  /// Both have Keras' rule of half pixels.
  private func resizing(_ x: KerasTensor) throws(MartletError) -> KerasLayer {
    guard let size = options["size"]?.arrayValue, size.count == 2 else {
      throw layer.error(.formatError, "has no 'size' of two numbers")
    }
    for key in ["antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "preserve_aspect_ratio"] {
      if let value = options[key], value != .bool(false) {
        throw layer.error(.unsupported, "sets '\(key)', which is not supported")
      }
    }
    let method = options["interpolation"] ?? options["method"] ?? .string("bilinear")
    return layer("Resizing", ["height": size[0], "width": size[1], "interpolation": method], [x])
  }

  private func layer(_ className: String, _ config: [String: JSON], _ tensors: [KerasTensor]) -> KerasLayer {
    var config = config
    config["name"] = .string(layer.name)
    return KerasLayer(
      className: className, name: layer.name, config: .object(config),
      calls: .success([KerasCall(tensors: tensors)]))
  }
}
