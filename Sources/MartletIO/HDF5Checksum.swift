// The checksum of HDF5's metadata: Bob Jenkins' lookup3 hash (2006) of bytes as little-endian words, with initial value
// 0.

import MartletCore

extension HDF5Fields {
  /// Check that the last four bytes are the checksum of those before.
  ///
  /// - Throws: `formatError`.
  func verifyChecksum() throws(MartletError) {
    let body = rest.dropLast(4)
    var stored = try dropping(body.count)
    guard try stored.integer(4) == UInt64(HDF5Fields.checksum(Array(body))) else {
      throw damaged("a checksum is wrong")
    }
  }

  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    let initial = 0xDEAD_BEEF &+ UInt32(truncatingIfNeeded: bytes.count)
    var (a, b, c) = (initial, initial, initial)
    /// Four bytes from `index` on; what is behind the end counts as zero.
    func word(_ index: Int) -> UInt32 {
      var word: UInt32 = 0
      for offset in 0..<4 where index + offset < bytes.count {
        word |= UInt32(bytes[index + offset]) << UInt32(8 * offset)
      }
      return word
    }
    var index = 0
    // The last 1 to 12 bytes are mixed in another way.
    while bytes.count - index > 12 {
      a &+= word(index)
      b &+= word(index + 4)
      c &+= word(index + 8)
      mix(&a, &b, &c)
      index += 12
    }
    guard index < bytes.count else { return c }
    a &+= word(index)
    b &+= word(index + 4)
    c &+= word(index + 8)
    finish(&a, &b, &c)
    return c
  }

  private static func mix(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
    a = (a &- c) ^ rotate(c, 4)
    c &+= b
    b = (b &- a) ^ rotate(a, 6)
    a &+= c
    c = (c &- b) ^ rotate(b, 8)
    b &+= a
    a = (a &- c) ^ rotate(c, 16)
    c &+= b
    b = (b &- a) ^ rotate(a, 19)
    a &+= c
    c = (c &- b) ^ rotate(b, 4)
    b &+= a
  }

  private static func finish(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
    c = (c ^ b) &- rotate(b, 14)
    a = (a ^ c) &- rotate(c, 11)
    b = (b ^ a) &- rotate(a, 25)
    c = (c ^ b) &- rotate(b, 16)
    a = (a ^ c) &- rotate(c, 4)
    b = (b ^ a) &- rotate(a, 14)
    c = (c ^ b) &- rotate(b, 24)
  }

  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}
