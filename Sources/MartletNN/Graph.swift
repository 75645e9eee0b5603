// The network as data: layers, and the nodes where they are applied. A graph is complete, checked, in topological
// order, and never changes; GraphBuilder.swift makes it.

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
  /// Whether the layer does here in training what it does in prediction: Keras' `training=False`.
  package var isInference = false
}

package struct Graph: Sendable {
  package let name: String
  package let layers: [GraphLayer]
  package let nodes: [GraphNode]
  package let inputs: [Int]
  package let outputs: [Int]
  /// Each before those inside it.
  package let submodels: [Submodel]
  /// The Keras class it is saved as, "Sequential" or "Functional".
  package let className: String

  // Stored, as training steps look at them and must not allocate.
  package let inputShapes: [Shape]
  package let outputShapes: [Shape]

  /// Whether each layer reads from the one before, and the last is the output.
  package let isChain: Bool

  /// - Parameter className: nil for "Sequential" if the layers are a chain.
  package init(
    name: String, layers: [GraphLayer], nodes: [GraphNode], inputs: [Int], outputs: [Int], submodels: [Submodel] = [],
    className: String? = nil
  ) {
    self.name = name
    self.layers = layers
    self.nodes = nodes
    self.inputs = inputs
    self.outputs = outputs
    inputShapes = inputs.map { nodes[$0].shape }
    outputShapes = outputs.map { nodes[$0].shape }
    self.submodels = submodels
    let isChain = Graph.isChain(layers, nodes, inputs, outputs)
    self.isChain = isChain
    self.className = className ?? (isChain ? "Sequential" : "Functional")
  }

  package func layerIndex(named name: String) -> Int? { layers.firstIndex { $0.name == name } }

  /// The same graph with the weights of some layers trained or not.
  func settingTrainable(_ isTrainable: Bool, layers chosen: Set<Int>) -> Graph {
    let changed = layers.enumerated().map { index, layer in
      chosen.contains(index)
        ? GraphLayer(name: layer.name, layer: layer.layer, weights: layer.weights, isTrainable: isTrainable) : layer
    }
    return Graph(
      name: name, layers: changed, nodes: nodes, inputs: inputs, outputs: outputs, submodels: submodels,
      className: className)
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

  private static func isChain(_ layers: [GraphLayer], _ nodes: [GraphNode], _ inputs: [Int], _ outputs: [Int]) -> Bool {
    inputs == [0] && outputs == [nodes.count - 1] && layers.count == nodes.count
      && nodes.indices.allSatisfy { nodes[$0].inputs == ($0 == 0 ? [] : [$0 - 1]) }
  }
}
