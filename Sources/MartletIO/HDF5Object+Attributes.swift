// Attributes: numbers, strings of every kind that h5py has written over the years, and lists of them.

import CHDF5
import MartletCore

extension HDF5Object {
  /// Strings an attribute may have, and bytes that all of them together may have: far more than any model needs.
  private static let maximumStringCount = 1 << 20
  private static let maximumByteCount = 64 << 20

  /// A string attribute; nil if there is none of that name.
  ///
  /// - Throws: `formatError` if it is not one string.
  func string(_ name: String) throws(MartletError) -> String? {
    guard let strings = try strings(ofAttribute: name) else { return nil }
    guard strings.count == 1 else {
      throw error(.formatError, "has an attribute '\(name)' of \(strings.count) strings; expected 1")
    }
    return strings[0]
  }

  /// A list of strings; nil if there is none of that name. Lists too long for one attribute are spread over `name0`,
  /// `name1`, ..., as Keras does.
  func strings(_ name: String) throws(MartletError) -> [String]? {
    if let strings = try strings(ofAttribute: name) { return strings }
    guard var strings = try strings(ofAttribute: name + "0") else { return nil }
    var number = 1
    while strings.count <= Self.maximumStringCount, let more = try self.strings(ofAttribute: name + String(number)) {
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
    guard let attribute = try attribute(name) else { return false }
    let type = try HDF5Handle(H5Aget_type(attribute.id), damaged(name))
    let typeClass = H5Tget_class(type.id)
    guard typeClass == H5T_INTEGER || typeClass == H5T_FLOAT, try elementCount(attribute, name) == 1 else {
      throw error(.formatError, "has an attribute '\(name)' that is not one number")
    }
    guard H5Aread(attribute.id, memoryType, &value) >= 0 else { throw damaged(name) }
    return true
  }

  private func strings(ofAttribute name: String) throws(MartletError) -> [String]? {
    guard let attribute = try attribute(name) else { return nil }
    let count = try elementCount(attribute, name)
    // h5py writes an empty list of strings as an empty list of float64.
    guard count > 0 else { return [] }
    let type = try HDF5Handle(H5Aget_type(attribute.id), damaged(name))
    guard H5Tget_class(type.id) == H5T_STRING else {
      throw error(.formatError, "has an attribute '\(name)' that is not text")
    }
    guard count <= Self.maximumStringCount else {
      throw error(.formatError, "has an attribute '\(name)' of \(count) strings")
    }
    return H5Tis_variable_str(type.id) > 0
      ? try variableStrings(attribute, type, count, name) : try fixedStrings(attribute, type, count, name)
  }

  private func variableStrings(
    _ attribute: borrowing HDF5Handle, _ type: borrowing HDF5Handle, _ count: Int, _ name: String
  ) throws(MartletError) -> [String] {
    let memoryType = try HDF5Handle(H5Tcopy(chdf5_c_string()), damaged(name))
    // HDF5 refuses to turn one character set into the other, though ASCII is UTF-8.
    guard H5Tset_size(memoryType.id, chdf5_variable_length()) >= 0,
      H5Tset_cset(memoryType.id, H5Tget_cset(type.id)) >= 0
    else { throw damaged(name) }
    let space = try HDF5Handle(H5Aget_space(attribute.id), damaged(name))
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    guard H5Aread(attribute.id, memoryType.id, &pointers) >= 0 else { throw damaged(name) }
    let strings = pointers.map { $0.map { String(cString: $0) } ?? "" }
    H5Dvlen_reclaim(memoryType.id, space.id, hid_t(H5P_DEFAULT), &pointers)
    return strings
  }

  private func fixedStrings(
    _ attribute: borrowing HDF5Handle, _ type: borrowing HDF5Handle, _ count: Int, _ name: String
  ) throws(MartletError) -> [String] {
    let size = H5Tget_size(type.id)
    let (byteCount, overflow) = size.multipliedReportingOverflow(by: count)
    guard size > 0, !overflow, byteCount <= Self.maximumByteCount else {
      throw error(.formatError, "has an attribute '\(name)' of more than \(Self.maximumByteCount) bytes")
    }
    let isSpacePadded = H5Tget_strpad(type.id) == H5T_STR_SPACEPAD
    var bytes = [UInt8](repeating: 0, count: byteCount)
    guard H5Aread(attribute.id, type.id, &bytes) >= 0 else { throw damaged(name) }
    return stride(from: 0, to: byteCount, by: size).map { start in
      var text = bytes[start..<(start + size)].prefix { $0 != 0 }
      if isSpacePadded { while text.last == UInt8(ascii: " ") { text.removeLast() } }
      return String(decoding: text, as: UTF8.self)
    }
  }

  private func attribute(_ name: String) throws(MartletError) -> HDF5Handle? {
    let exists = H5Aexists(handle.id, name)
    guard exists >= 0 else { throw error(.formatError, "has damaged attributes: \(HDF5Library.lastMessage())") }
    guard exists > 0 else { return nil }
    return try HDF5Handle(H5Aopen(handle.id, name, hid_t(H5P_DEFAULT)), damaged(name))
  }

  private func elementCount(_ attribute: borrowing HDF5Handle, _ name: String) throws(MartletError) -> Int {
    let space = try HDF5Handle(H5Aget_space(attribute.id), damaged(name))
    let count = H5Sget_simple_extent_npoints(space.id)
    guard count >= 0 else { throw damaged(name) }
    return Int(count)
  }

  private func damaged(_ name: String) -> MartletError {
    error(.formatError, "has a damaged attribute '\(name)': \(HDF5Library.lastMessage())")
  }
}
