// The arrays of one layer in a Keras file: in Keras 1 and 2 a group with an attribute `weight_names` and the datasets
// it names, in Keras 3 a group `vars` of datasets `0`, `1`, ... Arrays are found by name, or by their place where names
// say nothing (`dense_1_W`, `0`).

import MartletCore
import MartletNN

struct KerasWeights: ~Copyable {
  private let group: HDF5Object
  let names: [String]

  /// - Parameter names: those of the layer among the arrays of the group; nil for all.
  /// - Throws: `formatError` naming the file if there is no such group.
  init(_ layer: String, in weights: borrowing HDF5Object, names chosen: [String]? = nil) throws(MartletError) {
    guard let group = try weights.object(at: layer), group.isGroup else {
      throw weights.error(.formatError, "has no weights of layer '\(layer)'; \(weights.contents())")
    }
    if let chosen {
      names = chosen
    } else if let names = try group.strings("weight_names") {
      self.names = names
    } else {
      throw group.error(.formatError, "has no attribute 'weight_names'")
    }
    self.group = group
  }

  /// - Parameter variables: a group of datasets with numbers as names.
  init(variables: consuming HDF5Object) throws(MartletError) {
    names = try variables.childNames(limit: Self.maximumVariableCount).indices.map { String($0) }
    group = variables
  }

  /// Arrays of a layer of Keras 3: layers have a handful.
  private static let maximumVariableCount = 1024

  var isEmpty: Bool { names.isEmpty }

  /// - Throws: `formatError` naming the array if one is missing or its shape differs.
  func check(_ layer: GraphLayer) throws(MartletError) {
    guard names.count == layer.weights.count else {
      throw group.error(
        .formatError,
        "holds \(names.count) weights (\(quotedList(names))); layer '\(layer.name)' has \(layer.weights.count) "
          + "(\(quotedList(layer.weights.map(\.name))))")
    }
    for (index, weight) in layer.weights.enumerated() {
      let array = try array(weight.name, index, of: layer.weights.count)
      let shape = try array.datasetForm().shape
      guard shape == weight.shape else {
        throw array.error(
          .formatError,
          "has shape \(shape); expected \(weight.shape), that of '\(weight.name)' of layer '\(layer.name)'")
      }
    }
  }

  /// Read arrays that have passed `check`.
  func read(_ parameters: ArraySlice<Parameter>, into values: UnsafeMutablePointer<Float>) throws(MartletError) {
    for (index, parameter) in parameters.enumerated() {
      let array = try array(parameter.name, index, of: parameters.count)
      let destination = values + parameter.offset
      try array.read(into: destination, as: .float32)
      try check(UnsafeBufferPointer(start: destination, count: parameter.count), array)
    }
  }

  /// The arrays of a Normalization layer.
  ///
  /// - Parameter layer: its path: those of a layer in a submodel are among the submodel's.
  static func ofStatistics(_ layer: String, in weights: borrowing HDF5Object) throws(MartletError) -> KerasWeights {
    guard let end = layer.firstIndex(of: "/") else { return try KerasWeights(layer, in: weights) }
    let submodel = String(layer[..<end])
    let ending = "\(Submodel.name(layer))/"
    let names = try KerasWeights(submodel, in: weights).names.filter { name in
      let place = Submodel.place(name)
      return place == ending || place.hasSuffix("/" + ending)
    }
    return try KerasWeights(submodel, in: weights, names: names)
  }

  /// The statistics of a Normalization layer, which also has a `count`.
  func statistics() throws(MartletError) -> KerasStatistics {
    (try smallArray("mean", 0), try smallArray("variance", 1))
  }

  private func smallArray(_ name: String, _ index: Int) throws(MartletError) -> [Float] {
    let array = try array(name, index, of: 3)
    let count = try array.datasetForm().shape.elementCount
    guard count <= Normalization.maximumCount else {
      throw array.error(.unsupported, "has \(count) elements; at most \(Normalization.maximumCount) are supported")
    }
    let storage = try TensorStorage(count: count, of: Float.self, purpose: "the \(name) of a Normalization layer")
    defer { withExtendedLifetime(storage) {} }
    try array.read(into: storage.base, as: .float32)
    let values = UnsafeBufferPointer(start: storage.pointer(as: Float.self), count: count)
    try check(values, array)
    return Array(values)
  }

  private func array(_ name: String, _ index: Int, of count: Int) throws(MartletError) -> HDF5Object {
    let path: String
    if let named = names.first(where: { KerasWeights.baseName($0) == name }) {
      path = named
    } else if names.count == count {
      path = names[index]
    } else {
      throw group.error(.formatError, "has no weight '\(name)' among the \(names.count) it lists: \(quotedList(names))")
    }
    guard let array = try group.object(at: path) else {
      throw group.error(.formatError, "lists the weight '\(path)' but does not hold it; \(group.contents())")
    }
    return array
  }

  /// `kernel` of `sequential/dense/kernel:0`.
  private static func baseName(_ path: String) -> String { withoutNumber(Submodel.name(path)) }

  /// `dense/kernel` of `dense/kernel:0`.
  static func withoutNumber(_ name: String) -> String { String(name.prefix { $0 != ":" }) }

  private func check(
    _ values: UnsafeBufferPointer<Float>, _ array: borrowing HDF5Object
  ) throws(MartletError) {
    // A sum is finite, or not, with its terms: x * 0 is NaN for infinities and NaN.
    var sum: Float = 0
    for value in values { sum += value * 0 }
    guard sum == 0 else { throw array.error(.formatError, "holds NaN or infinite weights") }
  }
}
