// Files that a test writes with HDF5 itself, in the ways of other programs: the reader under test has no part in it.

import CHDF5

@testable import MartletIO

final class HDF5TestFile {
  let path: String
  private let file: hid_t

  /// - Parameter latest: the newest format that this HDF5 knows, not the classic one.
  init(_ path: String, latest: Bool = false) {
    self.path = path
    let access = H5Pcreate(chdf5_file_access_class())
    defer { H5Pclose(access) }
    if latest { H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) }
    file = H5Fcreate(path, chdf5_truncate(), hid_t(H5P_DEFAULT), access)
  }

  deinit { close() }

  func close() { H5Fclose(file) }

  func group(_ name: String) { H5Gclose(H5Gcreate2(file, name, 0, 0, 0)) }

  func softLink(_ name: String, to target: String) { H5Lcreate_soft(target, file, name, 0, 0) }

  func externalLink(_ name: String, to target: String, in other: String) {
    H5Lcreate_external(other, target, file, name, 0, 0)
  }

  /// - Parameters:
  ///   - values: empty for a dataset that is declared and never written.
  ///   - chunk: nil for contiguous storage.
  func dataset<Element>(
    _ name: String, _ dimensions: [Int], _ values: [Element], memoryType: hid_t, fileType: hid_t? = nil,
    chunk: [Int]? = nil, deflate: Bool = false, shuffle: Bool = false, fletcher32: Bool = false, szip: Bool = false
  ) {
    let creation = H5Pcreate(chdf5_dataset_creation_class())
    defer { H5Pclose(creation) }
    if let chunk { H5Pset_chunk(creation, Int32(chunk.count), chunk.map { hsize_t($0) }) }
    if shuffle { H5Pset_shuffle(creation) }
    if deflate { H5Pset_deflate(creation, 6) }
    if szip { H5Pset_szip(creation, UInt32(H5_SZIP_NN_OPTION_MASK), 8) }
    if fletcher32 { H5Pset_fletcher32(creation) }
    let space = H5Screate_simple(Int32(dimensions.count), dimensions.map { hsize_t($0) }, nil)
    defer { H5Sclose(space) }
    let dataset = H5Dcreate2(file, name, fileType ?? memoryType, space, 0, creation, 0)
    defer { H5Dclose(dataset) }
    guard !values.isEmpty else { return }
    _ = values.withUnsafeBufferPointer { H5Dwrite(dataset, memoryType, 0, 0, 0, $0.baseAddress) }
  }

  func number(_ name: String, on object: String, _ value: Double) {
    let space = H5Screate(H5S_SCALAR)
    defer { H5Sclose(space) }
    var value = value
    write(name, on: object, chdf5_float64(), chdf5_native_double(), space, &value)
  }

  /// Strings of variable length; a scalar unless `isList`.
  func strings(_ name: String, on object: String, _ texts: [String], isUTF8: Bool = true, isList: Bool = true) {
    let type = H5Tcopy(chdf5_c_string())
    defer { H5Tclose(type) }
    H5Tset_size(type, chdf5_variable_length())
    H5Tset_cset(type, isUTF8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII)
    let bytes = texts.map { Array($0.utf8CString) }
    let copies = bytes.map { text in
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
      copy.update(from: text, count: text.count)
      return copy
    }
    defer { for copy in copies { copy.deallocate() } }
    var count = hsize_t(texts.count)
    let space = isList ? H5Screate_simple(1, &count, nil) : H5Screate(H5S_SCALAR)
    defer { H5Sclose(space) }
    write(name, on: object, type, type, space, copies)
  }

  /// Strings of fixed length.
  func fixedStrings(
    _ name: String, on object: String, _ texts: [String], byteCount: Int, padding: H5T_str_t = H5T_STR_NULLPAD
  ) {
    let type = H5Tcopy(chdf5_c_string())
    defer { H5Tclose(type) }
    H5Tset_size(type, byteCount)
    H5Tset_strpad(type, padding)
    let fill = padding == H5T_STR_SPACEPAD ? UInt8(ascii: " ") : 0
    let bytes = texts.flatMap { Array($0.utf8) + [UInt8](repeating: fill, count: byteCount - $0.utf8.count) }
    var count = hsize_t(texts.count)
    let space = H5Screate_simple(1, &count, nil)
    defer { H5Sclose(space) }
    write(name, on: object, type, type, space, bytes)
  }

  /// h5py's empty list of strings.
  func emptyList(_ name: String, on object: String) {
    var count: hsize_t = 0
    let space = H5Screate_simple(1, &count, nil)
    defer { H5Sclose(space) }
    write(name, on: object, chdf5_float64(), chdf5_native_double(), space, nil)
  }

  private func write(
    _ name: String, on object: String, _ fileType: hid_t, _ memoryType: hid_t, _ space: hid_t,
    _ values: UnsafeRawPointer?
  ) {
    let owner = H5Oopen(file, object, 0)
    defer { H5Oclose(owner) }
    let attribute = H5Acreate2(owner, name, fileType, space, 0, 0)
    defer { H5Aclose(attribute) }
    if let values { H5Awrite(attribute, memoryType, values) }
  }
}

/// Run calls of HDF5 that belong to a test, so that they do not meet those of others in another thread.
func withHDF5<Result>(_ body: () throws -> Result) throws -> Result {
  var result: Swift.Result<Result, any Error>?
  try HDF5Library.exclusively { result = Swift.Result { try body() } }
  guard let result else { throw TestFailure("the body did not run") }
  return try result.get()
}
