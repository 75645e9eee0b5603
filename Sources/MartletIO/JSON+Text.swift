// JSON text, by Foundation's coder. Text from files is hostile: its size, depth and number of values are bounded before
// the decoder, which recurses, sees it.

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

  /// The value as text, with sorted keys: the same value gives the same bytes.
  ///
  /// - Throws: `internalError`; finite numbers and strings can always be encoded.
  func text() throws(MartletError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self)
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

extension JSON: Codable {
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

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }
}
