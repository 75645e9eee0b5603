// Reading HDF5 as others write it: kinds of strings, formats, links, damage, and what is left as it was found.

import CHDF5
import Glibc
import MartletCore
import Testing

@testable import MartletIO

struct HDF5FileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  // MARK: Attributes

  @Test(arguments: [false, true]) func stringsOfEveryKind(latest: Bool) throws {
    let path = folder.path("strings.h5")
    let long = String(repeating: "configuration ", count: 20_000)
    try withHDF5 {
      let file = HDF5TestFile(path, latest: latest)
      file.group("g")
      file.strings("scalar", on: "g", ["zwölf"], isList: false)
      file.strings("ascii", on: "g", ["a", "", "ccc"], isUTF8: false)
      file.strings("long", on: "g", [long], isList: false)
      file.fixedStrings("null padded", on: "g", ["one", "three"], byteCount: 5)
      file.fixedStrings("space padded", on: "g", ["one", "three"], byteCount: 7, padding: H5T_STR_SPACEPAD)
      file.emptyList("empty", on: "g")
      file.strings("many0", on: "g", ["a", "b"])
      file.strings("many1", on: "g", ["c"])
    }
    let found = try HDF5Library.exclusively { () throws(MartletError) in
      let object = try object("g", of: path)
      return (
        try object.string("scalar"),
        [
          try object.strings("ascii"), try object.strings("long"), try object.strings("null padded"),
          try object.strings("space padded"), try object.strings("empty"), try object.strings("many"),
          try object.strings("absent"),
        ]
      )
    }
    #expect(found.0 == "zwölf")
    #expect(found.1 == [["a", "", "ccc"], [long], ["one", "three"], ["one", "three"], [], ["a", "b", "c"], nil])
  }

  @Test func whatIsNoStringIsNamed() throws {
    let path = folder.path("number.h5")
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.group("g")
      file.number("pi", on: "g", 3.5)
      file.strings("text", on: "g", ["a"])
    }
    let pi = try HDF5Library.exclusively { () throws(MartletError) in try object("g", of: path).number("pi") }
    #expect(pi == 3.5)
    expectError(.formatError, "'pi' is not text") {
      try HDF5Library.exclusively { () throws(MartletError) in try object("g", of: path).string("pi") }
    }
    expectError(.formatError, "'text' that is not one number") {
      try HDF5Library.exclusively { () throws(MartletError) in try object("g", of: path).number("text") }
    }
  }

  // MARK: What is not followed or not there

  @Test func linksAreNotFollowed() throws {
    let path = folder.path("links.h5")
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.group("g")
      file.softLink("soft", to: "/g")
      file.softLink("loop", to: "/loop")
      file.externalLink("external", to: "/g", in: "other.h5")
    }
    for name in ["soft", "loop", "external"] {
      expectError(.unsupported, name) {
        try HDF5Library.exclusively { () throws(MartletError) in _ = try object(name, of: path) }
      }
    }
    let isThere = try HDF5Library.exclusively { () throws(MartletError) in
      let root = try HDF5File(path: path).root()
      return [try isPresent("g", in: root), try isPresent("g/h", in: root), try isPresent("./g", in: root)]
    }
    #expect(isThere == [true, false, false])
  }

  @Test func filesThatAreNone() throws {
    let text = folder.path("text.h5")
    try write(Array("This is not HDF5.".utf8), to: text)
    try write([], to: folder.path("empty.h5"))
    try write([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], to: folder.path("signature.h5"))
    mkdir(folder.path("folder.h5"), 0o755)
    mkfifo(folder.path("pipe.h5"), 0o644)
    let cases: [(String, ErrorCode, String)] = [
      ("missing.h5", .notFound, "No such file"), ("no/such.h5", .notFound, "No such file"),
      ("folder.h5", .ioError, "folder"), ("pipe.h5", .ioError, "pipe"), ("text.h5", .formatError, "not an HDF5 file"),
      ("empty.h5", .formatError, "not an HDF5 file"), ("signature.h5", .formatError, "damaged"),
    ]
    for (name, code, message) in cases {
      expectError(code, message) {
        try HDF5Library.exclusively { () throws(MartletError) in _ = try HDF5File(path: folder.path(name)) }
      }
    }
  }

  @Test(arguments: [false, true]) func everyTruncationIsAnError(latest: Bool) throws {
    let path = folder.path("whole.h5")
    try withHDF5 {
      let file = HDF5TestFile(path, latest: latest)
      file.dataset("x", [4, 3], [Float](repeating: 1, count: 12), memoryType: chdf5_native_float())
    }
    let whole = try bytes(of: path)
    let cut = folder.path("cut.h5")
    for count in stride(from: 0, to: whole.count, by: 97) {
      try write(Array(whole.prefix(count)), to: cut)
      expectError(.formatError, cut) { try DatasetFile.open(path: cut, x: "x", y: nil) }
    }
  }

  @Test func aFileAfterAUserBlockIsRead() throws {
    let path = folder.path("plain.h5")
    try withHDF5 {
      let access = H5Pcreate(chdf5_file_creation_class())
      H5Pset_userblock(access, 1024)
      let file = H5Fcreate(path, chdf5_truncate(), access, 0)
      H5Gclose(H5Gcreate2(file, "g", 0, 0, 0))
      H5Fclose(file)
      H5Pclose(access)
    }
    let isGroup = try HDF5Library.exclusively { () throws(MartletError) in try object("g", of: path).isGroup }
    #expect(isGroup)
  }

  // MARK: The host's library

  @Test func theHostsErrorHandlerComesBack() throws {
    typealias Handler = @convention(c) (hid_t, UnsafeMutableRawPointer?) -> herr_t
    try withHDF5 {}
    let own: Handler = { _, _ in 0 }
    var before: H5E_auto2_t?
    var data: UnsafeMutableRawPointer?
    H5Eget_auto2(0, &before, &data)
    var marker = 7
    withUnsafeMutablePointer(to: &marker) { marker in
      H5Eset_auto2(0, own, marker)
      expectError(.notFound, "missing") { try ModelFile.load(path: folder.path("missing.h5")) }
      var after: H5E_auto2_t?
      var dataAfter: UnsafeMutableRawPointer?
      H5Eget_auto2(0, &after, &dataAfter)
      #expect(unsafeBitCast(after, to: UInt.self) == unsafeBitCast(own, to: UInt.self))
      #expect(dataAfter == UnsafeMutableRawPointer(marker))
    }
    H5Eset_auto2(0, before, data)
  }

  // MARK: Helpers

  private func object(_ name: String, of path: String) throws(MartletError) -> HDF5Object {
    guard let object = try HDF5File(path: path).root().object(at: name) else {
      throw MartletError(.notFound, "test file '\(path)' has no '\(name)'")
    }
    return object
  }

  private func isPresent(_ path: String, in root: borrowing HDF5Object) throws(MartletError) -> Bool {
    guard try root.object(at: path) != nil else { return false }
    return true
  }
}

/// The call throws an error of that code whose message has the text.
func expectError<Result>(
  _ code: ErrorCode, _ text: String, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Result
) {
  do {
    _ = try body()
    Issue.record("no error; expected \(code) with '\(text)'", sourceLocation: sourceLocation)
  } catch let error as MartletError {
    #expect(error.code == code, "\(error.message)", sourceLocation: sourceLocation)
    #expect(error.message.contains(text), "\(error.message)", sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}
