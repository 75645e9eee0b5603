// A graph with weights.

import MartletCore

/// Weights may be changed by one thread at a time, and read by many while none changes them; the border sees to that.
package final class Model: @unchecked Sendable {
  package private(set) var graph: Graph
  package private(set) var layout: ParameterLayout
  /// Counts the changes of what is trained: plans of another revision are out of date.
  package private(set) var revision = 0
  package let seed: UInt64

  /// What labels 0, 1, … stand for; empty if not known.
  package var classNames: [String] = []

  /// What the file that the model came from says about its training: Keras' `training_config`; empty if nothing.
  package var trainingConfiguration = ""

  private let storage: TensorStorage

  /// A model with freshly initialised weights.
  ///
  /// - Parameter kept: for some layers, the layer of another model whose weights, of the same shapes, they start with.
  /// - Throws: `outOfMemory`.
  package init(
    graph: Graph, seed: UInt64, keeping kept: [Int: (model: Model, layer: Int)] = [:]
  ) throws(MartletError) {
    self.graph = graph
    self.seed = seed
    layout = try ParameterLayout(graph)
    storage = try TensorStorage(count: layout.count, of: Float.self, purpose: "the weights of model '\(graph.name)'")
    let values = storage.pointer(as: Float.self)
    for (index, parameter) in layout.parameters.enumerated() {
      if let (other, layer) = kept[parameter.layer] {
        let position = index - layout.range(ofLayer: parameter.layer).lowerBound
        let source = other.layout.parameters[other.layout.range(ofLayer: layer).lowerBound + position]
        (values + parameter.offset).update(from: other.values + source.offset, count: parameter.count)
        continue
      }
      let weight = parameter.specification
      try weight.initializer.fill(
        values + parameter.offset, weight.shape, source: RandomSource(seed: seed, stream: UInt64(index)))
    }
  }

  /// Have the weights of some layers trained, or left as they are.
  ///
  /// - Throws: `outOfMemory`, and nothing is changed.
  package func setTrainable(_ isTrainable: Bool, layers: [Int]) throws(MartletError) {
    let changed = graph.settingTrainable(isTrainable, layers: Set(layers))
    layout = try ParameterLayout(changed)
    graph = changed
    revision += 1
  }

  /// The flat array of all weights; see `layout`.
  package var values: UnsafePointer<Float> { UnsafePointer(storage.pointer(as: Float.self)) }

  /// Counts the times that weights were about to change: what was made of them before is out of date.
  package private(set) var changeCount = 0

  /// The weights to be written now. Whoever keeps the pointer calls this again before each time that it writes.
  @discardableResult
  package func valuesToChange() -> UnsafeMutablePointer<Float> {
    changeCount += 1
    return storage.pointer(as: Float.self)
  }

  /// The index of a weight array.
  ///
  /// - Throws: `notFound`, naming what there is.
  package func parameterIndex(layer: String, weight: String) throws(MartletError) -> Int {
    let layerIndex = try self.layerIndex(named: layer)
    let range = layout.range(ofLayer: layerIndex)
    guard let index = range.first(where: { layout.parameters[$0].name == weight }) else {
      let names = range.map { "'\(layout.parameters[$0].name)'" }.joined(separator: ", ")
      throw MartletError(
        .notFound, "layer '\(layer)' has no weight '\(weight)'; it has \(names.isEmpty ? "none" : names)")
    }
    return index
  }

  /// The layer of that name, or those of the submodel.
  ///
  /// - Throws: `notFound`.
  package func layerIndices(named name: String) throws(MartletError) -> [Int] {
    if graph.submodelIndex(named: name) != nil { return graph.layers(inSubmodel: name) }
    return [try layerIndex(named: name)]
  }

  /// - Throws: `notFound`.
  package func layerIndex(named name: String) throws(MartletError) -> Int {
    guard graph.submodelIndex(named: name) == nil else {
      throw MartletError(
        .notFound,
        "'\(name)' is a submodel of model '\(graph.name)', which cannot be asked, renamed, removed or replaced as a "
          + "layer can; its layers can, by names that begin with '\(name)/'")
    }
    guard let index = graph.layerIndex(named: name) else {
      throw MartletError(.notFound, "model '\(graph.name)' has no layer '\(name)'")
    }
    return index
  }
}
