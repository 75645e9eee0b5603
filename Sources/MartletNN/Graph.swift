// The network as data: layers, and the nodes where they are applied. A `GraphBuilder` grows; a `Graph` is complete,
// checked, in topological order, and never changes.

import MartletCore

/// A layer of a graph with its name and weights.
package struct GraphLayer: Sendable {
  package let name: String
  package let layer: any Layer
  package let weights: [WeightSpecification]
  package let isTrainable: Bool
}

/// One application of a layer. Nodes are referred to by their index; inputs come before the nodes that read them.
package struct GraphNode: Sendable {
  package let layer: Int
  package let inputs: [Int]
  /// Shape of one row.
  package let shape: Shape
}

package struct Graph: Sendable {
  package let name: String
  package let layers: [GraphLayer]
  package let nodes: [GraphNode]
  package let inputs: [Int]
  package let outputs: [Int]

  // Stored, as training steps look at them and must not allocate.
  package let inputShapes: [Shape]
  package let outputShapes: [Shape]

  package init(name: String, layers: [GraphLayer], nodes: [GraphNode], inputs: [Int], outputs: [Int]) {
    self.name = name
    self.layers = layers
    self.nodes = nodes
    self.inputs = inputs
    self.outputs = outputs
    inputShapes = inputs.map { nodes[$0].shape }
    outputShapes = outputs.map { nodes[$0].shape }
  }

  package func layerIndex(named name: String) -> Int? { layers.firstIndex { $0.name == name } }

  /// The same graph with the weights of some layers trained or not.
  func settingTrainable(_ isTrainable: Bool, layers chosen: Set<Int>) -> Graph {
    let changed = layers.enumerated().map { index, layer in
      chosen.contains(index)
        ? GraphLayer(name: layer.name, layer: layer.layer, weights: layer.weights, isTrainable: isTrainable) : layer
    }
    return Graph(name: name, layers: changed, nodes: nodes, inputs: inputs, outputs: outputs)
  }

  /// What the first application of a layer reads.
  package func inputShapes(ofLayer layer: Int) -> [Shape] {
    nodes.first { $0.layer == layer }?.inputs.map { nodes[$0].shape } ?? []
  }

  package func layerName(ofNode node: Int) -> String { layers[nodes[node].layer].name }

  /// The activation that a node ends with, if it has one.
  package func activation(ofNode node: Int) -> Activation? {
    switch layers[nodes[node].layer].layer {
    case let dense as Dense: dense.activation
    case let layer as Convolution: layer.activation
    case let layer as DepthwiseConvolution: layer.activation
    case let layer as SeparableConvolution: layer.activation
    case let layer as TransposedConvolution: layer.activation
    case let layer as ActivationLayer: layer.activation
    default: nil
    }
  }

  /// Whether each layer reads from the one before, and the last is the output.
  package var isChain: Bool {
    inputs == [0] && outputs == [nodes.count - 1] && layers.count == nodes.count
      && nodes.indices.allSatisfy { nodes[$0].inputs == ($0 == 0 ? [] : [$0 - 1]) }
  }
}

package struct GraphBuilder {
  package let name: String
  package private(set) var layers: [GraphLayer] = []
  package private(set) var nodes: [GraphNode] = []
  private var names: Set<String> = []
  /// For each base of a name, the number to try next.
  private var nextNumbers: [String: Int] = [:]

  /// Layers, and applications of layers, that a model may have, as a file may: deep networks have some hundred.
  package static let maximumLayerCount = 4096
  package static let maximumNodeCount = 1 << 16

  /// Bytes a name may have: it becomes an HDF5 link name.
  package static let maximumNameLength = 255

  /// - Throws: `invalidArgument` if the name cannot be used in a file.
  package init(name: String) throws(MartletError) {
    try GraphBuilder.check(name, "model name")
    self.name = name
  }

  /// Apply a new layer to nodes.
  ///
  /// - Parameter name: nil for the Keras class in snake case, numbered from the second on.
  /// - Returns: the new node.
  /// - Throws: `invalidArgument` naming the layer: unknown node, name in use, shapes that do not fit; `unsupported` for
  ///   more layers or nodes than the maximum.
  package mutating func add(
    _ layer: any Layer, name: String?, inputs: [Int], isTrainable: Bool = true
  ) throws(MartletError) -> Int {
    let shapes = try rowShapes(of: inputs)
    try checkRoom(layers.count, GraphBuilder.maximumLayerCount, "layers")
    try checkRoom(nodes.count, GraphBuilder.maximumNodeCount, "nodes")
    let name = name ?? unusedName(for: layer)
    try GraphBuilder.check(name, "layer name")
    guard !names.contains(name) else {
      throw MartletError(.invalidArgument, "model '\(self.name)' has a layer named '\(name)' already")
    }
    do {
      let shape = try layer.outputShape(of: shapes)
      let weights = try layer.weights(of: shapes)
      layers.append(GraphLayer(name: name, layer: layer, weights: weights, isTrainable: isTrainable))
      names.insert(name)
      nodes.append(GraphNode(layer: layers.count - 1, inputs: inputs, shape: shape))
      return nodes.count - 1
    } catch {
      throw MartletError(error.code, "layer '\(name)': \(error.message)")
    }
  }

  /// Apply a layer once more, with the weights it has.
  ///
  /// - Parameter layer: index of the layer.
  /// - Returns: the new node.
  /// - Throws: `invalidArgument` for an unknown node, an input layer, shapes that do not fit the layer or its weights;
  ///   `unsupported` for more than `maximumNodeCount` nodes.
  package mutating func apply(layer index: Int, inputs: [Int]) throws(MartletError) -> Int {
    let shapes = try rowShapes(of: inputs)
    try checkRoom(nodes.count, GraphBuilder.maximumNodeCount, "nodes")
    let shared = layers[index]
    guard !(shared.layer is InputLayer) else {
      throw MartletError(.invalidArgument, "layer '\(shared.name)' is an input; it reads nothing")
    }
    do throws(MartletError) {
      let shape = try shared.layer.outputShape(of: shapes)
      for (old, new) in zip(shared.weights, try shared.layer.weights(of: shapes)) where old.shape != new.shape {
        throw MartletError(
          .invalidArgument, "its weight '\(old.name)' has shape \(old.shape); these inputs need \(new.shape)")
      }
      nodes.append(GraphNode(layer: index, inputs: inputs, shape: shape))
      return nodes.count - 1
    } catch {
      throw MartletError(error.code, "layer '\(shared.name)': \(error.message)")
    }
  }

  /// - Throws: `invalidArgument` if an output is unknown or given twice, or a layer leads to no output.
  package func build(outputs: [Int]) throws(MartletError) -> Graph {
    guard !outputs.isEmpty else { throw MartletError(.invalidArgument, "a model needs an output") }
    for (position, output) in outputs.enumerated() {
      guard nodes.indices.contains(output) else {
        throw MartletError(
          .invalidArgument, "output node \(output) is not a node of model '\(name)', which has \(nodes.count)")
      }
      guard !outputs[..<position].contains(output) else {
        throw MartletError(.invalidArgument, "output node \(output) is given twice")
      }
    }
    var isNeeded = nodes.indices.map { outputs.contains($0) }
    for index in nodes.indices.reversed() where isNeeded[index] {
      for input in nodes[index].inputs { isNeeded[input] = true }
    }
    if let unused = isNeeded.firstIndex(of: false) {
      throw MartletError(
        .invalidArgument, "layer '\(layers[nodes[unused].layer].name)' does not lead to an output")
    }
    let inputs = nodes.indices.filter { layers[nodes[$0].layer].layer is InputLayer }
    return Graph(name: name, layers: layers, nodes: nodes, inputs: inputs, outputs: outputs)
  }

  private func rowShapes(of inputs: [Int]) throws(MartletError) -> [Shape] {
    for input in inputs where !nodes.indices.contains(input) {
      throw MartletError(
        .invalidArgument, "input node \(input) is not a node of model '\(name)', which has \(nodes.count)")
    }
    return inputs.map { nodes[$0].shape }
  }

  private static func check(_ name: String, _ what: String) throws(MartletError) {
    guard !name.isEmpty, name.utf8.count <= maximumNameLength, name != ".",
      name.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 >= 0x20 && $0 != 0x7F })
    else {
      throw MartletError(
        .invalidArgument,
        "\(what) '\(name.prefix(40))' must have 1 to \(maximumNameLength) bytes, no '/' and no control character, and not be '.'"
      )
    }
  }

  private func checkRoom(_ count: Int, _ maximum: Int, _ things: String) throws(MartletError) {
    guard count < maximum else {
      throw MartletError(.unsupported, "model '\(name)' has \(count) \(things); more than \(maximum) are not supported")
    }
  }

  private mutating func unusedName(for layer: any Layer) -> String {
    let base = layer is InputLayer ? "input" : GraphBuilder.snakeCase(layer.className)
    var number = nextNumbers[base] ?? 0
    var name = number == 0 ? base : "\(base)_\(number)"
    while names.contains(name) {
      number += 1
      name = "\(base)_\(number)"
    }
    nextNumbers[base] = number
    return name
  }

  /// Keras' rule: a word begins at a capital before a small letter, or after one. `Conv2D` is `conv2d`.
  package static func snakeCase(_ className: String) -> String {
    let characters = Array(className)
    var result = ""
    for (index, character) in characters.enumerated() {
      let neighbours = [index - 1, index + 1].filter { characters.indices.contains($0) }
      if character.isUppercase, index > 0, neighbours.contains(where: { characters[$0].isLowercase }) { result += "_" }
      result += character.lowercased()
    }
    return result
  }
}
