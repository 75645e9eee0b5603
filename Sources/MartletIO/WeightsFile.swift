// The weights of a model in a file without the model: the files of Keras' `save_weights`, in the layout of Keras 1 and
// 2 (`w.h5`) or of Keras 3 (`w.weights.h5`). Weights are read from the files of whole models too.

import MartletCore
import MartletNN

package enum WeightsFile {
  /// The ending by which Keras 3 chooses its own layout.
  private static let kerasEnding = ".weights.h5"

  /// Replace a model's weights by those of a file: all that belong to the model, or none.
  ///
  /// - Parameters:
  ///   - byName: whether layers are found by their name, and those that are not found keep their weights; otherwise by
  ///     their order, and all must be found.
  ///   - skipMismatch: whether layers whose weights have other shapes, or another number of them, keep theirs.
  /// - Throws: `notFound`, `ioError`, `formatError`, `unsupported`, `outOfMemory`, naming the file and what does not
  ///   fit.
  package static func load(
    path: String, into model: Model, byName: Bool, skipMismatch: Bool
  ) throws(MartletError) {
    let (values, layers) = try HDF5Library.exclusively {
      () throws(MartletError) -> (TensorStorage, layers: [Int]) in
      let stored = try StoredWeights(try HDF5File(path: path).root())
      let graph = model.graph
      var groups: [(layer: Int, group: String)] = []
      for entry in try byName ? stored.groupsByName(graph) : stored.groupsByOrder(graph) {
        do throws(MartletError) {
          try stored.weights(entry.group).check(graph.layers[entry.layer])
        } catch {
          guard skipMismatch else { throw error }
          continue
        }
        groups.append(entry)
      }
      let values = try TensorStorage(
        count: model.layout.count, of: Float.self, purpose: "the weights of '\(path)' beside those of the model")
      for (layer, group) in groups {
        let parameters = model.layout.parameters[model.layout.range(ofLayer: layer)]
        try stored.weights(group).read(parameters, into: values.pointer(as: Float.self))
      }
      return (values, groups.map(\.layer))
    }
    withExtendedLifetime(values) {
      for layer in layers {
        for parameter in model.layout.parameters[model.layout.range(ofLayer: layer)] {
          let source = values.pointer(as: Float.self) + parameter.offset
          (model.values + parameter.offset).update(from: source, count: parameter.count)
        }
      }
    }
  }

  /// Write the weights of a model: in Keras 3's layout if the name ends as Keras 3 wants it, otherwise in Keras 2's.
  ///
  /// - Throws: `notFound` (no such folder), `ioError`, `outOfMemory`.
  package static func save(_ model: Model, path: String) throws(MartletError) {
    let image = try HDF5Library.exclusively { () throws(MartletError) in
      try HDF5Writer.image { root throws(MartletError) in
        if path.hasSuffix(kerasEnding) {
          try writeNumbered(model, to: root)
        } else {
          try writeNamed(model, to: root)
        }
      }
    }
    defer { withExtendedLifetime(image.storage) {} }
    try AtomicFile.replace(path, with: UnsafeRawBufferPointer(start: image.storage.base, count: image.byteCount))
  }

  /// The groups of Keras 2, which are in the file of a whole model as well.
  static func writeNamed(_ model: Model, to group: borrowing HDF5Writer) throws(MartletError) {
    let graph = model.graph
    // A Sequential model of Keras does not count its input layer.
    let indices = graph.kerasLayerOrder.filter { !(graph.isChain && graph.layers[$0].layer is InputLayer) }
    try group.attribute("keras_version", ModelFile.kerasVersion)
    try group.attribute("backend", ModelFile.kerasBackend)
    try group.attribute("layer_names", indices.map { graph.layers[$0].name })
    for index in indices {
      let name = graph.layers[index].name
      let parameters = model.layout.parameters[model.layout.range(ofLayer: index)]
      let layer = try group.group(name)
      try layer.attribute("weight_names", parameters.map { "\(name)/\($0.name):0" })
      guard !parameters.isEmpty else { continue }
      let arrays = try layer.group(name)
      for parameter in parameters {
        try arrays.dataset("\(parameter.name):0", parameter.shape.dimensions, model.values + parameter.offset)
      }
    }
  }

  /// The groups of Keras 3. It needs those with variables only.
  private static func writeNumbered(_ model: Model, to root: borrowing HDF5Writer) throws(MartletError) {
    let names = model.graph.kerasGroupNames
    let layers = try root.group("layers")
    for index in model.graph.kerasLayerOrder where !model.graph.layers[index].weights.isEmpty {
      let variables = try layers.group(names[index]).group("vars")
      try variables.attribute("name", model.graph.layers[index].name)
      for (number, parameter) in model.layout.parameters[model.layout.range(ofLayer: index)].enumerated() {
        try variables.dataset(String(number), parameter.shape.dimensions, model.values + parameter.offset)
      }
    }
    _ = try root.group("vars")
  }
}
