// The header of an object: a list of messages, in blocks that may lie anywhere in the file. It is read for the
// attributes, and to check what it refers to before HDF5 opens the object.

import MartletCore

struct HDF5ObjectHeader {
  /// Message types that matter here.
  private static let continuation = 0x10
  private static let attribute = 0x0C
  private static let attributeInformation = 0x15
  private static let symbolTable = 0x11
  private static let layout = 0x08
  private static let filterPipeline = 0x0B

  /// Blocks of a header and bytes of all of them: far more than any writer makes.
  private static let maximumBlockCount = 1024
  private static let maximumByteCount = 64 << 20

  /// Attributes that are stored in the header itself.
  private(set) var attributes: [HDF5AttributeMessage] = []

  /// Whether there are more attributes elsewhere, as in files of the newer format with more than eight on one object.
  private(set) var hasMoreAttributes = false

  private struct Block {
    var address: UInt64
    /// Bytes before the messages, of the messages, and after them.
    var prefix: Int
    var byteCount: Int
    var checksum: Int
  }

  /// - Throws: `formatError`.
  init(at address: UInt64, in bytes: HDF5Bytes) throws(MartletError) {
    var start = try bytes.bytes(at: address, count: 16)
    if start.rest.first == 1 {
      _ = try start.take(8)
      let first = Block(address: address, prefix: 16, byteCount: try start.small(4), checksum: 0)
      try readBlocks(first, in: bytes) { fields throws(MartletError) in
        let type = try fields.small(2)
        let byteCount = try fields.small(2)
        let isShared = try fields.small(1) & 2 != 0
        _ = try fields.take(3)
        return (type, isShared, try fields.take(byteCount))
      }
    } else {
      try readVersion2(at: address, in: bytes)
    }
  }

  /// Version 2 has signatures and checksums.
  private mutating func readVersion2(at address: UInt64, in bytes: HDF5Bytes) throws(MartletError) {
    var start = try bytes.bytes(at: address, count: 6)
    guard try start.take(4).rest.elementsEqual("OHDR".utf8), try start.small(1) == 2 else {
      throw start.damaged("an object has no header")
    }
    let flags = try start.small(1)
    let sizeWidth = 1 << (flags & 3)
    let prefix = 6 + (flags & 0x20 != 0 ? 16 : 0) + (flags & 0x10 != 0 ? 4 : 0) + sizeWidth
    var size = try bytes.bytes(at: address, count: prefix).dropping(prefix - sizeWidth)
    let byteCount = Int(clamping: try size.integer(sizeWidth))
    let first = Block(address: address, prefix: prefix, byteCount: byteCount, checksum: 4)
    try readBlocks(first, in: bytes) { fields throws(MartletError) in
      // The end of a block may be too short for a message.
      guard fields.count >= 4 else { return nil }
      let type = try fields.small(1)
      let byteCount = try fields.small(2)
      let isShared = try fields.small(1) & 2 != 0
      if flags & 4 != 0 { _ = try fields.take(2) }
      return (type, isShared, try fields.take(byteCount))
    }
  }

  private mutating func readBlocks(
    _ first: Block, in bytes: HDF5Bytes,
    _ nextMessage: (inout HDF5Fields) throws(MartletError) -> (type: Int, isShared: Bool, body: HDF5Fields)?
  ) throws(MartletError) {
    var blocks = [first]
    var index = 0
    var structure = HDF5Structure(bytes)
    var layouts: [HDF5Fields] = []
    var filters: HDF5Fields?
    var byteCount = 0
    while index < blocks.count {
      byteCount += min(blocks[index].byteCount, Self.maximumByteCount)
      guard blocks.count <= Self.maximumBlockCount, byteCount < Self.maximumByteCount else {
        throw MartletError(.formatError, "'\(bytes.path)' is damaged: the header of an object has no end")
      }
      var fields = try messages(of: blocks[index], in: bytes)
      while !fields.isEmpty, let message = try nextMessage(&fields) {
        var body = message.body
        switch message.type {
        case Self.continuation:
          let (address, wholeCount) = (try body.integer(8), Int(clamping: try body.integer(8)))
          // Later blocks of version 2 have a signature of their own.
          let framing = first.checksum
          guard wholeCount >= 2 * framing else { throw body.damaged("a block of an object's header is too short") }
          blocks.append(
            Block(address: address, prefix: framing, byteCount: wholeCount - 2 * framing, checksum: framing))
        case Self.attribute where !message.isShared: attributes.append(try HDF5AttributeMessage(body))
        case Self.attribute: hasMoreAttributes = true
        case Self.attributeInformation:
          _ = try body.take(1)
          if try body.small(1) & 1 != 0 { _ = try body.take(2) }
          if try body.integer(8) != .max { hasMoreAttributes = true }
        case Self.symbolTable: try structure.checkGroup(body)
        case Self.layout: layouts.append(body)
        case Self.filterPipeline: filters = body
        default: break
        }
      }
      index += 1
    }
    for layout in layouts { try structure.checkLayout(layout, filters: filters) }
  }

  /// The bytes of a block between what surrounds them, with its checksum found right.
  private func messages(of block: Block, in bytes: HDF5Bytes) throws(MartletError) -> HDF5Fields {
    var fields = try bytes.bytes(at: block.address, count: block.prefix + block.byteCount + block.checksum)
    if block.checksum > 0 { try fields.verifyChecksum() }
    _ = try fields.take(block.prefix)
    return try fields.take(block.byteCount)
  }
}

/// An attribute as its message describes it.
struct HDF5AttributeMessage {
  let name: String
  /// Nil for a type or extent that is defined elsewhere in the file.
  let content: (type: HDF5Fields, extent: HDF5Fields)?
  let data: HDF5Fields

  init(_ message: HDF5Fields) throws(MartletError) {
    var fields = message
    let version = try fields.small(1)
    guard (1...3).contains(version) else { throw fields.damaged("an attribute has the version \(version)") }
    let flags = try fields.small(1)
    let sizes = (try fields.small(2), try fields.small(2), try fields.small(2))
    if version == 3 { _ = try fields.take(1) }
    /// In version 1 each part fills multiples of 8 bytes.
    func part(_ count: Int) throws(MartletError) -> HDF5Fields {
      var part = try fields.take(version == 1 ? (count + 7) / 8 * 8 : count)
      return try part.take(count)
    }
    name = String(decoding: try part(sizes.0).rest.prefix { $0 != 0 }, as: UTF8.self)
    let type = try part(sizes.1)
    let extent = try part(sizes.2)
    content = version > 1 && flags & 3 != 0 ? nil : (type, extent)
    data = fields
  }
}
