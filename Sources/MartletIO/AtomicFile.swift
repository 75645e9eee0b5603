// Files that appear whole or not at all: written under another name in the same folder, forced to the disk, renamed.
//
// A writer holds a lock on its temporary file as long as it exists. So a temporary file whose lock can be had was left
// by a process that was killed, and the next writer in that folder removes it.

import MartletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum AtomicFile {
  /// Temporary files are named `.martlet-PID-NUMBER.tmp`.
  static let temporaryPrefix = ".martlet-"
  static let temporarySuffix = ".tmp"

  /// As many links as Linux follows.
  private static let maximumLinkCount = 40

  /// Replace a file, or make one. A symbolic link is followed; permissions of an existing file are kept.
  ///
  /// - Throws: `notFound` (no such folder), `ioError`.
  static func replace(_ path: String, with bytes: UnsafeRawBufferPointer) throws(MartletError) {
    let target = try resolveLinks(path)
    let mode = try existingMode(target, path)
    let folder = folder(of: target)
    removeStaleTemporaries(in: folder)
    let (temporary, descriptor) = try makeTemporary(in: folder, path)
    do throws(MartletError) {
      if let mode, fchmod(descriptor, mode) != 0 { throw MartletError.system(errno, "set the permissions of", path) }
      try writeAll(bytes, descriptor, path)
      guard fsync(descriptor) == 0 else { throw MartletError.system(errno, "write", path) }
      guard rename(temporary, target) == 0 else { throw MartletError.system(errno, "replace", path) }
    } catch {
      unlink(temporary)
      close(descriptor)
      throw error
    }
    close(descriptor)
    syncFolder(folder)
  }

  // MARK: The target

  private static func resolveLinks(_ path: String) throws(MartletError) -> String {
    var target = path
    for _ in 0..<maximumLinkCount {
      guard let link = readLink(target) else { return target }
      target = link.hasPrefix("/") ? link : folder(of: target) + "/" + link
    }
    throw .system(ELOOP, "write", path)
  }

  /// What a symbolic link names; nil if the path is none.
  private static func readLink(_ path: String) -> String? {
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
      count = buffer.withMemoryRebound(to: CChar.self) { names in
        names.baseAddress.map { max(readlink(path, $0, names.count), 0) } ?? 0
      }
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Permissions of the file that will be replaced; nil if there is none.
  private static func existingMode(_ target: String, _ path: String) throws(MartletError) -> mode_t? {
    var status = stat()
    guard stat(target, &status) == 0 else {
      guard errno == ENOENT else { throw .system(errno, "write", path) }
      return nil
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw MartletError(.ioError, "cannot write '\(path)': it exists and is not a file")
    }
    guard access(target, W_OK) == 0 else { throw .system(errno, "write", path) }
    return status.st_mode & 0o7777
  }

  // MARK: Temporary files

  private static func makeTemporary(
    in folder: String, _ path: String
  ) throws(MartletError) -> (name: String, descriptor: Int32) {
    var number = 0
    while true {
      let name = "\(folder)/\(temporaryPrefix)\(getpid())-\(number)\(temporarySuffix)"
      number += 1
      let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else {
        if errno == EEXIST { continue }
        throw .system(errno, "write", path)
      }
      // Between these two calls another writer may have taken the file for a stale one and removed it. Where the file
      // system has no locks, nobody gets one, and nothing is taken for stale.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, isLinked(descriptor) {
        return (name, descriptor)
      }
      close(descriptor)
    }
  }

  private static func isLinked(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_nlink > 0
  }

  /// Best effort: what cannot be removed stays.
  private static func removeStaleTemporaries(in folder: String) {
    guard let stream = opendir(folder) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard name.hasPrefix(temporaryPrefix), name.hasSuffix(temporarySuffix) else { continue }
      let path = folder + "/" + name
      let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }

  // MARK: Bytes

  private static func writeAll(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: Int32, _ path: String
  ) throws(MartletError) {
    // A write beyond the process's file size limit sends a signal that kills; held back, it is an error like others.
    var limitSignal = sigset_t()
    var previous = sigset_t()
    sigemptyset(&limitSignal)
    sigaddset(&limitSignal, SIGXFSZ)
    pthread_sigmask(SIG_BLOCK, &limitSignal, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
      let written = write(descriptor, base, rest.count)
      if written < 0 {
        let code = errno
        if code == EINTR { continue }
        if code == EFBIG, sigismember(&previous, SIGXFSZ) == 0 {
          var none = timespec()
          sigtimedwait(&limitSignal, nil, &none)
        }
        throw .system(code, "write", path)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
    }
  }

  /// The rename is on the disk when its folder is. Some file systems cannot do this, and then need not.
  private static func syncFolder(_ folder: String) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
