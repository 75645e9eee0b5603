// An array that C passes, checked: from here on its pointer, type and sizes can be relied on.

import CMartlet
import MartletCore
import MartletNN
import MartletTraining

/// A `martlet_array` with at least one row and one element per row. It borrows the caller's data and shape, and neither
/// making it nor comparing it allocates: training steps pass through here.
struct ArrayArgument {
  let name: String
  let data: UnsafeRawPointer
  let type: ElementType
  let rowCount: Int
  /// Elements of one row; their product with `rowCount` and an element's size cannot overflow.
  let rowElementCount: Int
  private let dimensions: UnsafeBufferPointer<Int64>

  /// - Throws: `invalidArgument`.
  init(_ pointer: UnsafePointer<martlet_array>?, _ name: String) throws(MartletError) {
    let array = try required(pointer, name).pointee
    guard (1...MARTLET_MAX_RANK).contains(array.rank) else {
      throw MartletError(
        .invalidArgument, "the rank of \(name) is \(array.rank); it must be 1 to \(MARTLET_MAX_RANK)")
    }
    dimensions = UnsafeBufferPointer(
      start: try required(array.shape, "the shape of \(name)"), count: Int(array.rank))
    type = try constant(
      array.type, "the type of \(name)", as: ElementType.self, "MARTLET_UINT8 to MARTLET_FLOAT64")
    self.name = name

    var elements = 1
    for dimension in dimensions {
      guard dimension >= 1 else {
        throw MartletError(
          .invalidArgument, "\(name) has shape \(dimensions.description); every dimension must be 1 or more")
      }
      let (product, overflow) = elements.multipliedReportingOverflow(by: Int(clamping: dimension))
      guard !overflow, product <= Shape.maximumElementCount else {
        throw MartletError(.invalidArgument, "\(name) has shape \(dimensions.description), which is too large")
      }
      elements = product
    }
    rowCount = Int(clamping: dimensions[0])
    rowElementCount = elements / rowCount

    guard let data = array.data else { throw MartletError(.invalidArgument, "the data of \(name) is NULL") }
    try checkAlignment(of: UInt(bitPattern: data), type.byteCount, "the data of \(name)")
    self.data = data
  }

  /// The arrays for the inputs of a model, one for each, all with the same number of rows.
  ///
  /// - Throws: `invalidArgument`.
  static func inputs(
    _ pointer: UnsafePointer<martlet_array>?, _ count: Int32, _ name: String, of model: Model
  ) throws(MartletError) -> [ArrayArgument] {
    let shapes = model.graph.inputShapes
    guard Int(count) == shapes.count else {
      throw MartletError(
        .invalidArgument,
        "\(name)_count is \(count); model '\(model.graph.name)' has \(shapes.count) "
          + (shapes.count == 1 ? "input" : "inputs"))
    }
    let first = try required(pointer, name)
    var arrays: [ArrayArgument] = []
    for (index, shape) in shapes.enumerated() {
      let array = try ArrayArgument(first + index, shapes.count == 1 ? name : "\(name)[\(index)]")
      try array.checkRows(shape, ofModel: model.graph.name)
      guard array.rowCount == arrays.first?.rowCount ?? array.rowCount else {
        throw MartletError(
          .invalidArgument,
          "\(array.name) has \(array.rowCount) rows and \(arrays[0].name) has \(arrays[0].rowCount)")
      }
      arrays.append(array)
    }
    return arrays
  }

  var byteCount: Int { rowCount * rowElementCount * type.byteCount }

  func hasRows(of shape: Shape) -> Bool {
    dimensions.dropFirst().elementsEqual(shape.dimensions.lazy.map(Int64.init))
  }

  /// - Throws: `invalidArgument` unless the rows have this shape, which is that of the input of model `model`.
  func checkRows(_ shape: Shape, ofModel model: String) throws(MartletError) {
    guard hasRows(of: shape) else {
      throw MartletError(
        .invalidArgument,
        "\(name) has shape \(dimensions.description); model '\(model)' expects \(shape.batchDescription)")
    }
  }

  /// The rows for a prediction.
  var inputRows: InputRows { InputRows(base: data, type: type.sourceType, elementByteCount: type.byteCount) }

  /// The rows for one call.
  var rows: RowArray { RowArray(base: data, type: type, shape: dimensions) }

  /// The rows for a dataset: where the caller has them, or in memory of our own.
  ///
  /// - Throws: `outOfMemory`.
  func source(isCopied: Bool) throws(MartletError) -> MemorySource {
    guard isCopied else {
      return MemorySource(borrowing: data, type: type, rowCount: rowCount, rowShape: try rowShape())
    }
    let storage = try TensorStorage(byteCount: byteCount, purpose: "a copy of \(name)")
    storage.base.copyMemory(from: data, byteCount: byteCount)
    return MemorySource(owning: storage, type: type, rowCount: rowCount, rowShape: try rowShape())
  }

  private func rowShape() throws(MartletError) -> Shape {
    try Shape(dimensions.dropFirst().map { Int(clamping: $0) }, of: name)
  }
}

extension UnsafeBufferPointer<Int64> {
  /// `[32, 784]`
  fileprivate var description: String { Shape.describe(map { Int(clamping: $0) }) }
}
