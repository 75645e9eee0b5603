// Models made from others: with the same weights, with new ones, or with another layer. The other model stays as it is.

import MartletCore

extension Model {
  /// The same layers and weights.
  ///
  /// - Throws: `outOfMemory`.
  package func copy() throws(MartletError) -> Model {
    let all = Dictionary(uniqueKeysWithValues: graph.layers.indices.map { ($0, $0) })
    return try edited(GraphEdit(graph: graph, kept: all))
  }

  /// The same layers, with weights initialised anew.
  ///
  /// - Throws: `outOfMemory`.
  package func clone(seed: UInt64) throws(MartletError) -> Model {
    let model = try Model(graph: graph, seed: seed)
    model.classNames = classNames
    return model
  }

  /// The edited graph. Layers that were kept have their weights, others new ones; so do class names stay, as long as
  /// the output has as many classes.
  ///
  /// - Throws: `outOfMemory`.
  package func edited(_ edit: GraphEdit) throws(MartletError) -> Model {
    let model = try Model(graph: edit.graph, seed: seed, keeping: edit.kept.mapValues { (self, $0) })
    if edit.graph.outputShapes[0].lastDimension == classNames.count { model.classNames = classNames }
    return model
  }

  /// A submodel, with copies of its weights.
  ///
  /// - Throws: `notFound`, `outOfMemory`.
  package func submodel(named path: String) throws(MartletError) -> Model {
    guard let index = graph.submodelIndex(named: path) else {
      throw MartletError(.notFound, "model '\(graph.name)' has no submodel '\(path)'")
    }
    let (part, layers) = graph.graph(ofSubmodel: index)
    let kept = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($0, (self, $1)) })
    return try Model(graph: part, seed: seed, keeping: kept)
  }

  /// The parts before and after the result of a layer or submodel, with copies of their weights.
  ///
  /// - Throws: what `Graph.cut` throws; `outOfMemory`.
  package func cut(after name: String) throws(MartletError) -> (lower: Model, upper: Model) {
    let (lower, upper) = try graph.cut(after: name)
    let first = try edited(lower)
    // They stand for the model's outputs.
    first.classNames = []
    return (first, try edited(upper))
  }
}
