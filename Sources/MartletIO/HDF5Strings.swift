// Strings in attributes, of every kind that h5py and Keras have written over the years: fixed length (padded with zeros
// or spaces) and variable length (in the global heap), scalars and lists. HDF5 reads the global heap without a look at
// its sizes, so strings are read here.

import MartletCore

extension HDF5AttributeMessage {
  /// What a datatype message says, as far as it matters for strings.
  private enum StringType {
    case fixed(byteCount: Int, isSpacePadded: Bool)
    /// A length (4 bytes), the address of a heap collection (8) and an index into it (4).
    case variable
  }

  private static let referenceByteCount = 16

  /// Strings in one attribute, and bytes of one string: more than any model has. Bytes of all strings: a file may refer
  /// to the same long one again and again.
  private static let maximumCount = 1 << 20
  private static let maximumByteCount = 128 << 20

  /// - Throws: `formatError` if these are not strings.
  func strings(in bytes: HDF5Bytes) throws(MartletError) -> [String] {
    guard let content else {
      throw MartletError(.unsupported, "'\(bytes.path)': attribute '\(name)' has a shared type, which is not supported")
    }
    let count = try HDF5AttributeMessage.elementCount(content.extent)
    // h5py writes an empty list of strings as an empty list of float64.
    guard count > 0 else { return [] }
    guard let type = try HDF5AttributeMessage.stringType(content.type) else {
      throw MartletError(.formatError, "'\(bytes.path)': attribute '\(name)' is not text")
    }
    guard count <= Self.maximumCount else {
      throw MartletError(.formatError, "'\(bytes.path)': attribute '\(name)' has \(count) strings")
    }
    var data = data
    var heap = HDF5GlobalHeap(bytes)
    var strings: [String] = []
    var byteCount = 0
    for _ in 0..<count {
      let string: HDF5Fields
      switch type {
      case .fixed(let size, let isSpacePadded):
        string = try data.take(size).trimmed(isSpacePadded: isSpacePadded)
      case .variable:
        let length = try data.small(4)
        let address = try data.integer(8)
        let index = try data.small(4)
        let object = length == 0 ? data.empty : try heap.object(index, at: address, prefix: length)
        string = object.trimmed(isSpacePadded: false)
      }
      byteCount += string.count
      guard byteCount <= Self.maximumByteCount else {
        throw MartletError(
          .formatError, "'\(bytes.path)': attribute '\(name)' has more than \(Self.maximumByteCount) bytes")
      }
      strings.append(String(decoding: string.rest, as: UTF8.self))
    }
    return strings
  }

  private static func stringType(_ message: HDF5Fields) throws(MartletError) -> StringType? {
    var fields = message
    let typeClass = try fields.small(1) & 0x0F
    let bits = try fields.small(3)
    let size = try fields.small(4)
    switch typeClass {
    case 3:
      guard size > 0 else { throw fields.damaged("a string has no bytes") }
      return .fixed(byteCount: size, isSpacePadded: bits & 0x0F == 2)
    case 9 where bits & 0x0F == 1 && size == referenceByteCount: return .variable
    default: return nil
    }
  }

  private static func elementCount(_ message: HDF5Fields) throws(MartletError) -> Int {
    var fields = message
    let version = try fields.small(1)
    let rank = try fields.small(1)
    _ = try fields.take(1)
    switch version {
    case 1: _ = try fields.take(5)
    case 2: if try fields.small(1) == 2 { return 0 }  // Version 2 has extents without any element.
    default: throw fields.damaged("an extent has the version \(version)")
    }
    var count: UInt64 = 1
    for _ in 0..<rank {
      let (product, overflow) = count.multipliedReportingOverflow(by: try fields.integer(8))
      guard !overflow else { throw fields.damaged("an attribute has too many elements") }
      count = product
    }
    return Int(clamping: count)
  }
}

/// Collections of objects of variable length.
private struct HDF5GlobalHeap {
  private let bytes: HDF5Bytes
  /// Collections by address, and in each the objects by index.
  private var collections: [UInt64: [Int: HDF5Fields]] = [:]
  private var loadedByteCount = 0

  /// A configuration in one string is the largest object.
  private static let maximumCollectionByteCount = 128 << 20

  init(_ bytes: HDF5Bytes) { self.bytes = bytes }

  /// The first bytes of an object.
  mutating func object(_ index: Int, at address: UInt64, prefix: Int) throws(MartletError) -> HDF5Fields {
    if collections[address] == nil { collections[address] = try load(address) }
    guard var object = collections[address]?[index] else {
      throw MartletError(.formatError, "'\(bytes.path)' is damaged: it refers to a string that is not there")
    }
    return try object.take(prefix)
  }

  private mutating func load(_ address: UInt64) throws(MartletError) -> [Int: HDF5Fields] {
    var head = try bytes.bytes(at: address, count: 16)
    guard try head.take(4).rest.elementsEqual("GCOL".utf8), try head.small(4) == 1 else {
      throw head.damaged("it refers to strings that are not there")
    }
    let byteCount = Int(clamping: try head.integer(8))
    // Collections that overlap would be read again and again.
    guard byteCount >= 16, byteCount <= Self.maximumCollectionByteCount,
      byteCount <= bytes.byteCount - loadedByteCount
    else { throw head.damaged("a collection of strings has \(byteCount) bytes") }
    loadedByteCount += byteCount
    var fields = try bytes.bytes(at: address, count: byteCount)
    _ = try fields.take(16)
    var objects: [Int: HDF5Fields] = [:]
    // What is too short for an object, and object 0, is free space up to the end.
    while fields.count >= 16 {
      let index = try fields.small(2)
      guard index != 0 else { break }
      _ = try fields.take(6)
      let size = Int(clamping: try fields.integer(8))
      objects[index] = try fields.take(size)
      _ = try fields.take(min((8 - size % 8) % 8, fields.count))
    }
    return objects
  }
}

extension HDF5Fields {
  fileprivate var empty: HDF5Fields { HDF5Fields(path: path, []) }

  /// A string without what fills up its field.
  fileprivate func trimmed(isSpacePadded: Bool) -> HDF5Fields {
    var text = rest.prefix { $0 != 0 }
    if isSpacePadded { while text.last == UInt8(ascii: " ") { text.removeLast() } }
    return HDF5Fields(path: path, text)
  }
}
