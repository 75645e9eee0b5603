// Writing: an HDF5 file is built in memory and handed out as bytes, so that no disk can fail in the middle of HDF5.
// Same calls, same bytes: nothing that is written depends on time or place.

import CHDF5
import MartletCore

/// A group of a file that is being built in memory, or a dataset that gets its attributes.
struct HDF5Writer: ~Copyable {
  private let handle: HDF5Handle

  /// Bytes by which the image grows.
  static let increment = 1 << 20

  /// A file in memory has a name too, by which HDF5 looks for one on the disk before it opens an image. Below a device
  /// there can be none.
  static let nameOfNoFile = "/dev/null/martlet-image"

  /// Elements of fixed-width strings that Keras puts into one attribute: what an object header can hold.
  private static let maximumAttributeByteCount = 64512

  /// The bytes of a file whose root group `build` fills.
  ///
  /// - Throws: `outOfMemory`, or what `build` throws.
  static func image(
    _ build: (borrowing HDF5Writer) throws(MartletError) -> Void
  ) throws(MartletError) -> (storage: TensorStorage, byteCount: Int) {
    let access = try HDF5Handle(H5Pcreate(chdf5_file_access_class()), failure("a property list"))
    guard H5Pset_fapl_core(access.id, increment, false) >= 0 else { throw failure("a file in memory") }
    // Without backing store it never touches the disk.
    let file = try HDF5Handle(
      H5Fcreate(nameOfNoFile, chdf5_truncate(), hid_t(H5P_DEFAULT), access.id), failure("a file in memory"))
    try build(HDF5Writer(handle: try HDF5Handle(H5Gopen2(file.id, "/", hid_t(H5P_DEFAULT)), failure("the root group"))))
    guard H5Fflush(file.id, H5F_SCOPE_LOCAL) >= 0 else { throw failure("a file in memory") }
    let byteCount = H5Fget_file_image(file.id, nil, 0)
    guard byteCount > 0 else { throw failure("a file in memory") }
    let storage = try TensorStorage(byteCount: byteCount, purpose: "the bytes of a file")
    guard H5Fget_file_image(file.id, storage.base, byteCount) == byteCount else { throw failure("a file in memory") }
    return (storage, byteCount)
  }

  private init(handle: consuming HDF5Handle) { self.handle = handle }

  /// A new group; what is missing of the groups on the path to it is made, too.
  func group(_ path: String) throws(MartletError) -> HDF5Writer {
    func failure() -> MartletError { HDF5Writer.failure("group '\(path)'") }
    let links = try HDF5Writer.linkCreation(failure())
    return HDF5Writer(
      handle: try HDF5Handle(
        H5Gcreate2(handle.id, path, links.id, hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT)), failure()))
  }

  private static func linkCreation(_ failure: MartletError) throws(MartletError) -> HDF5Handle {
    let links = try HDF5Handle(H5Pcreate(chdf5_link_creation_class()), failure)
    guard H5Pset_create_intermediate_group(links.id, 1) >= 0 else { throw failure }
    return links
  }

  /// A new dataset of float32; what is missing of the groups on the path to it is made, too.
  func dataset(_ name: String, _ dimensions: [Int], _ values: UnsafePointer<Float>) throws(MartletError) {
    try dataset(name, dimensions, chdf5_float32(), chdf5_native_float(), values) { _ in }
  }

  /// A new dataset of float64, with the attributes that `attributes` writes.
  func dataset(
    _ name: String, _ dimensions: [Int], _ values: UnsafePointer<Double>,
    attributes: (borrowing HDF5Writer) throws(MartletError) -> Void
  ) throws(MartletError) {
    try dataset(name, dimensions, chdf5_float64(), chdf5_native_double(), values, attributes)
  }

  /// A new dataset of int64, with the attributes that `attributes` writes.
  func dataset(
    _ name: String, _ dimensions: [Int], _ values: UnsafePointer<Int64>,
    attributes: (borrowing HDF5Writer) throws(MartletError) -> Void
  ) throws(MartletError) {
    try dataset(name, dimensions, chdf5_int64(), chdf5_native_int64(), values, attributes)
  }

  private func dataset(
    _ name: String, _ dimensions: [Int], _ fileType: hid_t, _ memoryType: hid_t, _ values: UnsafeRawPointer,
    _ attributes: (borrowing HDF5Writer) throws(MartletError) -> Void
  ) throws(MartletError) {
    func failure() -> MartletError { HDF5Writer.failure("dataset '\(name)'") }
    let sizes = dimensions.map { hsize_t($0) }
    let space = try HDF5Handle(H5Screate_simple(Int32(sizes.count), sizes, nil), failure())
    let creation = try HDF5Handle(H5Pcreate(chdf5_dataset_creation_class()), failure())
    let links = try HDF5Writer.linkCreation(failure())
    guard H5Pset_obj_track_times(creation.id, false) >= 0 else { throw failure() }
    let dataset = try HDF5Handle(
      H5Dcreate2(handle.id, name, fileType, space.id, links.id, creation.id, hid_t(H5P_DEFAULT)), failure())
    let all = hid_t(H5S_ALL)
    guard H5Dwrite(dataset.id, memoryType, all, all, hid_t(H5P_DEFAULT), values) >= 0 else { throw failure() }
    try attributes(HDF5Writer(handle: dataset))
  }

  // MARK: Attributes

  func attribute(_ name: String, _ text: String) throws(MartletError) {
    let space = try HDF5Handle(H5Screate(H5S_SCALAR), HDF5Writer.failure("attribute '\(name)'"))
    try attribute(name, [text][...], space)
  }

  /// A list of strings, spread over `name0`, `name1`, ... if it is too long for one attribute, as Keras does.
  func attribute(_ name: String, _ texts: [String]) throws(MartletError) {
    guard !texts.isEmpty else { return try emptyList(name) }
    // Keras counts fixed-width strings; a reference to a string of variable length takes 16 bytes.
    let width = max(texts.reduce(0) { max($0, $1.utf8.count) }, 16)
    var pieceCount = 1
    while (texts.count + pieceCount - 1) / pieceCount * width > HDF5Writer.maximumAttributeByteCount { pieceCount += 1 }
    for piece in 0..<pieceCount {
      let texts = texts[(texts.count * piece / pieceCount)..<(texts.count * (piece + 1) / pieceCount)]
      let name = pieceCount == 1 ? name : name + String(piece)
      var count = hsize_t(texts.count)
      let space = try HDF5Handle(H5Screate_simple(1, &count, nil), HDF5Writer.failure("attribute '\(name)'"))
      try attribute(name, texts, space)
    }
  }

  func attribute(_ name: String, _ value: Int32) throws(MartletError) {
    var value = value
    try scalar(name, chdf5_int32(), chdf5_native_int32(), &value)
  }

  func attribute(_ name: String, _ value: UInt64) throws(MartletError) {
    var value = value
    try scalar(name, chdf5_uint64(), chdf5_native_uint64(), &value)
  }

  func attribute(_ name: String, _ value: Double) throws(MartletError) {
    var value = value
    try scalar(name, chdf5_float64(), chdf5_native_double(), &value)
  }

  private func scalar(
    _ name: String, _ fileType: hid_t, _ memoryType: hid_t, _ value: UnsafeRawPointer
  ) throws(MartletError) {
    func failure() -> MartletError { HDF5Writer.failure("attribute '\(name)'") }
    let space = try HDF5Handle(H5Screate(H5S_SCALAR), failure())
    let attribute = try create(name, fileType, space)
    guard H5Awrite(attribute.id, memoryType, value) >= 0 else { throw failure() }
  }

  /// h5py's form of an empty list, whatever it would hold.
  private func emptyList(_ name: String) throws(MartletError) {
    var count: hsize_t = 0
    let space = try HDF5Handle(H5Screate_simple(1, &count, nil), HDF5Writer.failure("attribute '\(name)'"))
    _ = try create(name, chdf5_float64(), space)
  }

  /// Strings of variable length in UTF-8.
  private func attribute(
    _ name: String, _ texts: ArraySlice<String>, _ space: borrowing HDF5Handle
  ) throws(MartletError) {
    func failure() -> MartletError { HDF5Writer.failure("attribute '\(name)'") }
    let type = try HDF5Handle(H5Tcopy(chdf5_c_string()), failure())
    guard H5Tset_size(type.id, chdf5_variable_length()) >= 0, H5Tset_cset(type.id, H5T_CSET_UTF8) >= 0 else {
      throw failure()
    }
    let attribute = try create(name, type.id, space)
    // All strings in one block, each with its zero, and the address of each.
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for text in texts {
      offsets.append(bytes.count)
      bytes += text.utf8CString
    }
    let status = bytes.withUnsafeBufferPointer { block in
      H5Awrite(attribute.id, type.id, offsets.map { block.baseAddress.map { [offset = $0] in $0 + offset } })
    }
    guard status >= 0 else { throw failure() }
  }

  private func create(
    _ name: String, _ type: hid_t, _ space: borrowing HDF5Handle
  ) throws(MartletError) -> HDF5Handle {
    try HDF5Handle(
      H5Acreate2(handle.id, name, type, space.id, hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT)),
      HDF5Writer.failure("attribute '\(name)'"))
  }

  /// In memory only memory can run out; names and sizes have been checked.
  private static func failure(_ what: String) -> MartletError {
    MartletError(.outOfMemory, "cannot build \(what) of an HDF5 file in memory: \(HDF5Library.lastMessage())")
  }
}
