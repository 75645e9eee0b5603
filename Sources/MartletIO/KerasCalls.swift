// How the layers of a Functional model are connected: every call of a layer makes a tensor, which is named by the layer
// and the number of the call. A layer that is called several times is shared.
//
//     Keras 2   "inbound_nodes": [[["dense", 0, 0, {}]]]                     calls, of each its tensors, with arguments
//               "output_layers": [["dense", 0, 0]]
//     Keras 3   "inbound_nodes": [{"args": [T], "kwargs": {}}]               a merging layer has [[T, T]]
//               T = {"class_name": "__keras_tensor__", "config": {"keras_history": ["dense", 0, 0]}}
//               "output_layers": ["dense", 0, 0], a list or an object of such
//
// Calls count from 0, but those of a model from 1 where its own inputs and outputs are taken for the first: in all of
// Keras 2, and for Functional models in the `output_layers` of Keras 3.

import MartletCore

/// One of the results of a call of a layer; only models have several.
struct KerasTensor: Equatable {
  let layer: String
  var call: Int
  var output = 0

  init(layer: String, call: Int, output: Int = 0) {
    self.layer = layer
    self.call = call
    self.output = output
  }

  /// - Parameter history: layer, call, which of the layer's results, and in Keras 2 also arguments.
  init?(_ history: [JSON]?) {
    guard let history, (3...4).contains(history.count), let layer = history[0].stringValue,
      let call = history[1].integerValue, call >= 0, let output = history[2].integerValue, output >= 0
    else { return nil }
    self.init(layer: layer, call: call, output: output)
  }

  var json: [JSON] { [.string(layer), .integer(call), .integer(output)] }

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

/// One call of a layer.
struct KerasCall: Equatable {
  var tensors: [KerasTensor] = []
  /// As in `GraphNode`.
  var isInference = false
}

extension KerasLayer {
  /// Classes that compute something else in training, so that the argument `training` means something to them.
  private static let trainingClasses: Set<String> = [
    "Dropout", "GaussianNoise", "BatchNormalization", "RandomFlip", "RandomTranslation", "RandomRotation", "RandomZoom",
    "RandomCrop", "RandomContrast", "RandomErasing",
  ]

  /// The name of the first argument of a call.
  private var firstArgument: String { isAugmentation ? "data" : "inputs" }

  private var isAugmentation: Bool { className.hasPrefix("Random") }

  /// The calls that `inbound_nodes` lists, with the tensors that each reads.
  ///
  /// - Throws: `formatError`; `unsupported` for an argument that would change something.
  func calls(_ nodes: JSON?) throws(MartletError) -> [KerasCall] {
    var calls: [KerasCall] = []
    for node in nodes?.arrayValue ?? [] {
      var call = KerasCall()
      if let list = node.arrayValue {
        for element in list {
          let history = element.arrayValue
          guard let tensor = KerasTensor(history) else { throw notUnderstood() }
          if let history, history.count > 3, try isInference(history[3]) { call.isInference = true }
          call.tensors.append(tensor)
        }
      } else {
        let positional = node["args"]?.arrayValue ?? []
        for (position, argument) in positional.enumerated() where argument != .null {
          guard position == 0 else {
            throw error(.unsupported, "is called with \(positional.count) arguments, which is not supported")
          }
          try appendTensors(argument, to: &call.tensors)
        }
        // Keras may keep the first argument by its name.
        if positional.isEmpty, let inputs = node["kwargs"]?[firstArgument] {
          try appendTensors(inputs, to: &call.tensors)
        }
        let isInference = try isInference(
          node["kwargs"], except: positional.isEmpty ? firstArgument : nil, standard: isAugmentation)
        // Keras 3 writes training=False for most layers where nothing was given, but not for models, and for those that
        // change images training=True; and decides anew in each call of the model.
        call.isInference = isInference && (submodel != nil || isAugmentation)
      }
      guard !call.tensors.isEmpty else { throw notUnderstood() }
      calls.append(call)
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

  /// Whether the arguments of a call say training=False, where that means something. Those that are null change
  /// nothing.
  ///
  /// - Parameter standard: what `training` may be, too.
  /// - Throws: `unsupported` for an argument that would change something.
  private func isInference(
    _ arguments: JSON?, except exception: String? = nil, standard: Bool = false
  ) throws(MartletError) -> Bool {
    guard case .object(let members) = arguments else { return false }
    let meansTraining = submodel != nil || Self.trainingClasses.contains(className)
    for (key, value) in members.sorted(by: { $0.key < $1.key }) where value != .null && key != exception {
      guard key == "training", !meansTraining || value == .bool(false) || value == .bool(standard) else {
        throw error(.unsupported, "is called with \(key)=\(value), which is not supported")
      }
    }
    return meansTraining && members["training"] == .bool(false)
  }

  private func notUnderstood() -> MartletError {
    error(.formatError, "has 'inbound_nodes' that cannot be understood")
  }
}

extension KerasConfiguration {
  /// Let the tensors that are results of models have calls that count from 0. Which way a file counts is told by the
  /// first call of a model, whose results something reads in all that Keras writes.
  static func countCallsFromZero(in layers: inout [KerasLayer], _ outputs: inout [KerasTensor]) {
    var callCounts: [String: Int] = [:]
    var classes: [String: String] = [:]
    for layer in layers where layer.submodel != nil {
      classes[layer.name] = layer.className
      if case .success(let calls) = layer.calls { callCounts[layer.name] = calls.count }
    }
    guard !classes.isEmpty else { return }
    var inside: [String: Set<Int>] = [:]
    for case .success(let calls) in layers.map(\.calls) {
      for tensor in calls.lazy.flatMap(\.tensors) { inside[tensor.layer, default: []].insert(tensor.call) }
    }
    var outside: [String: Set<Int>] = [:]
    for tensor in outputs { outside[tensor.layer, default: []].insert(tensor.call) }

    let fromOne = Set(
      classes.keys.filter { name in
        let (inside, outside) = (inside[name] ?? [], outside[name] ?? [])
        if inside.contains(0) { return false }
        if classes[name] == "Sequential" { return !outside.contains(0) }
        return inside.contains(callCounts[name] ?? 0) || !outside.contains(1)
      })
    func isCountedFromOne(_ tensor: KerasTensor) -> Bool { tensor.call > 0 && fromOne.contains(tensor.layer) }
    for index in outputs.indices where outputs[index].call > 0 {
      let className = classes[outputs[index].layer] ?? "Sequential"
      if isCountedFromOne(outputs[index]) || className != "Sequential" { outputs[index].call -= 1 }
    }
    for layer in layers.indices {
      guard case .success(var calls) = layers[layer].calls else { continue }
      for call in calls.indices {
        for tensor in calls[call].tensors.indices where isCountedFromOne(calls[call].tensors[tensor]) {
          calls[call].tensors[tensor].call -= 1
        }
      }
      layers[layer].calls = .success(calls)
    }
  }
}
