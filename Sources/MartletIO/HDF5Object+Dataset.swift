// Datasets: what they hold, whether they may be read, and reading all of one into memory.

import CHDF5
import MartletCore

/// Shape and type of a dataset that has passed all checks.
struct HDF5DatasetForm {
  let shape: Shape
  let elementType: ElementType
}

extension HDF5Object {
  /// Deflate makes at most 1,032 bytes of one, so what declares more than that has never been written.
  private static let maximumExpansion = 1100

  /// Bytes that a dataset may declare without storing any: HDF5 fills what was never written.
  private static let maximumUnwrittenByteCount = 64 << 20

  /// Check everything about this dataset before memory is allocated for it.
  ///
  /// - Throws: `unsupported` naming type, layout or filter; `formatError` if it is no dataset, is damaged, or declares
  ///   more than it can hold.
  func datasetForm() throws(MartletError) -> HDF5DatasetForm {
    guard H5Iget_type(handle.id) == H5I_DATASET else { throw error(.formatError, "is not a dataset") }
    let type = try HDF5Handle(H5Dget_type(handle.id), damaged())
    guard let numberType = HDF5NumberType(type) else {
      throw error(
        .unsupported, "holds \(HDF5NumberType.describe(type)); integers and floats of 8 to 64 bits are supported")
    }
    let shape = try shape()
    try checkStorage(declared: shape.elementCount * numberType.byteCount)
    return HDF5DatasetForm(shape: shape, elementType: numberType.elementType)
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

  private func shape() throws(MartletError) -> Shape {
    let space = try HDF5Handle(H5Dget_space(handle.id), damaged())
    guard H5Sget_simple_extent_type(space.id) != H5S_NULL else { throw error(.formatError, "is empty") }
    let rank = H5Sget_simple_extent_ndims(space.id)
    guard rank >= 0 else { throw damaged() }
    guard rank <= Shape.maximumRank else {
      throw error(.unsupported, "has \(rank) dimensions; at most \(Shape.maximumRank) are supported")
    }
    var sizes = [hsize_t](repeating: 0, count: Int(rank))
    guard H5Sget_simple_extent_dims(space.id, &sizes, nil) >= 0 else { throw damaged() }
    let dimensions = sizes.map { Int(clamping: $0) }
    do {
      return try Shape(dimensions, of: "the dataset")
    } catch {
      throw self.error(.formatError, "declares the shape \(Shape.describe(dimensions))")
    }
  }

  /// Everything is in this file, nothing is computed, there is as much as declared, and no filter that HDF5 does not
  /// have.
  private func checkStorage(declared: Int) throws(MartletError) {
    let creation = try HDF5Handle(H5Dget_create_plist(handle.id), damaged())
    let layout = H5Pget_layout(creation.id)
    let stored = Int(clamping: H5Dget_storage_size(handle.id))
    let isPlausible: Bool
    switch layout {
    case H5D_COMPACT: isPlausible = stored == declared
    case H5D_CONTIGUOUS:
      let externalCount = H5Pget_external_count(creation.id)
      guard externalCount >= 0 else { throw damaged() }
      guard externalCount == 0 else { throw error(.unsupported, "keeps its data in external files") }
      let isWritten = H5Dget_offset(handle.id) != haddr_t.max
      isPlausible = isWritten ? stored == declared : declared <= Self.maximumUnwrittenByteCount
    case H5D_CHUNKED:
      isPlausible = (declared - Self.maximumUnwrittenByteCount) / Self.maximumExpansion <= stored
    default: throw error(.unsupported, "is virtual or has an unknown layout")
    }
    guard isPlausible else { throw error(.formatError, "declares \(declared) bytes but stores \(stored)") }
    try checkFilters(creation)
  }

  private func checkFilters(_ creation: borrowing HDF5Handle) throws(MartletError) {
    let count = H5Pget_nfilters(creation.id)
    guard count >= 0 else { throw damaged() }
    for index in 0..<UInt32(count) {
      var flags: UInt32 = 0
      var parameterCount = 0
      var configuration: UInt32 = 0
      let filter = H5Pget_filter2(creation.id, index, &flags, &parameterCount, nil, 0, nil, &configuration)
      guard filter >= 0 else { throw damaged() }
      guard HDF5FilterPipeline.supported.contains(filter) else {
        throw error(.unsupported, "uses filter \(filter); deflate, shuffle, fletcher32 and szip are supported")
      }
    }
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
