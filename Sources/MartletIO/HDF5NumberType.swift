// Which number types of a file are read: integers and IEEE floats as processors have them, in either byte order. HDF5
// could hold others (odd widths, other places of the exponent); a damaged file can name any, and HDF5 believes it.

import CHDF5
import MartletCore

enum HDF5NumberType: Equatable {
  case integer(byteCount: Int, isSigned: Bool)
  case float(byteCount: Int)

  /// Nil for anything else.
  init?(_ type: borrowing HDF5Handle) {
    let byteCount = H5Tget_size(type.id)
    let order = H5Tget_order(type.id)
    guard order == H5T_ORDER_LE || order == H5T_ORDER_BE, H5Tget_offset(type.id) == 0,
      H5Tget_precision(type.id) == 8 * byteCount
    else { return nil }
    switch (H5Tget_class(type.id), byteCount) {
    case (H5T_INTEGER, 1), (H5T_INTEGER, 2), (H5T_INTEGER, 4), (H5T_INTEGER, 8):
      self = .integer(byteCount: byteCount, isSigned: H5Tget_sign(type.id) == H5T_SGN_2)
    case (H5T_FLOAT, 2) where HDF5NumberType.isIEEE(type, exponent: 5, mantissa: 10),
      (H5T_FLOAT, 4) where HDF5NumberType.isIEEE(type, exponent: 8, mantissa: 23),
      (H5T_FLOAT, 8) where HDF5NumberType.isIEEE(type, exponent: 11, mantissa: 52):
      self = .float(byteCount: byteCount)
    default: return nil
    }
  }

  /// Sign, exponent and mantissa from the top bit down, without gaps.
  private static func isIEEE(_ type: borrowing HDF5Handle, exponent: Int, mantissa: Int) -> Bool {
    var (sign, exponentStart, exponentSize, mantissaStart, mantissaSize) = (0, 0, 0, 0, 0)
    return H5Tget_fields(type.id, &sign, &exponentStart, &exponentSize, &mantissaStart, &mantissaSize) >= 0
      && (sign, exponentStart, exponentSize, mantissaStart, mantissaSize)
        == (mantissa + exponent, mantissa, exponent, 0, mantissa)
      && H5Tget_ebias(type.id) == 1 << (exponent - 1) - 1 && H5Tget_norm(type.id) == H5T_NORM_IMPLIED
  }

  var byteCount: Int {
    switch self {
    case .integer(let byteCount, _), .float(let byteCount): byteCount
    }
  }

  /// The smallest of our types that holds all values.
  var elementType: ElementType {
    switch self {
    case .integer(1, false): .uint8
    case .integer(1, true), .integer(2, _), .integer(4, true): .int32
    case .integer: .int64
    case .float(8): .float64
    case .float: .float32
    }
  }

  /// How a message calls a type that is none of these.
  static func describe(_ type: borrowing HDF5Handle) -> String {
    switch H5Tget_class(type.id) {
    case H5T_INTEGER: "integers of \(H5Tget_size(type.id)) bytes in an unusual form"
    case H5T_FLOAT: "floats of \(H5Tget_size(type.id)) bytes in an unusual form"
    case H5T_TIME: "times"
    case H5T_STRING: "text"
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
}
