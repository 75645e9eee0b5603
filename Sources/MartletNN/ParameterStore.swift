// All weights of a model in one flat array, so that optimisers, saving and comparing are one loop.

import MartletCore

/// One weight array and its place in the flat array.
package struct Parameter: Sendable {
  /// Index of its layer in the graph.
  package let layer: Int
  package let specification: WeightSpecification
  package let offset: Int
  package let isTrainable: Bool

  package var name: String { specification.name }
  package var shape: Shape { specification.shape }
  package var count: Int { specification.shape.elementCount }
  package var regularizer: Regularizer { specification.regularizer }
}

/// Where each weight array of a graph lies; gradients and optimiser state have the same layout.
package struct ParameterLayout: Sendable {
  package let parameters: [Parameter]
  /// Elements of a flat array, padding included.
  package let count: Int

  /// Each array starts on a cache line.
  private static let alignment = TensorStorage.alignment / MemoryLayout<Float>.stride

  package init(_ graph: Graph) throws(MartletError) {
    var parameters: [Parameter] = []
    var offset = 0
    for (index, layer) in graph.layers.enumerated() {
      for weight in layer.weights {
        parameters.append(
          Parameter(
            layer: index, specification: weight, offset: offset, isTrainable: layer.isTrainable && weight.isTrainable))
        offset += (weight.shape.elementCount + Self.alignment - 1) / Self.alignment * Self.alignment
        guard offset <= Shape.maximumElementCount else {
          throw MartletError(.outOfMemory, "the weights of model '\(graph.name)' are more than memory can hold")
        }
      }
    }
    self.parameters = parameters
    count = offset
  }

  /// The parameters of one layer, in Keras' order.
  package func range(ofLayer layer: Int) -> Range<Int> {
    let first = parameters.firstIndex { $0.layer == layer } ?? parameters.count
    return first..<(first + parameters[first...].prefix { $0.layer == layer }.count)
  }

  package var totalCount: Int { parameters.reduce(0) { $0 + $1.count } }

  package var trainableCount: Int { parameters.reduce(0) { $0 + ($1.isTrainable ? $1.count : 0) } }
}
