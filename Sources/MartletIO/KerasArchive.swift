// Keras 3's `.keras`: a zip archive of `config.json`, the model's configuration, and `model.weights.h5`, as which it is
// read here (docs/file-format.md). The members are stored, not packed (APPNOTE.TXT 6.3.10 of PKWARE has the format).

import CHDF5
import MartletCore

struct KerasArchive {
  static let configuration = "config.json"
  static let weights = "model.weights.h5"

  private static let signature: [UInt8] = [0x50, 0x4B, 0x03, 0x04]
  private static let endSignature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]
  private static let memberSignature: UInt64 = 0x0201_4B50
  /// Bytes that the list of members may have: those of Keras' archives have a few hundred.
  private static let maximumListCount = 1 << 20

  private struct Member {
    let method: Int
    let checksum: UInt64
    let byteCount: Int
    let packedCount: Int
    /// Of its own head, which comes before its bytes.
    let offset: Int
  }

  private let file: any ByteSource
  private var members: [String: Member] = [:]

  /// Nil if the file is no zip archive.
  ///
  /// - Throws: `ioError`, `formatError`.
  init?(_ file: any ByteSource) throws(MartletError) {
    self.file = file
    guard try file.bytes(at: 0, count: Self.signature.count) == Self.signature else { return nil }
    // The end has 22 bytes and a comment of up to 65,535.
    let start = max(0, file.byteCount - 22 - 65_535)
    let tail = try file.bytes(at: start, count: file.byteCount - start)
    let place = stride(from: tail.count - 22, through: 0, by: -1).first {
      Array(tail[$0..<($0 + 4)]) == Self.endSignature
    }
    guard let place else { throw damaged("it has no list of members") }
    var end = HDF5Fields(path: file.path, tail[(place + 10)...])
    let count = try end.small(2)
    let (listCount, listOffset) = (try end.small(4), try end.small(4))
    guard listOffset + listCount <= file.byteCount, listCount <= Self.maximumListCount else {
      throw damaged("its list of members is behind its end, or too long")
    }
    var list = HDF5Fields(path: file.path, try file.bytes(at: listOffset, count: listCount)[...])
    for _ in 0..<count { try readMember(&list) }
  }

  private mutating func readMember(_ list: inout HDF5Fields) throws(MartletError) {
    guard try list.integer(4) == Self.memberSignature else { throw damaged("its list of members is none") }
    _ = try list.take(6)
    let method = try list.small(2)
    _ = try list.take(4)
    let checksum = try list.integer(4)
    let (packed, whole) = (try list.small(4), try list.small(4))
    let (nameCount, extraCount, commentCount) = (try list.small(2), try list.small(2), try list.small(2))
    _ = try list.take(8)
    let offset = try list.small(4)
    let name = String(decoding: try list.take(nameCount).rest, as: UTF8.self)
    _ = try list.take(extraCount + commentCount)
    members[name] = Member(
      method: method, checksum: checksum, byteCount: whole, packedCount: packed, offset: offset)
  }

  /// The bytes of a member.
  ///
  /// - Throws: `formatError` if there is none of that name, or it is damaged; `unsupported` if it is packed;
  ///   `ioError`, `outOfMemory`.
  func member(_ name: String) throws(MartletError) -> KeptMemory {
    guard let member = members[name] else {
      throw MartletError(
        .formatError,
        "'\(file.path)' is a zip archive without '\(name)': it is no .keras file; it holds "
          + quotedList(members.keys.sorted()))
    }
    guard member.method == 0 else {
      throw MartletError(
        .unsupported,
        "'\(file.path)' has '\(name)' packed; Keras stores it as it is. Unpack the archive and zip it without compression"
      )
    }
    // Names and extra fields of a member's own head may be longer than those of the list.
    var head = HDF5Fields(path: file.path, try file.bytes(at: member.offset, count: 30)[...])
    _ = try head.take(26)
    let start = member.offset + 30 + (try head.small(2)) + (try head.small(2))
    guard member.byteCount == member.packedCount, member.byteCount <= file.byteCount - start else {
      throw damaged("'\(name)' is behind its end, or larger than 4 GB")
    }
    let storage = try TensorStorage(byteCount: member.byteCount, purpose: "'\(name)' of '\(file.path)'")
    let part = 1 << 20
    var checksum: UInt = 0
    for done in stride(from: 0, to: member.byteCount, by: part) {
      let bytes = try file.bytes(at: start + done, count: min(part, member.byteCount - done))
      checksum = UInt(crc32(uLong(checksum), bytes, uInt(bytes.count)))
      bytes.withUnsafeBytes { source in
        if let first = source.baseAddress { (storage.base + done).copyMemory(from: first, byteCount: source.count) }
      }
    }
    guard UInt64(checksum) == member.checksum else { throw damaged("'\(name)' has another checksum than it should") }
    return KeptMemory(path: "\(file.path)/\(name)", storage: storage, byteCount: member.byteCount)
  }

  /// A member as text, which is to be JSON.
  func text(_ name: String) throws(MartletError) -> String {
    guard members[name]?.byteCount ?? 0 <= JSON.maximumByteCount else {
      throw damaged("'\(name)' is longer than a configuration may be")
    }
    let member = try member(name)
    return String(decoding: member.buffer, as: UTF8.self)
  }

  private func damaged(_ message: String) -> MartletError {
    MartletError(.formatError, "'\(file.path)' is a damaged zip archive: \(message)")
  }
}
