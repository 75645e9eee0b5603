// Models as layers of other models. The layers of a submodel are layers of the whole graph, and their names begin with
// its own: 'base/conv1'. Each of its applications is a run of nodes, among them one for each of its inputs, which reads
// what the submodel is applied to and passes it on.

import MartletCore

package struct Submodel: Sendable {
  package struct Call: Sendable {
    /// All nodes of the application, those of submodels inside included.
    package let nodes: Range<Int>
    /// Those of the submodel's own input layers.
    package let inputs: [Int]
    package let outputs: [Int]
    /// As in `GraphNode`, for all of the nodes.
    package let isInference: Bool

    /// The same application in another graph.
    func mapped(_ nodes: Range<Int>, _ place: (Int) -> Int) -> Call {
      Call(nodes: nodes, inputs: inputs.map(place), outputs: outputs.map(place), isInference: isInference)
    }

    func shifted(by distance: Int) -> Call {
      mapped(nodes.lowerBound + distance..<nodes.upperBound + distance) { $0 + distance }
    }
  }

  /// The names of the submodels that it is in, and its own: 'outer/inner'.
  package let path: String
  /// As `Graph.className`.
  package let className: String
  package var calls: [Call]

  /// The part of its path that is its name where it is.
  package var name: String { Submodel.name(path) }

  /// `conv1` of `base/conv1`.
  package static func name(_ path: String) -> String {
    String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
  }

  /// `base/` of `base/conv1`; empty for what is in no submodel.
  package static func place(_ path: String) -> String {
    String(path[..<(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)])
  }
}

extension Graph {
  package func submodelIndex(named path: String) -> Int? { submodels.firstIndex { $0.path == path } }

  /// Layers of a submodel, those of submodels inside it included.
  package func layers(inSubmodel path: String) -> [Int] {
    layers.indices.filter { layers[$0].name.hasPrefix(path + "/") }
  }

  /// Whether no layer with weights is trained.
  package var isFrozen: Bool {
    let weighted = layers.filter { !$0.weights.isEmpty }
    return !weighted.isEmpty && weighted.allSatisfy { !$0.isTrainable }
  }

  /// The same with no layer trained.
  package var frozen: Graph { settingTrainable(false, layers: Set(layers.indices)) }

  /// A layer that is random in training; nil if there is none.
  package var randomLayer: GraphLayer? {
    let inference = inferenceNodes
    return nodes.indices.first { layers[nodes[$0].layer].layer.isRandom && !inference.contains($0) }
      .map { layers[nodes[$0].layer] }
  }

  /// A layer with weights that are trained; nil if there is none.
  package var trainedLayer: GraphLayer? {
    layers.first { $0.isTrainable && $0.weights.contains(where: \.isTrainable) }
  }

  var inferenceNodes: Set<Int> {
    var found = Set(nodes.indices.filter { nodes[$0].isInference })
    for submodel in submodels {
      for call in submodel.calls where call.isInference { found.formUnion(call.nodes) }
    }
    return found
  }

  /// A submodel as a graph of its own.
  ///
  /// - Returns: the graph, and for each of its layers the layer here.
  package func graph(ofSubmodel index: Int) -> (graph: Graph, layers: [Int]) {
    let submodel = submodels[index]
    let call = submodel.calls[0]
    let chosen = layers(inSubmodel: submodel.path)
    let inputs = Set(call.inputs)
    var numbers: [Int: Int] = [:]
    for (number, layer) in chosen.enumerated() { numbers[layer] = number }
    func relative(_ path: String) -> String { String(path.dropFirst(submodel.path.count + 1)) }

    let layers = chosen.map { number in
      let layer = self.layers[number]
      return GraphLayer(
        name: relative(layer.name), layer: layer.layer, weights: layer.weights, isTrainable: layer.isTrainable)
    }
    let first = call.nodes.lowerBound
    let nodes = call.nodes.map { index in
      let node = self.nodes[index]
      return GraphNode(
        layer: numbers[node.layer] ?? 0, inputs: inputs.contains(index) ? [] : node.inputs.map { $0 - first },
        shape: node.shape, isInference: node.isInference)
    }
    let inside = submodels.filter { $0.path.hasPrefix(submodel.path + "/") }.map { inner in
      Submodel(
        path: relative(inner.path), className: inner.className,
        calls: inner.calls.filter { call.nodes.contains($0.inputs[0]) }.map { $0.shifted(by: -first) })
    }
    let graph = Graph(
      name: submodel.name, layers: layers, nodes: nodes, inputs: call.inputs.map { $0 - first },
      outputs: call.outputs.map { $0 - first }, submodels: inside, className: submodel.className)
    return (graph, chosen)
  }
}

extension GraphBuilder {
  /// Apply a model as a new layer.
  ///
  /// - Parameters:
  ///   - name: nil for the model's own, with a number if it is in use.
  ///   - isInference: as in `GraphNode`, for all layers of the model.
  /// - Returns: the nodes of the model's outputs; its layers are the last of `layers`, in their order.
  /// - Throws: `invalidArgument`: an unknown node, a name in use, inputs that do not fit; `unsupported` for more layers
  ///   or nodes than the maximum.
  package mutating func add(
    _ graph: Graph, name: String?, inputs: [Int], isInference: Bool = false
  ) throws(MartletError) -> [Int] {
    let name = try checked(name ?? unusedName(graph.name))
    try check(inputs, expected: graph.inputShapes, of: name)
    try checkRoom(layers.count + graph.layers.count - 1, GraphBuilder.maximumLayerCount, "layers")
    try checkRoom(nodes.count + graph.nodes.count - 1, GraphBuilder.maximumNodeCount, "nodes")
    let nesting = 1 + (graph.submodels.map { $0.path.split(separator: "/").count }.max() ?? 0)
    guard nesting <= GraphBuilder.maximumNesting else {
      throw MartletError(
        .unsupported,
        "submodel '\(name)' makes \(nesting) submodels inside one another; more than \(GraphBuilder.maximumNesting) are "
          + "not supported")
    }
    let room = GraphBuilder.maximumNameLength - name.utf8.count - 1
    if let long = graph.layers.first(where: { $0.name.utf8.count > room }) {
      throw MartletError(
        .invalidArgument,
        "layer '\(long.name.prefix(40))' in submodel '\(name.prefix(40))' has a path of more than "
          + "\(GraphBuilder.maximumNameLength) bytes")
    }
    let (firstLayer, firstNode) = (layers.count, nodes.count)
    layers += graph.layers.map { layer in
      GraphLayer(
        name: name + "/" + layer.name, layer: layer.layer, weights: layer.weights, isTrainable: layer.isTrainable)
    }
    let given = Dictionary(uniqueKeysWithValues: zip(graph.inputs, inputs))
    nodes += graph.nodes.enumerated().map { index, node in
      let sources = given[index].map { [$0] } ?? node.inputs.map { $0 + firstNode }
      return GraphNode(
        layer: node.layer + firstLayer, inputs: sources, shape: node.shape, isInference: node.isInference)
    }
    let call = Submodel.Call(
      nodes: firstNode..<nodes.count, inputs: graph.inputs.map { $0 + firstNode },
      outputs: graph.outputs.map { $0 + firstNode }, isInference: isInference)
    submodels.append(Submodel(path: name, className: graph.className, calls: [call]))
    submodels += graph.submodels.map { inner in
      Submodel(
        path: name + "/" + inner.path, className: inner.className, calls: inner.calls.map { $0.shifted(by: firstNode) })
    }
    take(name: name)
    return call.outputs
  }

  /// Apply a submodel once more, with the weights it has.
  ///
  /// - Returns: the nodes of its outputs.
  /// - Throws: as `add(_:name:inputs:isInference:)`.
  package mutating func apply(
    submodel index: Int, inputs: [Int], isInference: Bool = false
  ) throws(MartletError) -> [Int] {
    let (path, first) = (submodels[index].path, submodels[index].calls[0])
    try check(inputs, expected: first.inputs.map { nodes[$0].shape }, of: path)
    try checkRoom(nodes.count + first.nodes.count - 1, GraphBuilder.maximumNodeCount, "nodes")
    let distance = nodes.count - first.nodes.lowerBound
    let given = Dictionary(uniqueKeysWithValues: zip(first.inputs, inputs))
    for node in first.nodes {
      let sources = given[node].map { [$0] } ?? nodes[node].inputs.map { $0 + distance }
      nodes.append(
        GraphNode(
          layer: nodes[node].layer, inputs: sources, shape: nodes[node].shape, isInference: nodes[node].isInference))
    }
    for other in submodels.indices where other != index && submodels[other].path.hasPrefix(path + "/") {
      let inside = submodels[other].calls.filter { first.nodes.contains($0.inputs[0]) }
      submodels[other].calls += inside.map { $0.shifted(by: distance) }
    }
    let call = first.shifted(by: distance)
    submodels[index].calls.append(
      Submodel.Call(nodes: call.nodes, inputs: call.inputs, outputs: call.outputs, isInference: isInference))
    return call.outputs
  }

  private func check(_ inputs: [Int], expected: [Shape], of name: String) throws(MartletError) {
    let shapes = try rowShapes(of: inputs)
    guard shapes == expected else {
      throw MartletError(
        .invalidArgument,
        "submodel '\(name)' takes \(expected.count) inputs, of rows \(list(expected)); it is given \(list(shapes))")
    }
  }

  private func list(_ shapes: [Shape]) -> String { shapes.map(\.description).joined(separator: " and ") }
}
