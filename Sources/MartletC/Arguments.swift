// What C passes, checked and converted: pointers, numbers, strings, options. Arrays are in ArrayArgument.swift. Every
// message begins with the argument's name in martlet.h.

import MartletCore

/// Bytes a string may have without its NUL: more than a path or a name can have, so that a string whose end is missing
/// is not read for ever.
private let maximumStringLength = 4096

/// Bytes an options struct may have: far more than any version of the library will, so that a `struct_size` that was
/// never set is found before it is believed.
private let maximumStructSize = 4096

// MARK: Pointers
//
// Names are made only for a message: steps, which allocate nothing, pass through here.

/// - Throws: `invalidArgument` if the pointer is NULL or not aligned to its type.
func required<Pointee>(
  _ pointer: UnsafePointer<Pointee>?, _ name: @autoclosure () -> String
) throws(MartletError) -> UnsafePointer<Pointee> {
  guard let pointer else { throw MartletError(.invalidArgument, "\(name()) is NULL") }
  try checkAlignment(of: UInt(bitPattern: pointer), MemoryLayout<Pointee>.alignment, name())
  return pointer
}

/// - Throws: `invalidArgument` if the pointer is NULL or not aligned to its type.
func required<Pointee>(
  _ pointer: UnsafeMutablePointer<Pointee>?, _ name: @autoclosure () -> String
) throws(MartletError) -> UnsafeMutablePointer<Pointee> {
  guard let pointer else { throw MartletError(.invalidArgument, "\(name()) is NULL") }
  try checkAlignment(of: UInt(bitPattern: pointer), MemoryLayout<Pointee>.alignment, name())
  return pointer
}

/// - Throws: `invalidArgument` unless the address is a multiple of `alignment`.
func checkAlignment(
  of address: UInt, _ alignment: Int, _ name: @autoclosure () -> String
) throws(MartletError) {
  guard address % UInt(alignment) == 0 else {
    throw MartletError(.invalidArgument, "\(name()) is not aligned to \(alignment) bytes, as its type must be")
  }
}

// MARK: Numbers

/// - Throws: `invalidArgument` if the number is less than `minimum`.
func count(_ value: Int64, _ name: String, minimum: Int) throws(MartletError) -> Int {
  guard let count = Int(exactly: value), count >= minimum else {
    throw MartletError(.invalidArgument, "\(name) is \(value); it must be \(minimum) or more")
  }
  return count
}

/// An index into what the handle has `count` of.
///
/// - Throws: `invalidArgument` unless 0 <= index < count.
func checkedIndex(_ value: Int64, _ name: String, count: Int, of things: String) throws(MartletError) -> Int {
  guard let index = Int(exactly: value), index >= 0, index < count else {
    throw MartletError(.invalidArgument, "\(name) is \(value); there are \(count) \(things), counted from 0")
  }
  return index
}

/// - Throws: `invalidArgument` unless the number is 0 or 1.
func flag(_ value: Int32, _ name: String) throws(MartletError) -> Bool {
  guard value == 0 || value == 1 else {
    throw MartletError(.invalidArgument, "\(name) is \(value); it must be 0 or 1")
  }
  return value == 1
}

/// - Throws: `invalidArgument` for NaN and infinities, and below `minimum`.
func finite<Number: BinaryFloatingPoint & CustomStringConvertible>(
  _ value: Number, _ name: String, minimum: Number? = nil
) throws(MartletError) -> Number {
  guard value.isFinite, minimum.map({ value >= $0 }) ?? true else {
    throw MartletError(
      .invalidArgument, "\(name) is \(value); it must be finite" + (minimum.map { " and >= \($0)" } ?? ""))
  }
  return value
}

/// A double that is computed with as a float, where 1e300 would be infinite.
func finiteFloat(_ value: Double, _ name: String) throws(MartletError) -> Float {
  guard Float(value).isFinite else {
    throw MartletError(.invalidArgument, "\(name) is \(value); it must be finite as a 32-bit float")
  }
  return Float(value)
}

/// One of the constants of the header.
///
/// - Throws: `invalidArgument` if it is none of them; `prefix` names the family.
func constant<Constant: RawRepresentable<Int32>>(
  _ value: Int32, _ name: @autoclosure () -> String, as: Constant.Type, _ family: String
) throws(MartletError) -> Constant {
  guard let constant = Constant(rawValue: value) else {
    throw MartletError(.invalidArgument, "\(name()) is \(value), which is none of \(family)")
  }
  return constant
}

/// - Throws: `invalidArgument` naming the first value that is not finite.
func checkFinite(_ values: UnsafePointer<Float>, _ name: String, count: Int) throws(MartletError) {
  guard !Engine.kernels.allFinite(values, count) else { return }
  for index in 0..<count {
    _ = try finite(values[index], "\(name)[\(index)]")
  }
}

// MARK: Strings

/// - Throws: `invalidArgument` if the string is NULL, too long or not UTF-8.
func string(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(MartletError) -> String {
  guard let string = try optionalString(pointer, name) else {
    throw MartletError(.invalidArgument, "\(name) is NULL")
  }
  return string
}

/// The name of a file, or of something in one.
///
/// - Throws: `invalidArgument` also if the string is empty.
func nonEmptyString(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(MartletError) -> String {
  let string = try string(pointer, name)
  guard !string.isEmpty else { throw MartletError(.invalidArgument, "\(name) is empty") }
  return string
}

/// nil for NULL.
///
/// - Throws: `invalidArgument` if the string is too long or not UTF-8.
func optionalString(
  _ pointer: UnsafePointer<CChar>?, _ name: String, maximumLength: Int = maximumStringLength
) throws(MartletError) -> String? {
  guard let pointer else { return nil }
  var length = 0
  while pointer[length] != 0 {
    length += 1
    guard length <= maximumLength else {
      throw MartletError(.invalidArgument, "\(name) has more than \(maximumLength) bytes")
    }
  }
  let bytes = UnsafeRawBufferPointer(start: pointer, count: length)
  guard let string = String(validating: bytes, as: UTF8.self) else {
    throw MartletError(.invalidArgument, "\(name) is not UTF-8")
  }
  return string
}

/// A text that may be longer than a name.
///
/// - Throws: `invalidArgument` if the text is NULL, too long or not UTF-8.
func longText(
  _ pointer: UnsafePointer<CChar>?, _ name: String, maximumLength: Int
) throws(MartletError) -> String {
  guard let text = try optionalString(pointer, name, maximumLength: maximumLength) else {
    throw MartletError(.invalidArgument, "\(name) is NULL")
  }
  return text
}

/// The class names of a model or a dataset.
///
/// - Throws: `invalidArgument`, naming the element.
func classNames(
  _ names: UnsafePointer<UnsafePointer<CChar>?>?, count: Int
) throws(MartletError) -> [String] {
  guard count > 0 else { return [] }
  guard count <= maximumClassCount else {
    throw MartletError(.unsupported, "count is \(count); at most \(maximumClassCount) class names are supported")
  }
  let names = try required(names, "names")
  var result: [String] = []
  for index in 0..<count {
    let name = try string(names[index], "names[\(index)]")
    guard name.utf8.count <= maximumClassNameLength else {
      throw MartletError(
        .invalidArgument, "names[\(index)] has \(name.utf8.count) bytes; at most \(maximumClassNameLength) are allowed")
    }
    result.append(name)
  }
  return result
}

private let maximumClassNameLength = 255
/// Names are Swift strings, whose memory is not checked: so there are not too many.
private let maximumClassCount = 1 << 20

// MARK: Results

/// Where C wants a shape: a rank, and room for `MARTLET_MAX_RANK` dimensions.
struct ShapeResult {
  private let rank: UnsafeMutablePointer<Int32>
  private let dimensions: UnsafeMutablePointer<Int64>

  /// - Throws: `invalidArgument` if a pointer is NULL.
  init(_ out_rank: UnsafeMutablePointer<Int32>?, _ out_shape: UnsafeMutablePointer<Int64>?) throws(MartletError) {
    rank = try required(out_rank, "out_rank")
    dimensions = try required(out_shape, "out_shape")
  }

  func write(_ shape: Shape) {
    rank.pointee = Int32(clamping: shape.rank)
    ShapeResult.write(shape, to: dimensions)
  }

  /// - Precondition: the shape is that of a row, so its rank is below `MARTLET_MAX_RANK`, or that of a weight.
  static func write(_ shape: Shape, to dimensions: UnsafeMutablePointer<Int64>) {
    for (index, dimension) in shape.dimensions.prefix(Shape.maximumRank).enumerated() {
      dimensions[index] = Int64(dimension)
    }
  }
}

// MARK: Structs that grow

/// The options a caller passes; nil for NULL, which means the defaults.
///
/// - Throws: what `structure` throws.
func options<Options>(_ pointer: UnsafePointer<Options>?, _ type: String) throws(MartletError) -> Options? {
  guard let pointer else { return nil }
  return try structure(pointer, type, "options")
}

/// A struct a caller passes, which may be of a later version of the header than this library's. Members that this
/// version does not know must then be zero: that is their default in the version that adds them, while a value would be
/// silently ignored.
///
/// - Throws: `invalidArgument` if `struct_size` is below that of this version or implausible, or unknown members are
///   set.
func structure<Struct>(
  _ pointer: UnsafePointer<Struct>, _ type: String, _ name: String
) throws(MartletError) -> Struct {
  let pointer = try required(pointer, name)
  let size = Int(UnsafeRawPointer(pointer).load(as: UInt32.self))
  let known = MemoryLayout<Struct>.size
  guard size >= known, size <= maximumStructSize else {
    throw MartletError(
      .invalidArgument,
      "\(name) has struct_size \(size); it must be sizeof(\(type)), \(known): start from the initialiser in martlet.h")
  }
  guard UnsafeRawBufferPointer(start: pointer, count: size)[known...].allSatisfy({ $0 == 0 }) else {
    throw MartletError(
      .invalidArgument,
      "\(name) has struct_size \(size) and members set that this version of the library does not know (\(type) has "
        + "\(known) bytes)")
  }
  return pointer.pointee
}

/// Fills a caller's struct, which may be of an earlier or a later version of the header: as many bytes as it says it
/// has and the library knows. Its `struct_size` then says how many those are.
///
/// - Throws: `invalidArgument` if its `struct_size` is implausible.
func fill<Struct>(
  _ result: UnsafeMutablePointer<Struct>, _ name: String, with value: Struct
) throws(MartletError) {
  let bytes = UnsafeMutableRawPointer(result)
  let size = Int(bytes.load(as: UInt32.self))
  let smallest = 2 * MemoryLayout<UInt32>.size
  guard size >= smallest, size <= maximumStructSize else {
    throw MartletError(
      .invalidArgument, "\(name) has struct_size \(size); set it to the size of the struct before the call")
  }
  let filled = min(size, MemoryLayout<Struct>.size)
  withUnsafeBytes(of: value) { bytes.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(bytes), byteCount: filled) }
  bytes.storeBytes(of: UInt32(filled), as: UInt32.self)
}
