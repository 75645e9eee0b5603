// Datasets in HDF5 files: every number type, storage and attribute, and what is refused.

import CHDF5
import MartletCore
import MartletKernels
import MartletTraining
import Testing

@testable import MartletIO

struct DatasetFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func inputsTargetsAndAttributes() throws {
    let path = folder.path("data.h5")
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.group("train")
      file.dataset(
        "train/x", [4, 2, 3], (0..<24).map { UInt8($0 * 10) }, memoryType: chdf5_native_uint8(), chunk: [3, 2, 2],
        deflate: true, shuffle: true, fletcher32: true)
      file.number("scale", on: "train/x", 1 / 255.0)
      file.number("offset", on: "train/x", -0.5)
      file.dataset("train/y", [4], [Int32]([2, 0, 1, 2]), memoryType: chdf5_native_int32())
      file.strings("class_names", on: "train/y", ["rot", "grün", "blau"])
    }
    let dataset = try DatasetFile.open(path: path, x: "/train/x", y: "train/y")
    #expect(dataset.count == 4)
    #expect(dataset.inputs[0].rowShape.dimensions == [2, 3])
    #expect(dataset.inputs[0].elementType == .uint8)
    #expect(dataset.inputs[0].scale == Float(1 / 255.0))
    #expect(dataset.inputs[0].offset == -0.5)
    #expect(dataset.classNames == ["rot", "grün", "blau"])
    var labels = [Int32](repeating: -1, count: 2)
    try [3, 0].withUnsafeBufferPointer {
      try dataset.targets[0].source.gatherLabels(rows: $0, classCount: 3, name: "y", into: &labels)
    }
    #expect(labels == [2, 2])
    #expect(try floats(of: dataset.inputs[0].source) == (0..<24).map { Float($0 * 10) })
  }

  /// Chunks that do not divide the shape, alone and with each filter.
  @Test(arguments: [false, true]) func everyStorage(latest: Bool) throws {
    let path = folder.path("storage.h5")
    let values = (0..<130).map { Float($0 % 7) }
    let names = ["contiguous", "chunked", "deflate", "shuffle", "fletcher32", "szip", "all"]
    try withHDF5 {
      let file = HDF5TestFile(path, latest: latest)
      for name in names {
        func uses(_ filter: String) -> Bool { name == filter || name == "all" && filter != "szip" }
        file.dataset(
          name, [13, 10], values, memoryType: chdf5_native_float(), chunk: name == "contiguous" ? nil : [4, 8],
          deflate: uses("deflate"), shuffle: uses("shuffle"), fletcher32: uses("fletcher32"), szip: uses("szip"))
      }
    }
    for name in names {
      #expect(try floats(of: try DatasetFile.open(path: path, x: name, y: nil).inputs[0].source) == values, "\(name)")
    }
  }

  /// Each type of a file becomes the smallest of ours that holds its values, whatever its byte order.
  @Test func everyNumberType() throws {
    let path = folder.path("types.h5")
    let values: [Int64] = [0, 1, 100, 127]
    /// Bytes; signed, or nil for floats; most significant byte first.
    typealias Form = (byteCount: Int, isSigned: Bool?, isBigEndian: Bool)
    let cases: [(String, Form, ElementType)] = [
      ("u1", (1, false, false), .uint8), ("i1", (1, true, false), .int32), ("u2", (2, false, true), .int32),
      ("i2", (2, true, false), .int32), ("u4", (4, false, false), .int64), ("i4", (4, true, true), .int32),
      ("u8", (8, false, false), .int64), ("i8", (8, true, true), .int64), ("f4", (4, nil, true), .float32),
      ("f8", (8, nil, false), .float64),
    ]
    try withHDF5 {
      let file = HDF5TestFile(path)
      for (name, form, _) in cases {
        let type = H5Tcopy(
          form.isSigned == nil
            ? (form.byteCount == 4 ? chdf5_float32() : chdf5_float64())
            : (form.isSigned == true ? chdf5_native_int64() : chdf5_native_uint64()))
        defer { H5Tclose(type) }
        if form.isSigned != nil { H5Tset_size(type, form.byteCount) }
        H5Tset_order(type, form.isBigEndian ? H5T_ORDER_BE : H5T_ORDER_LE)
        file.dataset(name, [4], values, memoryType: chdf5_native_int64(), fileType: type)
      }
    }
    for (name, _, expected) in cases {
      let source = try DatasetFile.open(path: path, x: name, y: nil).inputs[0].source
      #expect(source.elementType == expected, "\(name)")
      #expect(source.rowShape.dimensions == [], "\(name)")
      // The values are exact in float.
      let read = try floats(of: source).map { Int64($0) }
      #expect(read == values, "\(name)")
    }
  }

  @Test func whatIsRefused() throws {
    let path = folder.path("bad.h5")
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.group("group")
      file.dataset("x", [3, 2], [Float](repeating: 1, count: 6), memoryType: chdf5_native_float())
      file.dataset("four", [4], [Float](repeating: 1, count: 4), memoryType: chdf5_native_float())
      file.dataset("none", [0, 2], [Float](), memoryType: chdf5_native_float())
      file.dataset("scalar", [], [Float]([1]), memoryType: chdf5_native_float())
      file.dataset("text", [2], [UInt8]([65, 66]), memoryType: chdf5_c_string())
      file.dataset("huge", [1 << 40, 4], [Float](), memoryType: chdf5_native_float(), chunk: [1024, 4])
      file.dataset("scaled", [1], [Float]([1]), memoryType: chdf5_native_float())
      file.number("scale", on: "scaled", .infinity)
    }
    let cases: [(String, String?, ErrorCode, String)] = [
      ("nothing", nil, .notFound, "'nothing'"), ("x/y", nil, .notFound, "'x/y'"), ("", nil, .notFound, "''"),
      ("group", nil, .formatError, "not a dataset"), ("x", "four", .invalidArgument, "x has 3 rows and y has 4"),
      ("none", nil, .invalidArgument, "[0, 2]"), ("scalar", nil, .invalidArgument, "single number"),
      ("text", nil, .unsupported, "text"), ("huge", nil, .formatError, "declares"),
      ("scaled", nil, .formatError, "scale"),
    ]
    for (x, y, code, message) in cases {
      expectError(code, message) { try DatasetFile.open(path: path, x: x, y: y) }
    }
  }

  private func floats(of source: any RowSource) throws -> [Float] {
    var values = [Float](repeating: .nan, count: source.rowCount * source.rowShape.elementCount)
    let isFinite = try Array(0..<source.rowCount).withUnsafeBufferPointer {
      try source.gather(rows: $0, scale: 1, offset: 0, kernels: .reference, into: &values)
    }
    #expect(isFinite)
    return values
  }
}
