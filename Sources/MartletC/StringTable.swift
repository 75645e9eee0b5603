// Strings that C borrows from a handle.

import MartletCore

/// Strings with a terminating NUL each, in one block of memory that does not move. They live as long as this object.
final class StringTable: Sendable {
  let count: Int
  private let bytes: TensorStorage
  private let offsets: TensorStorage

  /// - Throws: `outOfMemory`.
  init(_ strings: [String]) throws(MartletError) {
    count = strings.count
    bytes = try TensorStorage(byteCount: strings.reduce(0) { $0 + $1.utf8.count + 1 }, purpose: "strings")
    offsets = try TensorStorage(count: strings.count, of: Int.self, purpose: "strings")
    // The memory is zeroed: the terminating NULs are there already.
    var offset = 0
    for (index, string) in strings.enumerated() {
      offsets.pointer(as: Int.self)[index] = offset
      for byte in string.utf8 {
        bytes.pointer(as: UInt8.self)[offset] = byte
        offset += 1
      }
      offset += 1
    }
  }

  /// - Precondition: 0 <= index < count.
  subscript(index: Int) -> UnsafePointer<CChar> {
    precondition(index >= 0 && index < count)
    return UnsafePointer(bytes.pointer(as: CChar.self) + offsets.pointer(as: Int.self)[index])
  }
}
