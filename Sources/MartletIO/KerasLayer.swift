// One layer of a Keras configuration: its class, name, `config` and the layers it reads from, in the JSON of Keras 2 and of
// Keras 3. What the classes mean is in KerasLayer+Reading.swift and KerasLayer+Writing.swift.

import MartletCore
import MartletNN

struct KerasLayer {
  let className: String
  let name: String
  let config: JSON
  /// Names of the layers whose outputs go in.
  var inputs: [String] = []

  /// - Throws: `formatError`.
  init(_ json: JSON) throws(MartletError) {
    guard let className = json["class_name"]?.stringValue, let config = json["config"] else {
      throw MartletError(.formatError, "a layer has no 'class_name' or no 'config'")
    }
    guard let name = (config["name"] ?? json["name"])?.stringValue, !name.utf8.contains(0) else {
      throw MartletError(.formatError, "a layer of class \(className) has no usable name")
    }
    self.init(className: className, name: name, config: config)
  }

  init(className: String, name: String, config: JSON) {
    self.className = className
    self.name = name
    self.config = config
  }

  func error(_ code: ErrorCode, _ message: String) -> MartletError {
    MartletError(code, "layer '\(name)' (\(className)) \(message)")
  }

  // MARK: Members of `config`

  func number(_ key: String, default standard: Double? = nil) throws(MartletError) -> Double {
    guard let json = config[key] else {
      guard let standard else { throw error(.formatError, "has no '\(key)'") }
      return standard
    }
    guard let value = json.doubleValue else { throw error(.formatError, "has a '\(key)' that is not a number") }
    return value
  }

  func integer(_ key: String) throws(MartletError) -> Int {
    guard let value = config[key]?.integerValue else {
      throw error(.formatError, "has no '\(key)' that is an integer")
    }
    return value
  }

  func flag(_ key: String, default standard: Bool) throws(MartletError) -> Bool {
    guard let json = config[key] else { return standard }
    guard let value = json.boolValue else { throw error(.formatError, "has a '\(key)' that is not true or false") }
    return value
  }

  /// - Throws: `unsupported` if an option is set that would change what the layer computes.
  func refuse(_ keys: String...) throws(MartletError) {
    for key in keys {
      if let value = config[key], value != .bool(false) {
        throw error(.unsupported, "sets '\(key)', which is not supported")
      }
    }
  }

  // MARK: Connections

  /// The layers that `inbound_nodes` names.
  ///
  ///     Keras 2   [[["dense", 0, 0, {}]]]
  ///     Keras 3   [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["dense", 0, 0]}}],
  ///                 "kwargs": {}}]
  mutating func readInputs(_ nodes: JSON?) throws(MartletError) {
    let calls = nodes?.arrayValue ?? []
    guard calls.count <= 1 else {
      throw error(.unsupported, "is applied \(calls.count) times; shared layers are not supported")
    }
    guard let call = calls.first else { return }
    if let tensors = call.arrayValue {
      for tensor in tensors { try addInput(tensor.arrayValue) }
    } else {
      try checkArguments(call["kwargs"])
      for argument in call["args"]?.arrayValue ?? [] {
        for tensor in argument.arrayValue ?? [argument] {
          try addInput(tensor["config"]?["keras_history"]?.arrayValue)
        }
      }
    }
  }

  /// - Parameter history: layer name, which of its calls, which of that call's outputs; in Keras 2 also arguments.
  private mutating func addInput(_ history: [JSON]?) throws(MartletError) {
    guard let history, history.count >= 3, let source = history[0].stringValue else {
      throw error(.formatError, "has 'inbound_nodes' that cannot be understood")
    }
    guard history[1] == .integer(0), history[2] == .integer(0) else {
      throw error(.unsupported, "reads from a shared layer or one with several outputs, '\(source)'")
    }
    if history.count > 3 { try checkArguments(history[3]) }
    inputs.append(source)
  }

  private func checkArguments(_ arguments: JSON?) throws(MartletError) {
    if arguments?["training"] == .bool(true) {
      throw error(.unsupported, "is called with training=True, which is not supported")
    }
  }
}
