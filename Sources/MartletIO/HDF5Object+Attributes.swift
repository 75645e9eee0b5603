// Attributes: strings, lists of strings and numbers.

import CHDF5
import MartletCore

extension HDF5Object {
  /// Names of layers or weights that a file may list.
  private static let maximumListCount = 1 << 20

  /// A string attribute; nil if there is none of that name.
  ///
  /// - Throws: `formatError` if it is not one string.
  func string(_ name: String) throws(MartletError) -> String? {
    guard let strings = try header.attribute(name, of: self) else { return nil }
    guard strings.count == 1 else {
      throw error(.formatError, "has an attribute '\(name)' of \(strings.count) strings; expected 1")
    }
    return strings[0]
  }

  /// A list of strings; nil if there is none of that name. Lists too long for one attribute are spread over `name0`,
  /// `name1`, ..., as Keras does.
  func strings(_ name: String) throws(MartletError) -> [String]? {
    if let strings = try header.attribute(name, of: self) { return strings }
    guard var strings = try header.attribute(name + "0", of: self) else { return nil }
    var number = 1
    while strings.count <= Self.maximumListCount, let more = try header.attribute(name + String(number), of: self) {
      strings += more
      number += 1
    }
    return strings
  }

  /// A single number; nil if there is none of that name.
  func number(_ name: String) throws(MartletError) -> Double? {
    var value = 0.0
    return try readScalar(name, chdf5_native_double(), &value) ? value : nil
  }

  /// A single unsigned number; nil if there is none of that name.
  func unsignedInteger(_ name: String) throws(MartletError) -> UInt64? {
    var value: UInt64 = 0
    return try readScalar(name, chdf5_native_uint64(), &value) ? value : nil
  }

  private func readScalar<Value: BitwiseCopyable>(
    _ name: String, _ memoryType: hid_t, _ value: inout Value
  ) throws(MartletError) -> Bool {
    let exists = H5Aexists(handle.id, name)
    guard exists >= 0 else { throw error(.formatError, "has damaged attributes: \(HDF5Library.lastMessage())") }
    guard exists > 0 else { return false }
    let attribute = try HDF5Handle(H5Aopen(handle.id, name, hid_t(H5P_DEFAULT)), damaged(name))
    let type = try HDF5Handle(H5Aget_type(attribute.id), damaged(name))
    let space = try HDF5Handle(H5Aget_space(attribute.id), damaged(name))
    guard HDF5NumberType(type) != nil, H5Sget_simple_extent_npoints(space.id) == 1 else {
      throw error(.formatError, "has an attribute '\(name)' that is not one number")
    }
    guard H5Aread(attribute.id, memoryType, &value) >= 0 else { throw damaged(name) }
    return true
  }

  private func damaged(_ name: String) -> MartletError {
    error(.formatError, "has a damaged attribute '\(name)': \(HDF5Library.lastMessage())")
  }
}

extension HDF5ObjectHeader {
  /// The strings of an attribute; nil if there is none of that name.
  fileprivate func attribute(_ name: String, of object: borrowing HDF5Object) throws(MartletError) -> [String]? {
    if let message = attributes.first(where: { $0.name == name }) { return try message.strings(in: object.bytes) }
    guard hasMoreAttributes else { return nil }
    let exists = H5Aexists(object.handle.id, name)
    guard exists >= 0 else {
      throw object.error(.formatError, "has damaged attributes: \(HDF5Library.lastMessage())")
    }
    guard exists == 0 else {
      throw object.error(
        .unsupported, "keeps its attribute '\(name)' outside its header, as one of too many; that is not supported")
    }
    return nil
  }
}
