// Which nodes are computed along with a product: batch normalisation by given statistics, an addition and an activation
// that only take its result further become its epilogue, and what lies between them is never written.

import MartletKernelInterface

/// A product and the nodes after it that are parts of its epilogue, in the order in which it applies them.
struct FusedProduct {
  /// The node of the product.
  let head: Int
  private(set) var normalization: (node: Int, layer: BatchNormalization)?
  /// The node whose value is added.
  private(set) var residual: Int?
  private(set) var activation: ActivationFunction?
  /// The node whose value the epilogue makes.
  private(set) var last: Int

  fileprivate init(head: Int) { (self.head, last) = (head, head) }

  /// Take the only reader of the last node in.
  ///
  /// - Returns: false if it is no next step of an epilogue.
  fileprivate mutating func absorb(_ reader: Int, of graph: Graph) -> Bool {
    let node = graph.nodes[reader]
    guard activation == nil else { return false }
    switch graph.layers[node.layer].layer {
    case let layer as BatchNormalization where normalization == nil && residual == nil:
      normalization = (reader, layer)
    case let layer as Merge where layer.kind == .add && residual == nil:
      guard node.inputs.count == 2, node.inputs.allSatisfy({ graph.nodes[$0].shape == node.shape }) else {
        return false
      }
      residual = node.inputs[0] == last ? node.inputs[1] : node.inputs[0]
    case let layer as ActivationLayer:
      guard let function = layer.activation.elementwise else { return false }
      activation = function
    default: return false
    }
    last = reader
    return true
  }
}

/// All of them in a graph.
struct Fusion {
  /// By the last node.
  private var products: [Int: FusedProduct] = [:]
  /// The last node by that of the product.
  private var lastNodes: [Int: Int] = [:]
  private var isPart: [Bool]

  /// None.
  init(nodeCount: Int) { isPart = .init(repeating: false, count: nodeCount) }

  /// - Parameter canAbsorb: whether a node may be computed along with the only one that it reads, or one of two, whose
  ///   value nobody else asks for then.
  init(_ graph: Graph, readerCounts: [Int], canAbsorb: (Int) -> Bool) {
    self.init(nodeCount: graph.nodes.count)
    var readers = [Int?](repeating: nil, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() { for input in node.inputs { readers[input] = index } }
    // The last product of an addition takes it, so that the other one need not wait.
    for head in graph.nodes.indices.reversed() where Fusion.endsWithSums(graph.layers[graph.nodes[head].layer].layer) {
      var product = FusedProduct(head: head)
      while readerCounts[product.last] == 1, let reader = readers[product.last], !isPart[reader], canAbsorb(reader),
        product.absorb(reader, of: graph)
      {
        isPart[reader] = true
      }
      guard product.last != head else { continue }
      isPart[head] = true
      products[product.last] = product
      lastNodes[head] = product.last
    }
  }

  /// Whether a layer is a product, and nothing follows it.
  private static func endsWithSums(_ layer: any Layer) -> Bool {
    switch layer {
    case let layer as Dense: layer.activation == .linear
    case let layer as Convolution: layer.activation == .linear
    case let layer as DepthwiseConvolution: layer.activation == .linear
    case let layer as SeparableConvolution: layer.activation == .linear
    case let layer as TransposedConvolution: layer.activation == .linear
    default: false
    }
  }

  /// The node to lower in the place of a node: that of a product where its last node stands, when all that it reads
  /// has been computed; nil where another node computes it.
  func lowered(at node: Int) -> Int? { products[node]?.head ?? (isPart[node] ? nil : node) }

  /// What the product of a node computes beyond it.
  func product(of head: Int) -> FusedProduct? { lastNodes[head].flatMap { products[$0] } }
}
