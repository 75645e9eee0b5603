// JSON as a value, and its text. Keys are written in order, so the same value gives the same bytes. Reading is in
// JSONParser.swift.

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

  // MARK: Text

  var text: String {
    var text = ""
    append(to: &text)
    return text
  }

  private func append(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.description
    case .string(let value): JSON.appendQuoted(value, to: &text)
    case .array(let values):
      JSON.appendList(values, "[", "]", to: &text) { $0.append(to: &$1) }
    case .object(let members):
      JSON.appendList(members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }, "{", "}", to: &text) {
        JSON.appendQuoted($0.key, to: &$1)
        $1 += ": "
        $0.value.append(to: &$1)
      }
    }
  }

  private static func appendList<Element>(
    _ elements: [Element], _ open: String, _ close: String, to text: inout String,
    _ append: (Element, inout String) -> Void
  ) {
    text += open
    for (index, element) in elements.enumerated() {
      if index > 0 { text += ", " }
      append(element, &text)
    }
    text += close
  }

  private static func appendQuoted(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{0}"..."\u{1F}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
