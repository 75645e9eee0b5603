// Opening HDF5 files to read, and the objects inside them. Files are hostile until proven otherwise: only hard links
// are followed, and what HDF5 would read without a look at its sizes is read from `HDF5Bytes`.

import CHDF5
import MartletCore
import MartletNN

/// A file that is open for reading.
struct HDF5File: ~Copyable {
  private let bytes: HDF5Bytes
  private let rootHeader: HDF5ObjectHeader
  private let handle: HDF5Handle

  /// - Throws: `notFound`, `ioError` (permission, folder, locked by a writer), `formatError` (not HDF5, truncated,
  ///   damaged).
  init(path: String) throws(MartletError) {
    try self.init(try InputFile(path: path)) { access throws(MartletError) in
      // A file system without locks is no reason not to read.
      H5Pset_file_locking(access, true, true)
      return path
    }
  }

  /// A file whose bytes are in memory.
  ///
  /// - Parameter name: what messages call it.
  /// - Throws: `formatError`, `outOfMemory`.
  init(memory: UnsafeRawBufferPointer, name: String) throws(MartletError) {
    try self.init(InputMemory(path: name, buffer: memory), memory)
  }

  /// A file whose bytes are in memory of our own.
  ///
  /// - Throws: `formatError`, `outOfMemory`.
  init(_ memory: KeptMemory) throws(MartletError) { try self.init(memory, memory.buffer) }

  private init(_ source: any ByteSource, _ memory: UnsafeRawBufferPointer) throws(MartletError) {
    try self.init(source) { access throws(MartletError) in
      // HDF5 promises not to write to the bytes, and copies them.
      guard H5Pset_fapl_core(access, HDF5Writer.increment, false) >= 0,
        H5Pset_file_image(access, UnsafeMutableRawPointer(mutating: memory.baseAddress), memory.count) >= 0
      else { throw MartletError(.outOfMemory, "'\(source.path)' cannot be copied: \(HDF5Library.lastMessage())") }
      return HDF5Writer.nameOfNoFile
    }
  }

  /// The weights of a `.keras` archive, or the file itself if it is none.
  ///
  /// - Throws: as `init(path:)`, and what `KerasArchive` throws.
  static func ofWeights(path: String) throws(MartletError) -> HDF5File {
    guard let archive = try KerasArchive(try InputFile(path: path)) else { return try HDF5File(path: path) }
    return try HDF5File(try archive.member(KerasArchive.weights))
  }

  /// - Parameter prepare: says how HDF5 gets at the bytes, and by what name.
  private init(
    _ source: any ByteSource, _ prepare: (_ access: hid_t) throws(MartletError) -> String
  ) throws(MartletError) {
    let bytes = try HDF5Bytes(source)
    let superblock = try HDF5Superblock(bytes)
    let rootHeader = try HDF5ObjectHeader(at: superblock.rootAddress, in: bytes)
    if let address = superblock.extensionAddress { _ = try HDF5ObjectHeader(at: address, in: bytes) }
    let access = try HDF5Handle(
      H5Pcreate(chdf5_file_access_class()), MartletError(.ioError, "'\(source.path)': \(HDF5Library.lastMessage())"))
    let name = try prepare(access.id)
    handle = try HDF5Handle(H5Fopen(name, chdf5_read_only(), access.id), HDF5File.openError(source.path))
    self.bytes = bytes
    self.rootHeader = rootHeader
  }

  private static func openError(_ path: String) -> MartletError {
    let reason = HDF5Library.lastMessage()
    return reason.contains("unable to lock")
      ? MartletError(.ioError, "'\(path)' is locked by a program that writes it (\(reason))")
      : MartletError(.formatError, "'\(path)' cannot be opened as HDF5: \(reason)")
  }

  /// The root group.
  func root() throws(MartletError) -> HDF5Object {
    HDF5Object(
      bytes: bytes, path: "/", header: rootHeader,
      handle: try HDF5Handle(
        H5Gopen2(handle.id, "/", hid_t(H5P_DEFAULT)),
        MartletError(.formatError, "'\(bytes.path)' has no root group: \(HDF5Library.lastMessage())")))
  }
}

/// A group or dataset of a file.
struct HDF5Object: ~Copyable {
  let bytes: HDF5Bytes
  /// From the root: `/model_weights/dense`.
  let path: String
  let header: HDF5ObjectHeader
  let handle: HDF5Handle

  init(bytes: HDF5Bytes, path: String, header: HDF5ObjectHeader, handle: consuming HDF5Handle) {
    self.bytes = bytes
    self.header = header
    self.path = path
    self.handle = handle
  }

  /// The path of the file.
  var file: String { bytes.path }

  var isGroup: Bool { H5Iget_type(handle.id) == H5I_GROUP }

  /// The object below this group that a path of names leads to; nil if there is none.
  ///
  /// - Throws: `unsupported` for a soft or external link, `formatError`.
  func object(at relativePath: String) throws(MartletError) -> HDF5Object? {
    let names = relativePath.split(separator: "/").map(String.init)
    guard let first = names.first else { throw error(.formatError, "has no object '\(relativePath)'") }
    guard var object = try child(first) else { return nil }
    for name in names.dropFirst() {
      guard object.isGroup, let next = try object.child(name) else { return nil }
      object = next
    }
    return object
  }

  private func child(_ name: String) throws(MartletError) -> HDF5Object? {
    let childPath = path == "/" ? "/" + name : path + "/" + name
    // "." is this group itself to HDF5, so a link of that name cannot be meant.
    guard name != ".", !name.utf8.contains(0) else { return nil }
    let exists = H5Lexists(handle.id, name, hid_t(H5P_DEFAULT))
    guard exists >= 0 else { throw unsearchable() }
    guard exists > 0 else { return nil }
    var address = haddr_t()
    let isHard = chdf5_link_target(handle.id, name, &address)
    guard isHard >= 0 else { throw error(.formatError, "has a damaged link '\(name)': \(HDF5Library.lastMessage())") }
    guard isHard > 0 else {
      throw error(.unsupported, "has '\(name)' as a soft or external link; links are not followed")
    }
    // After an object that it could not open, HDF5 1.10 can neither close the file nor end quietly. So ours is the
    // first look.
    let header = try HDF5ObjectHeader(at: UInt64(address), in: bytes)
    return HDF5Object(
      bytes: bytes, path: childPath, header: header,
      handle: try HDF5Handle(
        H5Oopen(handle.id, name, hid_t(H5P_DEFAULT)),
        error(.formatError, "holds '\(name)', which cannot be opened: \(HDF5Library.lastMessage())")))
  }

  // MARK: What a group holds

  /// Names of the objects in this group.
  ///
  /// - Throws: `formatError`; `unsupported` if there are more than `limit`.
  func childNames(limit: Int) throws(MartletError) -> [String] {
    let count = try childCount()
    guard count <= limit else {
      throw error(.unsupported, "holds \(count) objects; at most \(limit) are supported")
    }
    return try names(count)
  }

  func childCount() throws(MartletError) -> Int {
    var information = H5G_info_t()
    guard H5Gget_info(handle.id, &information) >= 0 else { throw unsearchable() }
    return Int(clamping: information.nlinks)
  }

  /// What is there, for a message about what is not: `it holds 'a', 'b' and 3 more`.
  func contents() -> String {
    guard isGroup, let count = try? childCount(), let names = try? names(min(count, listedNameCount)) else {
      return "it is not a group"
    }
    return "it holds " + quotedList(names, of: count)
  }

  private func names(_ count: Int) throws(MartletError) -> [String] {
    var names: [String] = []
    for index in 0..<count {
      var bytes = [CChar](repeating: 0, count: GraphBuilder.maximumNameLength + 1)
      let length = H5Lget_name_by_idx(
        handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, hsize_t(index), &bytes, bytes.count, hid_t(H5P_DEFAULT))
      guard length >= 0 else { throw unsearchable() }
      names.append(String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return names
  }

  private func unsearchable() -> MartletError {
    error(.formatError, "cannot be searched: \(HDF5Library.lastMessage())")
  }

  /// An error that names file and object: `'m.h5': /model_weights/dense has no ...`.
  func error(_ code: ErrorCode, _ message: String) -> MartletError {
    MartletError(code, "'\(file)': \(path == "/" ? "the root group" : path) \(message)")
  }
}

/// Names that a message lists.
private let listedNameCount = 10

/// The first names of a list for a message: `'a', 'b' and 3 more`.
///
/// - Parameter count: of the whole list, if `names` are not all.
func quotedList(_ names: [String], of count: Int? = nil) -> String {
  guard !names.isEmpty else { return "nothing" }
  let shown = names.prefix(listedNameCount)
  let rest = (count ?? names.count) - shown.count
  return shown.map { "'\($0.prefix(60))'" }.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
}
