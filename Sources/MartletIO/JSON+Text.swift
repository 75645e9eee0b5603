// JSON text: read, and its strings written, by Foundation's coder. Text from files is hostile: its size, depth and
// number of values are bounded before the decoder, which recurses, sees it.

import FoundationEssentials
import MartletCore

extension JSON {
  /// Keras configurations are some hundred kilobytes, have some thousand values and nest about fifteen deep.
  package static let maximumByteCount = 16 << 20
  private static let maximumValueCount = 1 << 20
  private static let maximumDepth = 64

  /// - Throws: `formatError`, saying what is wrong with the text.
  init(text: String) throws(MartletError) {
    try JSON.checkBounds(text)
    do {
      self = try JSONDecoder().decode(JSON.self, from: Data(text.utf8))
    } catch DecodingError.dataCorrupted(let context) {
      throw MartletError(.formatError, "not JSON: \(context.debugDescription)")
    } catch {
      throw MartletError(.formatError, "not JSON: \(error)")
    }
  }

  /// The value as text, with sorted keys: the same value gives the same bytes. A number that is no integer has a point
  /// or an exponent, as Python writes it: Keras asks for the type. (Foundation's encoder would write 0.0 as 0.)
  ///
  /// - Throws: `internalError`; finite numbers and strings can always be written.
  func text() throws(MartletError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    var text = ""
    try append(to: &text, encoder)
    return text
  }

  /// - Parameter encoder: for strings.
  private func append(to text: inout String, _ encoder: JSONEncoder) throws(MartletError) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += "\(value)"
    case .number(let value):
      guard value.isFinite else { throw MartletError(.internalError, "JSON has no number \(value)") }
      text += "\(value)"
    case .string(let value): text += try JSON.quoted(value, encoder)
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        if index > 0 { text += "," }
        try element.append(to: &text, encoder)
      }
      text += "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { text += "," }
        text += try JSON.quoted(member.key, encoder) + ":"
        try member.value.append(to: &text, encoder)
      }
      text += "}"
    }
  }

  private static func quoted(_ string: String, _ encoder: JSONEncoder) throws(MartletError) -> String {
    do {
      return String(decoding: try encoder.encode(string), as: UTF8.self)
    } catch {
      throw MartletError(.internalError, "cannot encode JSON: \(error)")
    }
  }

  /// One pass over the bytes: brackets and commas outside strings give depth and number of values.
  private static func checkBounds(_ text: String) throws(MartletError) {
    guard text.utf8.count <= maximumByteCount else {
      throw MartletError(.formatError, "longer than \(maximumByteCount) bytes")
    }
    var depth = 0
    var values = 1
    var isInString = false
    var isEscaped = false
    for byte in text.utf8 {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        values += 1
        guard depth <= maximumDepth else { throw MartletError(.formatError, "nested deeper than \(maximumDepth)") }
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      case UInt8(ascii: ","): values += 1
      default: break
      }
    }
    guard values <= maximumValueCount else {
      throw MartletError(.formatError, "more than \(maximumValueCount) values")
    }
  }
}

extension JSON: CustomStringConvertible {
  /// For messages.
  var description: String { (try? text()) ?? "a value that has no text" }
}

extension JSON: Decodable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: Key.self) {
      var members: [String: JSON] = [:]
      for key in container.allKeys { members[key.stringValue] = try container.decode(JSON.self, forKey: key) }
      self = .object(members)
    } else if var container = try? decoder.unkeyedContainer() {
      var elements: [JSON] = []
      while !container.isAtEnd { elements.append(try container.decode(JSON.self)) }
      self = .array(elements)
    } else {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .null
      } else if let value = try? container.decode(Bool.self) {
        self = .bool(value)
      } else if let value = try? container.decode(Int.self) {
        self = .integer(value)
      } else if let value = try? container.decode(Double.self) {
        self = .number(value)
      } else {
        self = .string(try container.decode(String.self))
      }
    }
  }
}
