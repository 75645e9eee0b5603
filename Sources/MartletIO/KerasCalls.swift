// How the layers of a Functional model are connected: every call of a layer makes a tensor, which is named by the layer
// and the number of the call. A layer that is called several times is shared.
//
//     Keras 2   "inbound_nodes": [[["dense", 0, 0, {}]]]                     calls, of each its tensors, with arguments
//               "output_layers": [["dense", 0, 0]]
//     Keras 3   "inbound_nodes": [{"args": [T], "kwargs": {}}]               a merging layer has [[T, T]]
//               T = {"class_name": "__keras_tensor__", "config": {"keras_history": ["dense", 0, 0]}}
//               "output_layers": ["dense", 0, 0], a list or an object of such

import MartletCore

/// The result of one call of a layer.
struct KerasTensor: Equatable {
  let layer: String
  let call: Int

  init(layer: String, call: Int) {
    self.layer = layer
    self.call = call
  }

  /// - Parameter history: layer, call, which of the layer's results, and in Keras 2 also arguments.
  init?(_ history: [JSON]?) {
    // All layers that we have give one result.
    guard let history, (3...4).contains(history.count), let layer = history[0].stringValue,
      let call = history[1].integerValue, call >= 0, history[2] == .integer(0)
    else { return nil }
    self.init(layer: layer, call: call)
  }

  var json: [JSON] { [.string(layer), .integer(call), .integer(0)] }

  /// The tensors of `input_layers` or `output_layers`; the members of an object in the order of their keys, as Keras
  /// does.
  ///
  /// - Throws: `formatError`.
  static func list(_ json: JSON?, _ key: String) throws(MartletError) -> [KerasTensor] {
    var tensors: [KerasTensor] = []
    // The depth of JSON is bounded by its parser.
    func append(_ json: JSON?) throws(MartletError) {
      if case .object(let members) = json {
        for name in members.keys.sorted() { try append(members[name]) }
      } else if let list = json?.arrayValue, list.first?.stringValue == nil {
        for element in list { try append(element) }
      } else {
        guard let tensor = KerasTensor(json?.arrayValue) else {
          throw MartletError(.formatError, "the Functional model has '\(key)' that cannot be understood")
        }
        tensors.append(tensor)
      }
    }
    guard let json else { throw MartletError(.formatError, "the Functional model has no '\(key)'") }
    try append(json)
    return tensors
  }
}

extension KerasLayer {
  /// Classes that compute something else in training, so that the argument `training` means something to them.
  private static let trainingClasses: Set<String> = ["Dropout", "GaussianNoise", "BatchNormalization"]

  /// The calls that `inbound_nodes` lists, with the tensors that each reads.
  ///
  /// - Throws: `formatError`; `unsupported` for an argument that would change something.
  func calls(_ nodes: JSON?) throws(MartletError) -> [[KerasTensor]] {
    var calls: [[KerasTensor]] = []
    for node in nodes?.arrayValue ?? [] {
      var tensors: [KerasTensor] = []
      if let list = node.arrayValue {
        for element in list {
          let history = element.arrayValue
          guard let tensor = KerasTensor(history) else { throw notUnderstood() }
          if let history, history.count > 3 { try checkArguments(history[3], accepting: nil) }
          tensors.append(tensor)
        }
      } else {
        let positional = node["args"]?.arrayValue ?? []
        for (position, argument) in positional.enumerated() where argument != .null {
          guard position == 0 else {
            throw error(.unsupported, "is called with \(positional.count) arguments, which is not supported")
          }
          try appendTensors(argument, to: &tensors)
        }
        // Keras may keep the first argument by its name.
        if positional.isEmpty, let inputs = node["kwargs"]?["inputs"] { try appendTensors(inputs, to: &tensors) }
        // Keras 3 writes training=False where nothing was given, and decides anew in each call of the model.
        try checkArguments(node["kwargs"], accepting: false, except: positional.isEmpty ? "inputs" : nil)
      }
      guard !tensors.isEmpty else { throw notUnderstood() }
      calls.append(tensors)
    }
    return calls
  }

  private func appendTensors(_ json: JSON, to tensors: inout [KerasTensor]) throws(MartletError) {
    let isTuple = json["class_name"]?.stringValue == "__tuple__"
    if let list = json.arrayValue ?? (isTuple ? json["config"]?["value"] ?? json["items"] : nil)?.arrayValue {
      for element in list { try appendTensors(element, to: &tensors) }
    } else {
      guard let tensor = KerasTensor(json["config"]?["keras_history"]?.arrayValue) else { throw notUnderstood() }
      tensors.append(tensor)
    }
  }

  /// Arguments that are null change nothing, and neither does `training` where it means nothing.
  ///
  /// - Parameter accepted: what `training` may be all the same.
  private func checkArguments(
    _ arguments: JSON?, accepting accepted: Bool?, except exception: String? = nil
  ) throws(MartletError) {
    guard case .object(let members) = arguments else { return }
    for (key, value) in members.sorted(by: { $0.key < $1.key }) where value != .null && key != exception {
      if key == "training", !Self.trainingClasses.contains(className) || value == accepted.map({ .bool($0) }) {
        continue
      }
      throw error(.unsupported, "is called with \(key)=\(value), which is not supported")
    }
  }

  private func notUnderstood() -> MartletError {
    error(.formatError, "has 'inbound_nodes' that cannot be understood")
  }
}
