// Datasets: what they hold, whether they may be read, and reading all of one into memory.

import CHDF5
import MartletCore

/// Shape and type of a dataset that has passed all checks.
struct HDF5DatasetForm {
  let dimensions: [Int]
  /// The smallest of our types that holds all values of the file's.
  let elementType: ElementType

  var elementCount: Int { dimensions.reduce(1, *) }
}

extension HDF5Object {
  /// Deflate makes at most 1,032 bytes of one, so what declares more than that has never been written.
  private static let maximumExpansion = 1100

  /// Bytes that a dataset may declare without storing any: HDF5 fills what was never written.
  private static let maximumUnwrittenByteCount = 64 << 20

  /// Check everything about this dataset before memory is allocated for it.
  ///
  /// - Throws: `unsupported` naming type, layout or filter; `formatError` if it is no dataset, is damaged, or declares more
  ///   than it can hold.
  func datasetForm() throws(MartletError) -> HDF5DatasetForm {
    guard H5Iget_type(handle.id) == H5I_DATASET else { throw error(.formatError, "is not a dataset") }
    let elementType = try elementType()
    let dimensions = try dimensions()
    let shape: Shape
    do {
      shape = try Shape(dimensions, of: "the dataset")
    } catch {
      throw self.error(.formatError, "declares \(Shape.describe(dimensions)) elements")
    }
    let isChunked = try checkStorage()
    let stored = Int(clamping: H5Dget_storage_size(handle.id))
    let declared = shape.elementCount * (try elementByteCount())
    let isPlausible =
      isChunked
      ? (declared - Self.maximumUnwrittenByteCount) / Self.maximumExpansion <= stored
      : stored == declared || stored == 0 && declared <= Self.maximumUnwrittenByteCount
    guard isPlausible else { throw error(.formatError, "declares \(declared) bytes but stores \(stored)") }
    return HDF5DatasetForm(dimensions: dimensions, elementType: elementType)
  }

  /// Read all elements.
  ///
  /// - Parameter destination: room for the form's elements in `type`.
  func read(into destination: UnsafeMutableRawPointer, as type: ElementType) throws(MartletError) {
    let all = hid_t(H5S_ALL)
    guard H5Dread(handle.id, type.nativeHDF5Type, all, all, hid_t(H5P_DEFAULT), destination) >= 0 else {
      throw damaged()
    }
  }

  /// Bytes of an element in the file.
  private func elementByteCount() throws(MartletError) -> Int {
    let type = try HDF5Handle(H5Dget_type(handle.id), damaged())
    return H5Tget_size(type.id)
  }

  private func dimensions() throws(MartletError) -> [Int] {
    let space = try HDF5Handle(H5Dget_space(handle.id), damaged())
    guard H5Sget_simple_extent_type(space.id) != H5S_NULL else { throw error(.formatError, "is empty") }
    let rank = H5Sget_simple_extent_ndims(space.id)
    guard rank >= 0 else { throw damaged() }
    guard rank <= Shape.maximumRank else {
      throw error(.unsupported, "has \(rank) dimensions; at most \(Shape.maximumRank) are supported")
    }
    var sizes = [hsize_t](repeating: 0, count: Int(rank))
    guard H5Sget_simple_extent_dims(space.id, &sizes, nil) >= 0 else { throw damaged() }
    return sizes.map { Int(clamping: $0) }
  }

  private func elementType() throws(MartletError) -> ElementType {
    let type = try HDF5Handle(H5Dget_type(handle.id), damaged())
    let size = H5Tget_size(type.id)
    switch H5Tget_class(type.id) {
    case H5T_INTEGER:
      let isSigned = H5Tget_sign(type.id) == H5T_SGN_2
      switch size {
      case 1: return isSigned ? .int32 : .uint8
      case 2: return .int32
      case 4: return isSigned ? .int32 : .int64
      case 8: return .int64
      default: throw error(.unsupported, "holds integers of \(size) bytes; 1, 2, 4 and 8 are supported")
      }
    case H5T_FLOAT:
      switch size {
      case 2, 4: return .float32
      case 8: return .float64
      default: throw error(.unsupported, "holds floats of \(size) bytes; 2, 4 and 8 are supported")
      }
    case let other: throw error(.unsupported, "holds \(Self.name(of: other)), not numbers")
    }
  }

  private static func name(of typeClass: H5T_class_t) -> String {
    switch typeClass {
    case H5T_TIME: "times"
    case H5T_STRING: "strings"
    case H5T_BITFIELD: "bit fields"
    case H5T_OPAQUE: "opaque bytes (such as bfloat16)"
    case H5T_COMPOUND: "compounds (such as complex numbers)"
    case H5T_REFERENCE: "references"
    case H5T_ENUM: "an enumeration (such as booleans)"
    case H5T_VLEN: "lists of variable length"
    case H5T_ARRAY: "arrays as elements"
    default: "an unknown type"
    }
  }

  /// Nothing outside this file, nothing computed, no filter that is not part of HDF5.
  ///
  /// - Returns: whether the data are in chunks.
  private func checkStorage() throws(MartletError) -> Bool {
    let creation = try HDF5Handle(H5Dget_create_plist(handle.id), damaged())
    let layout = H5Pget_layout(creation.id)
    switch layout {
    case H5D_COMPACT, H5D_CHUNKED: break
    case H5D_CONTIGUOUS:
      let externalCount = H5Pget_external_count(creation.id)
      guard externalCount >= 0 else { throw damaged() }
      guard externalCount == 0 else { throw error(.unsupported, "keeps its data in other files") }
    default: throw error(.unsupported, "is virtual or has an unknown layout")
    }
    let filterCount = H5Pget_nfilters(creation.id)
    guard filterCount >= 0 else { throw damaged() }
    let supported = [H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32, H5Z_FILTER_SZIP]
    for index in 0..<UInt32(filterCount) {
      var flags: UInt32 = 0
      var parameterCount = 0
      var configuration: UInt32 = 0
      let filter = H5Pget_filter2(creation.id, index, &flags, &parameterCount, nil, 0, nil, &configuration)
      guard filter >= 0 else { throw damaged() }
      guard supported.contains(filter) else {
        throw error(.unsupported, "uses filter \(filter); deflate, shuffle, fletcher32 and szip are supported")
      }
    }
    return layout == H5D_CHUNKED
  }

  private func damaged() -> MartletError {
    error(.formatError, "is damaged: \(HDF5Library.lastMessage())")
  }
}

extension ElementType {
  fileprivate var nativeHDF5Type: hid_t {
    switch self {
    case .uint8: chdf5_native_uint8()
    case .int32: chdf5_native_int32()
    case .int64: chdf5_native_int64()
    case .float32: chdf5_native_float()
    case .float64: chdf5_native_double()
    }
  }
}
