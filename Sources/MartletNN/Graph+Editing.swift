// Changes to a complete graph. A graph itself never changes: each of these builds another one, node by node, so that
// every shape is inferred and checked again.

import MartletCore

/// A graph that was made from another.
package struct GraphEdit {
  package let graph: Graph
  /// For layers of the new graph, the layer of the old one whose weights fit: those that were not replaced.
  package let kept: [Int: Int]
}

extension Graph {
  /// - Parameter name: without the path of the submodel that the layer is in.
  /// - Throws: `invalidArgument` if the name is in use or cannot be used.
  package func renaming(layer index: Int, to name: String) throws(MartletError) -> GraphEdit {
    let old = layers[index]
    return try rebuilt(
      (index, GraphLayer(name: name, layer: old.layer, weights: old.weights, isTrainable: old.isTrainable)))
  }

  /// Without a layer: what reads it reads its input, and where it was an output its input is one.
  ///
  /// - Throws: `invalidArgument` for a layer with other than one input; if the shapes no longer fit, or a weight array
  ///   of another layer would need another shape.
  package func removing(layer index: Int) throws(MartletError) -> GraphEdit {
    let name = layers[index].name
    for node in nodes where node.layer == index {
      guard node.inputs.count == 1, !(layers[index].layer is InputLayer) else {
        throw MartletError(
          .invalidArgument,
          "layer '\(name)' (\(layers[index].layer.className)) reads \(node.inputs.count) inputs; only a layer with 1 can be "
            + "removed, and no input layer")
      }
    }
    var taken: Set<Int> = []
    for output in outputs {
      let end = skipping(index, from: output)
      guard taken.insert(end).inserted else {
        throw MartletError(
          .invalidArgument, "without layer '\(name)', '\(layerName(ofNode: end))' would be an output twice")
      }
    }
    return try rebuilt((index, nil))
  }

  /// With another layer, and weights of its own, in the place of one.
  ///
  /// - Throws: `invalidArgument` if the name is in use, the shapes do not fit, or a weight array of another layer would
  ///   need another shape.
  package func replacing(
    layer index: Int, with layer: any Layer, name: String, isTrainable: Bool
  ) throws(MartletError) -> GraphEdit {
    guard layer is InputLayer == (layers[index].layer is InputLayer) else {
      throw MartletError(
        .invalidArgument,
        "layer '\(layers[index].name)' (\(layers[index].layer.className)) cannot be replaced by a \(layer.className): an "
          + "input stays an input")
    }
    let edit = try rebuilt((index, GraphLayer(name: name, layer: layer, weights: [], isTrainable: isTrainable)))
    return GraphEdit(graph: edit.graph, kept: edit.kept.filter { $0.value != index })
  }

  /// The node that is read where `node` was, once a layer is gone.
  private func skipping(_ layer: Int, from node: Int) -> Int {
    var node = node
    while nodes[node].layer == layer { node = nodes[node].inputs[0] }
    return node
  }

  /// - Parameter change: a layer, and what takes its place, its name without the path; nil for nothing.
  private func rebuilt(_ change: (layer: Int, replacement: GraphLayer?)) throws(MartletError) -> GraphEdit {
    var builder = try GraphBuilder(name: name, className: className)
    for submodel in submodels { builder.take(name: submodel.path) }
    var newNodes: [Int] = []
    /// For each node, and the end, how many new ones there are before it.
    var starts: [Int] = []
    var newLayers = [Int?](repeating: nil, count: layers.count)
    for node in nodes {
      starts.append(builder.nodes.count)
      let inputs = node.inputs.map { newNodes[$0] }
      if let layer = newLayers[node.layer] {
        newNodes.append(try builder.apply(layer: layer, inputs: inputs, isInference: node.isInference))
        continue
      }
      var layer = layers[node.layer]
      let place = Submodel.place(layer.name)
      var name = Submodel.name(layer.name)
      if node.layer == change.layer {
        guard let replacement = change.replacement else {
          newNodes.append(inputs[0])
          continue
        }
        layer = replacement
        name = replacement.name
      }
      newNodes.append(
        try builder.add(
          layer.layer, name: name, in: place, inputs: inputs, isTrainable: layer.isTrainable,
          isInference: node.isInference))
      newLayers[node.layer] = builder.layers.count - 1
      if node.layer != change.layer { try check(layer, builder.layers[builder.layers.count - 1]) }
    }
    starts.append(builder.nodes.count)
    builder.submodels = submodels.map { submodel in
      var submodel = submodel
      submodel.calls = submodel.calls.map { call in
        call.mapped(starts[call.nodes.lowerBound]..<starts[call.nodes.upperBound]) { newNodes[$0] }
      }
      return submodel
    }
    let graph = try builder.build(outputs: outputs.map { newNodes[$0] })
    var kept: [Int: Int] = [:]
    for (old, new) in newLayers.enumerated() {
      if let new { kept[new] = old }
    }
    return GraphEdit(graph: graph, kept: kept)
  }

  private func check(_ old: GraphLayer, _ new: GraphLayer) throws(MartletError) {
    for (before, after) in zip(old.weights, new.weights) where before.shape != after.shape {
      throw MartletError(
        .invalidArgument,
        "weight '\(before.name)' of layer '\(old.name)' has shape \(before.shape); after the change it would need "
          + "\(after.shape)")
    }
  }
}
