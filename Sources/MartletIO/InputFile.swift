// Where bytes come from: a regular file, memory of the caller's, or memory of our own.

import MartletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes that can be read at any place.
protocol ByteSource {
  /// What messages call it.
  var path: String { get }
  var byteCount: Int { get }
  /// `count` bytes, or as many as there are.
  func bytes(at offset: Int, count: Int) throws(MartletError) -> [UInt8]
}

/// Memory that somebody else keeps alive.
struct InputMemory: ByteSource {
  let path: String
  let buffer: UnsafeRawBufferPointer

  var byteCount: Int { buffer.count }

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    guard offset < buffer.count else { return [] }
    return Array(buffer[offset..<(offset + min(count, buffer.count - offset))])
  }
}

/// Memory that lives as long as this.
struct KeptMemory: ByteSource {
  let path: String
  let storage: TensorStorage
  let byteCount: Int

  var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: storage.base, count: byteCount) }

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    defer { withExtendedLifetime(storage) {} }
    return InputMemory(path: path, buffer: buffer).bytes(at: offset, count: count)
  }
}

final class InputFile: ByteSource {
  let path: String
  let byteCount: Int
  private let descriptor: Int32

  /// - Throws: `notFound`, `ioError`; `ioError` also for what is not a regular file.
  init(path: String) throws(MartletError) {
    // Without O_NONBLOCK a pipe would wait here for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(errno, "open", path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw .system(code, "open", path)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw MartletError(
        .ioError, "'\(path)' is a \(status.st_mode & S_IFMT == S_IFDIR ? "folder" : "device or pipe"), not a file")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  func bytes(at offset: Int, count: Int) throws(MartletError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count, let base = buffer.baseAddress {
        let got = pread(descriptor, base + filled, count - filled, off_t(offset + filled))
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        filled += got
      }
    }
    guard failure == 0 else { throw .system(failure, "read", path) }
    return bytes
  }
}
