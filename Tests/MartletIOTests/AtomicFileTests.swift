// Files that appear whole or not at all.

import Glibc
import MartletCore
import Testing

@testable import MartletIO

struct AtomicFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func save(_ bytes: [UInt8], to path: String) throws(MartletError) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    try AtomicFile.replace(path, with: UnsafeRawBufferPointer(rebasing: copy[..<bytes.count]))
  }

  @Test func writesAndReplaces() throws {
    let path = folder.path("file")
    try save([1, 2, 3], to: path)
    #expect(try bytes(of: path) == [1, 2, 3])
    try save([4], to: path)
    #expect(try bytes(of: path) == [4])
    #expect(folder.contents == ["file"])
  }

  @Test func permissionsAndLinksStay() throws {
    let path = folder.path("file")
    try save([1], to: path)
    chmod(path, 0o640)
    let link = folder.path("link")
    symlink("file", link)
    try save([2], to: link)
    var status = stat()
    #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
    #expect(try bytes(of: path) == [2])
    // A link whose target does not exist yet makes it.
    symlink(folder.path("new"), folder.path("dangling"))
    try save([3], to: folder.path("dangling"))
    #expect(try bytes(of: folder.path("new")) == [3])
    symlink("circle", folder.path("circle"))
    expectError(.ioError, "circle") { try save([4], to: folder.path("circle")) }
  }

  @Test func whatCannotBeWritten() throws {
    mkdir(folder.path("folder"), 0o755)
    try write([1], to: folder.path("file"))
    let cases: [(String, ErrorCode)] = [("no/file", .notFound), ("file/file", .notFound), ("folder", .ioError)]
    for (name, code) in cases { expectError(code, name) { try save([2], to: folder.path(name)) } }
    expectError(.ioError, "/dev/full") { try save([2], to: "/dev/full") }
    expectError(.ioError, "long") {
      try save([2], to: folder.path("long" + String(repeating: "g", count: 300)))
    }
    #expect(try bytes(of: folder.path("file")) == [1])
    #expect(folder.contents == ["file", "folder"])
  }

  /// What a killed writer left has no lock; what a living one is at has.
  @Test func staleTemporariesGo() throws {
    let stale = ".martlet-1-0.tmp"
    let living = ".martlet-1-1.tmp"
    try write([1], to: folder.path(stale))
    let descriptor = open(folder.path(living), O_WRONLY | O_CREAT, 0o644)
    #expect(flock(descriptor, LOCK_EX) == 0)
    try write([1], to: folder.path(".other.tmp"))
    try save([1], to: folder.path("file"))
    #expect(folder.contents == [living, ".other.tmp", "file"])
    close(descriptor)
    try save([1], to: folder.path("file"))
    #expect(folder.contents == [".other.tmp", "file"])
  }
}
