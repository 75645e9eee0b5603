// A folder for one test, removed with everything in it.

import Glibc

@testable import MartletIO

final class TemporaryFolder {
  private let root: String

  init() throws {
    var template = Array("/tmp/martlet-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
    root = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  deinit { remove(root) }

  func path(_ name: String) -> String { root + "/" + name }

  /// Names of the files in the folder.
  var contents: [String] { TemporaryFolder.names(in: root).sorted() }

  private func remove(_ path: String) {
    for name in TemporaryFolder.names(in: path) { remove(path + "/" + name) }
    Glibc.remove(path)
  }

  private static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

struct TestFailure: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

func bytes(of path: String) throws -> [UInt8] {
  let file = try InputFile(path: path)
  return try file.bytes(at: 0, count: file.byteCount)
}

func write(_ bytes: [UInt8], to path: String) throws {
  guard let file = fopen(path, "wb") else { throw TestFailure("fopen \(path): \(errno)") }
  defer { fclose(file) }
  guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw TestFailure("fwrite \(path): \(errno)") }
}
