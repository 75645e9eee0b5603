// The bytes of an HDF5 file as its format specification describes them (version 3.0, "File Format Specification"). HDF5
// itself trusts the parts of a file that have no checksum; where that ends in a crash, this module reads them on its
// own.

import MartletCore

/// An HDF5 file as bytes, addressed as the format does.
final class HDF5Bytes {
  private let file: any ByteSource
  /// Where address 0 is: after the user block, if there is one.
  private let base: Int

  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// - Throws: `ioError`; `formatError` if this is not an HDF5 file.
  init(_ file: any ByteSource) throws(MartletError) {
    self.file = file
    // The superblock is at 0, 512, 1024, 2048, ...
    var base = 0
    while try file.bytes(at: base, count: Self.signature.count) != Self.signature {
      base = base == 0 ? 512 : base * 2
      guard base < file.byteCount else { throw MartletError(.formatError, "'\(file.path)' is not an HDF5 file") }
    }
    self.base = base
  }

  var path: String { file.path }

  /// Bytes that can be addressed.
  var byteCount: Int { file.byteCount - base }

  /// - Throws: `formatError` if not all of these bytes are in the file.
  func bytes(at address: UInt64, count: Int) throws(MartletError) -> HDF5Fields {
    try checkRange(at: address, count: count)
    return HDF5Fields(path: path, try file.bytes(at: base + Int(address), count: count)[...])
  }

  /// - Throws: `formatError` if not all of these bytes are in the file.
  func checkRange(at address: UInt64, count: Int) throws(MartletError) {
    guard count >= 0, address <= UInt64(byteCount), count <= byteCount - Int(address) else {
      throw MartletError(.formatError, "'\(path)' is damaged: it refers to bytes behind its end")
    }
  }
}

/// Bytes that are taken from the front, as little-endian numbers.
struct HDF5Fields {
  let path: String
  private(set) var rest: ArraySlice<UInt8>

  init(path: String, _ bytes: ArraySlice<UInt8>) {
    self.path = path
    rest = bytes
  }

  var isEmpty: Bool { rest.isEmpty }

  var count: Int { rest.count }

  /// The place of the last byte that is zero.
  var lastZero: Int? { rest.lastIndex(of: 0).map { $0 - rest.startIndex } }

  /// The next `count` bytes.
  mutating func take(_ count: Int) throws(MartletError) -> HDF5Fields {
    guard count >= 0, count <= rest.count else { throw damaged("a field is longer than what holds it") }
    defer { rest = rest.dropFirst(count) }
    return HDF5Fields(path: path, rest.prefix(count))
  }

  /// The next number of `count` bytes.
  mutating func integer(_ count: Int) throws(MartletError) -> UInt64 {
    var value: UInt64 = 0
    for byte in try take(count).rest.reversed() { value = value << 8 | UInt64(byte) }
    return value
  }

  mutating func small(_ count: Int) throws(MartletError) -> Int { Int(try integer(count)) }

  /// What is left after `count` bytes.
  func dropping(_ count: Int) throws(MartletError) -> HDF5Fields {
    var fields = self
    _ = try fields.take(count)
    return fields
  }

  func damaged(_ message: String) -> MartletError {
    MartletError(.formatError, "'\(path)' is damaged: \(message)")
  }
}

/// The first structure of a file, which tells where the others are.
struct HDF5Superblock {
  let rootAddress: UInt64
  /// Of the header that extends a superblock of version 2 or 3.
  let extensionAddress: UInt64?

  init(_ bytes: HDF5Bytes) throws(MartletError) {
    var start = try bytes.bytes(at: 0, count: 16).dropping(8)
    let version = try start.small(1)
    guard version <= 3 else {
      throw MartletError(
        .unsupported, "'\(bytes.path)' has an HDF5 superblock of version \(version); 0 to 3 are supported")
    }
    if version < 2 { _ = try start.take(4) }
    guard try start.small(1) == 8, try start.small(1) == 8 else {
      throw MartletError(.unsupported, "'\(bytes.path)' does not have addresses and sizes of 8 bytes")
    }
    if version < 2 {
      // Group constants and flags, four addresses, then the symbol table entry of the root group: name, header. The
      // last address is of what a driver for several files keeps; a file by itself has none, and drivers differ on a
      // wrong one.
      var driver = try bytes.bytes(at: version == 0 ? 48 : 52, count: 48)
      guard try driver.integer(8) == .max else {
        throw driver.damaged("the head names a driver's information, which a file by itself does not have")
      }
      let entry = try driver.dropping(8)
      var (address, whole) = (entry, entry)
      rootAddress = try address.integer(8)
      try HDF5Structure(bytes).checkEntry(&whole)
      extensionAddress = nil
    } else {
      var fields = try bytes.bytes(at: 0, count: 48)
      try fields.verifyChecksum()
      _ = try fields.take(20)
      let address = try fields.integer(8)
      extensionAddress = address == .max ? nil : address
      _ = try fields.take(8)
      rootAddress = try fields.integer(8)
    }
  }
}
