// JSON as a value. Text becomes one, and the other way round, in JSON+Text.swift.

enum JSON: Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  /// Finite.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  /// A number that reads back as the same `Float`, with no more digits than that takes.
  init(_ value: Float) { self = .number(Double(value.description) ?? Double(value)) }

  // MARK: Looking inside

  /// The member of an object; nil if there is none, it is null, or this is no object.
  subscript(key: String) -> JSON? {
    guard case .object(let members) = self, let member = members[key], member != .null else { return nil }
    return member
  }

  var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  var integerValue: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  var arrayValue: [JSON]? {
    if case .array(let values) = self { values } else { nil }
  }
}
