// A graph in two parts: up to the result of a layer, and from there on.

import MartletCore

extension Graph {
  /// - Parameter name: of a layer or submodel that is applied once and has one result, which all of the rest goes
  ///   through.
  /// - Returns: the part whose output that result is; and the rest, called NAME_head, which begins with an input of the
  ///   layer's name.
  /// - Throws: `notFound`; `invalidArgument` for a layer that cannot be cut after, saying why.
  package func cut(after name: String) throws(MartletError) -> (lower: GraphEdit, upper: GraphEdit) {
    let end = try endNode(of: name)
    var isLower = [Bool](repeating: false, count: nodes.count)
    isLower[end] = true
    for node in nodes.indices.reversed() where isLower[node] {
      for input in nodes[node].inputs { isLower[input] = true }
    }
    func refusal(_ why: String) -> MartletError {
      MartletError(.invalidArgument, "model '\(self.name)' cannot be cut after '\(name)': \(why)")
    }
    guard outputs.allSatisfy({ !isLower[$0] }) else { throw refusal("it has an output before or there") }
    for node in nodes.indices where !isLower[node] {
      if let passed = nodes[node].inputs.first(where: { isLower[$0] && $0 != end }) {
        throw refusal("'\(layerName(ofNode: node))' reads '\(layerName(ofNode: passed))', which is before it")
      }
    }
    for layer in layers.indices {
      let applied = nodes.indices.filter { nodes[$0].layer == layer }
      guard Set(applied.map { isLower[$0] }).count == 1 else {
        throw refusal("layer '\(layers[layer].name)' is applied on both sides")
      }
    }
    let (lower, upper) = (nodes.indices.filter { isLower[$0] }, nodes.indices.filter { !isLower[$0] })
    let room = GraphBuilder.maximumNameLength - 5
    let head = (self.name.utf8.count > room ? "model" : self.name) + "_head"
    return (
      try part(lower, called: self.name, input: nil, outputs: [end]),
      try part(upper, called: head, input: (end, name), outputs: outputs)
    )
  }

  private func endNode(of name: String) throws(MartletError) -> Int {
    func unsuited(_ why: String) -> MartletError {
      MartletError(.invalidArgument, "model '\(self.name)' cannot be cut after '\(name)': \(why)")
    }
    guard Submodel.place(name).isEmpty else {
      throw unsuited("it is inside a submodel; martlet_model_copy_submodel makes a model of that, which can be cut")
    }
    if let index = submodelIndex(named: name) {
      let calls = submodels[index].calls
      guard calls.count == 1, calls[0].outputs.count == 1 else {
        throw unsuited("it is applied \(calls.count) times and has \(calls[0].outputs.count) results, not 1 each")
      }
      return calls[0].outputs[0]
    }
    guard let layer = layerIndex(named: name) else {
      throw MartletError(.notFound, "model '\(self.name)' has no layer '\(name)'")
    }
    let applied = nodes.indices.filter { nodes[$0].layer == layer }
    guard applied.count == 1 else { throw unsuited("it is applied \(applied.count) times") }
    return applied[0]
  }

  /// A graph of some nodes.
  ///
  /// - Parameters:
  ///   - kept: in order, with all that they read but for `input`.
  ///   - input: a node that a new input stands for, and what that is called.
  private func part(
    _ kept: [Int], called name: String, input: (node: Int, name: String)?, outputs: [Int]
  ) throws(MartletError) -> GraphEdit {
    var builder = try GraphBuilder(name: name)
    let places = Set(kept)
    let calls = submodels.map { submodel in submodel.calls.filter { places.contains($0.inputs[0]) } }
    for (submodel, calls) in zip(submodels, calls) where !calls.isEmpty { builder.take(name: submodel.path) }
    var newNodes = [Int](repeating: 0, count: nodes.count)
    var newLayers: [Int: Int] = [:]
    if let input {
      newNodes[input.node] = try builder.add(InputLayer(shape: nodes[input.node].shape), name: input.name, inputs: [])
    }
    var starts = [Int](repeating: 0, count: nodes.count + 1)
    for index in nodes.indices {
      starts[index] = builder.nodes.count
      guard places.contains(index) else { continue }
      let node = nodes[index]
      let inputs = node.inputs.map { newNodes[$0] }
      if let layer = newLayers[node.layer] {
        newNodes[index] = try builder.apply(layer: layer, inputs: inputs, isInference: node.isInference)
      } else {
        let layer = layers[node.layer]
        newNodes[index] = try builder.add(
          layer.layer, name: Submodel.name(layer.name), in: Submodel.place(layer.name), inputs: inputs,
          isTrainable: layer.isTrainable, isInference: node.isInference)
        newLayers[node.layer] = builder.layers.count - 1
      }
    }
    starts[nodes.count] = builder.nodes.count
    builder.submodels = zip(submodels, calls).filter { !$1.isEmpty }.map { submodel, calls in
      var submodel = submodel
      submodel.calls = calls.map { call in
        call.mapped(starts[call.nodes.lowerBound]..<starts[call.nodes.upperBound]) { newNodes[$0] }
      }
      return submodel
    }
    let graph = try builder.build(outputs: outputs.map { newNodes[$0] })
    return GraphEdit(graph: graph, kept: Dictionary(uniqueKeysWithValues: newLayers.map { ($1, $0) }))
  }
}
