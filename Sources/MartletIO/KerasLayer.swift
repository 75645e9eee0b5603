// One layer of a Keras configuration: its class, name, `config` and calls, in the JSON of Keras 2 and of Keras 3. How
// calls are written is in KerasCalls.swift, what the classes mean is in KerasLayer+Reading.swift and
// KerasLayer+Writing.swift.

import MartletCore
import MartletNN

struct KerasLayer {
  let className: String
  let name: String
  let config: JSON
  /// The path of the submodel that it is in, with a "/" at its end, for messages.
  var place = ""
  /// The model that the layer is, if it is one.
  var submodel: KerasConfiguration?
  /// The calls of the layer, or why they are not known.
  var calls: Result<[KerasCall], MartletError> = .success([])

  /// - Parameter defaultName: what a layer without a name is called.
  /// - Throws: `formatError`.
  init(_ json: JSON, defaultName: String? = nil) throws(MartletError) {
    guard let className = json["class_name"]?.stringValue, let config = json["config"] else {
      throw MartletError(.formatError, "a layer has no 'class_name' or no 'config'")
    }
    guard let name = (config["name"] ?? json["name"])?.stringValue ?? defaultName, !name.utf8.contains(0) else {
      throw MartletError(.formatError, "a layer of class \(className) has no usable name")
    }
    self.init(className: className, name: name, config: config)
    guard KerasConfiguration.classes.contains(className) else { return }
    do throws(MartletError) {
      submodel = try KerasConfiguration(json)
    } catch {
      throw MartletError(error.code, "submodel '\(name)': \(error.message)")
    }
  }

  init(
    className: String, name: String, config: JSON, calls: Result<[KerasCall], MartletError> = .success([])
  ) {
    self.className = className
    self.name = name
    self.config = config
    self.calls = calls
  }

  func error(_ code: ErrorCode, _ message: String) -> MartletError {
    MartletError(code, "layer '\(place)\(name)' (\(className)) \(message)")
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
}
