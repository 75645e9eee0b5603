// The weights of a model in a file without the model: the files of Keras' `save_weights`, in the layout of Keras 1 and
// 2 (`w.h5`) or of Keras 3 (`w.weights.h5`). Weights are read from the files of whole models too, `.keras` among them.

import MartletCore
import MartletNN

package enum WeightsFile {
  /// The ending by which Keras 3 chooses its own layout.
  private static let kerasEnding = ".weights.h5"

  /// Weights of a file that belong to a model.
  package struct Content {
    fileprivate let values: TensorStorage
    fileprivate let layers: [Int]
    /// Layers whose weights those of the file do not fit, and why.
    package fileprivate(set) var skipped: [(layer: Int, reason: String)] = []

    package func replaceWeights(of model: Model) {
      withExtendedLifetime(values) {
        for layer in layers {
          for parameter in model.layout.parameters[model.layout.range(ofLayer: layer)] {
            let source = values.pointer(as: Float.self) + parameter.offset
            (model.valuesToChange() + parameter.offset).update(from: source, count: parameter.count)
          }
        }
      }
    }
  }

  /// Read all weights of a file that belong to a model, and change nothing yet.
  ///
  /// - Parameters:
  ///   - byName: whether layers are found by their name, and those that are not found keep their weights; otherwise by
  ///     their order, and all must be found.
  ///   - skipMismatch: whether layers whose weights have other shapes, or another number of them, are left out.
  /// - Throws: `notFound`, `ioError`, `formatError`, `unsupported`, `outOfMemory`, naming the file and what does not
  ///   fit.
  package static func read(
    path: String, for model: Model, byName: Bool, skipMismatch: Bool
  ) throws(MartletError) -> Content {
    try HDF5Library.exclusively { () throws(MartletError) -> Content in
      let stored = try StoredWeights(try HDF5File.ofWeights(path: path).root())
      let graph = model.graph
      var places: [StoredWeights.Place] = []
      var skipped: [(layer: Int, reason: String)] = []
      for place in try byName ? stored.placesByName(graph) : stored.placesByOrder(graph) {
        do throws(MartletError) {
          try stored.weights(place).check(graph.layers[place.layer])
        } catch {
          guard skipMismatch, error.code == .formatError else { throw error }
          skipped.append((place.layer, error.message))
          continue
        }
        places.append(place)
      }
      let values = try TensorStorage(
        count: model.layout.count, of: Float.self, purpose: "the weights of '\(path)' beside those of the model")
      for place in places {
        let parameters = model.layout.parameters[model.layout.range(ofLayer: place.layer)]
        try stored.weights(place).read(parameters, into: values.pointer(as: Float.self))
      }
      return Content(values: values, layers: places.map(\.layer), skipped: skipped)
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
    var names: [String] = []
    var arrays: [[(layer: Int, weight: Int)]] = []
    for member in graph.kerasMembers {
      switch member {
      case .layer(let index):
        let layer = graph.layers[index]
        // A Sequential model of Keras does not count its input layer.
        if graph.className == "Sequential", layer.layer is InputLayer { continue }
        names.append(layer.name)
        arrays.append(layer.weights.indices.map { (index, $0) })
      case .submodel(let index):
        let (part, layers) = graph.graph(ofSubmodel: index)
        names.append(part.name)
        arrays.append(part.kerasWeightOrder.map { (layers[$0.layer], $0.weight) })
      }
    }
    try group.attribute("keras_version", ModelFile.kerasVersion)
    try group.attribute("backend", ModelFile.kerasBackend)
    try group.attribute("layer_names", names)
    for (name, arrays) in zip(names, arrays) {
      let member = try group.group(name)
      /// Those of a submodel are named without its own name.
      func path(_ place: (layer: Int, weight: Int)) -> String {
        let layer = graph.layers[place.layer]
        let inside = layer.name == name ? name : String(layer.name.dropFirst(name.count + 1))
        return "\(inside)/\(layer.weights[place.weight].name):0"
      }
      try member.attribute("weight_names", arrays.map(path))
      for place in arrays {
        let parameter = model.layout.parameters[model.layout.range(ofLayer: place.layer).lowerBound + place.weight]
        try member.dataset(path(place), parameter.shape.dimensions, model.values + parameter.offset)
      }
    }
  }

  /// The groups of Keras 3. It needs those with variables only.
  private static func writeNumbered(_ model: Model, to root: borrowing HDF5Writer) throws(MartletError) {
    let names = model.graph.kerasGroupNames
    let layers = try root.group("layers")
    for index in model.graph.kerasLayerOrder where !model.graph.layers[index].weights.isEmpty {
      let variables = try layers.group(names[index]).group("vars")
      try variables.attribute("name", Submodel.name(model.graph.layers[index].name))
      for (number, parameter) in model.layout.parameters[model.layout.range(ofLayer: index)].enumerated() {
        try variables.dataset(String(number), parameter.shape.dimensions, model.values + parameter.offset)
      }
    }
    _ = try root.group("vars")
  }
}
