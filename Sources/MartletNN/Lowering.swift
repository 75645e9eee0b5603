// From a graph of layers to operations. Forward operations are appended in topological order, backward ones in reverse;
// this file knows about nodes, buffers and fusions, the layers know what they compute.

import MartletCore
import MartletKernelInterface

package struct Lowering {
  enum Buffer {
    case arena(Extent, isPinned: Bool)
    case parameter(Int)
    case gradient(Int)
    case constant(Int)
  }

  private let graph: Graph
  private let layout: ParameterLayout
  private let purpose: PlanPurpose
  private let maximumBatch: Int

  private(set) var forward: [Operation] = []
  private(set) var backward: [Operation] = []
  private(set) var buffers: [Buffer] = []
  private(set) var constants: [Float] = []
  private(set) var targets: BufferID?
  private(set) var outputGradient: BufferID?
  private(set) var outputHoldsLogits = false

  private var values: [BufferID?]
  private var gradients: [BufferID?]
  private var scratches: [BufferID?]
  private var parameterBuffers: [BufferID]
  private let readerCounts: [Int]
  private let nodesNeedingGradient: [Bool]

  /// Nodes whose gradient is already the one before their activation.
  private var isPreActivationGradient: [Bool]

  init(graph: Graph, layout: ParameterLayout, purpose: PlanPurpose, maximumBatch: Int) {
    self.graph = graph
    self.layout = layout
    self.purpose = purpose
    self.maximumBatch = maximumBatch
    let none = [BufferID?](repeating: nil, count: graph.nodes.count)
    (values, gradients, scratches) = (none, none, none)
    isPreActivationGradient = .init(repeating: false, count: graph.nodes.count)
    parameterBuffers = Array(layout.parameters.indices)
    buffers = layout.parameters.indices.map { .parameter($0) }
    var readers = [Int](repeating: 0, count: graph.nodes.count)
    for node in graph.nodes { for input in node.inputs { readers[input] += 1 } }
    for output in graph.outputs { readers[output] += 1 }
    readerCounts = readers
    var needing = [Bool](repeating: false, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      let layer = graph.layers[node.layer]
      needing[index] = (layer.isTrainable && !layer.weights.isEmpty) || node.inputs.contains { needing[$0] }
    }
    nodesNeedingGradient = needing
  }

  mutating func lower() {
    for index in graph.nodes.indices { layer(of: index).lowerForward(site(index), into: &self) }
    for node in graph.inputs + graph.outputs { pin(value(of: node)) }
    let output = graph.outputs[0]
    let extent = Extent.perRow(graph.nodes[output].shape.elementCount)
    outputHoldsLogits = lossTakesActivation(of: output)
    if lossKernel != nil { targets = newBuffer(extent, isPinned: true) }
    guard isTraining, nodesNeedingGradient[output] else { return }
    let gradient = newBuffer(extent, isPinned: true)
    outputGradient = gradient
    gradients[output] = gradient
    isPreActivationGradient[output] = outputHoldsLogits
    for index in graph.nodes.indices.reversed() where nodesNeedingGradient[index] && gradients[index] != nil {
      layer(of: index).lowerBackward(site(index), into: &self)
    }
  }

  // MARK: What the plan is for

  package var isTraining: Bool {
    if case .training = purpose { true } else { false }
  }

  var sink: GradientSink? {
    if case .training(_, let sink) = purpose { sink } else { nil }
  }

  private var loss: LossConfiguration? {
    switch purpose {
    case .prediction: nil
    case .evaluation(let loss), .training(let loss, _): loss
    }
  }

  var lossKernel: LossKind? {
    guard let loss else { return nil }
    return loss.kernel(onLogits: loss.fromLogits || lossTakesActivation(of: graph.outputs[0]))
  }

  /// Whether a node leaves out its activation because the loss is computed from what comes before it.
  package func lossTakesActivation(of node: Int) -> Bool {
    guard let loss, node == graph.outputs[0], readerCounts[node] == 1 else { return false }
    return activation(of: node).map { loss.absorbs($0) } ?? false
  }

  // MARK: Values

  /// The buffer of a node's output.
  package mutating func value(of node: Int) -> BufferID {
    if let buffer = values[node] { return buffer }
    let buffer = newBuffer(.perRow(graph.nodes[node].shape.elementCount))
    values[node] = buffer
    return buffer
  }

  /// The output of a layer is its input as it is.
  package mutating func passThrough(_ site: LayerSite) { values[site.output] = value(of: site.inputs[0]) }

  /// A buffer that a layer keeps from the forward to the backward pass.
  package mutating func scratch(ofNode node: Int, count: Int) -> BufferID {
    if let buffer = scratches[node] { return buffer }
    let buffer = newBuffer(.perRow(count))
    scratches[node] = buffer
    return buffer
  }

  package func parameter(_ index: Int) -> BufferID { parameterBuffers[index] }

  /// A buffer with fixed contents.
  package mutating func constant(_ values: [Float]) -> BufferID {
    buffers.append(.constant(constants.count))
    constants += values
    // The next constant starts on a cache line.
    while constants.count % 16 != 0 { constants.append(0) }
    return buffers.count - 1
  }

  package mutating func appendForward(_ operation: Operation) { forward.append(operation) }

  // MARK: Gradients

  /// Whether any trainable weight comes before this node.
  package func needsGradient(_ node: Int) -> Bool { nodesNeedingGradient[node] }

  package func isTrainable(_ parameter: Int) -> Bool { layout.parameters[parameter].isTrainable }

  /// The buffer of the gradient by a node's output, complete when its layer is lowered backward.
  package mutating func gradient(of node: Int) -> BufferID {
    if let buffer = gradients[node] { return buffer }
    let buffer = newBuffer(.perRow(graph.nodes[node].shape.elementCount))
    gradients[node] = buffer
    return buffer
  }

  package mutating func appendBackward(_ operation: Operation) { backward.append(operation) }

  /// The gradient by what goes into a node's activation; computed in place if that has not happened yet.
  package mutating func preActivationGradient(
    of node: Int, activation: Activation, rows: Int, columns: Int
  ) -> BufferID {
    let gradient = gradient(of: node)
    guard !isPreActivationGradient[node] else { return gradient }
    isPreActivationGradient[node] = true
    if let function = activation.elementwise {
      if function.kind != .linear {
        appendBackward(
          .activationGradient(
            function, y: value(of: node), dY: gradient, dX: gradient, count: .perRow(rows * columns)))
      }
    } else {
      appendBackward(
        .softmaxGradient(y: value(of: node), dY: gradient, dX: gradient, rows: .perRow(rows), columns: columns))
    }
    return gradient
  }

  /// Contribute to the gradient by a node's output. The first contribution is written in place, later ones (of other
  /// readers of the node) are added.
  ///
  /// - Parameter canApplyActivation: whether the operation can multiply its result by the derivative of the node's
  ///   activation on the way; then it is asked to where that is possible.
  package mutating func appendGradient(
    of node: Int, canApplyActivation: Bool = false,
    _ operation: (_ destination: BufferID, _ activation: (y: BufferID, function: ActivationFunction)?) -> Operation
  ) {
    guard gradients[node] == nil else {
      let extent = Extent.perRow(graph.nodes[node].shape.elementCount)
      let contribution = newBuffer(extent)
      appendBackward(operation(contribution, nil))
      appendBackward(.add(x: contribution, y: gradient(of: node), count: extent))
      return
    }
    let destination = gradient(of: node)
    if canApplyActivation, readerCounts[node] == 1, let function = activation(of: node)?.elementwise,
      function.kind != .linear
    {
      appendBackward(operation(destination, (value(of: node), function)))
      isPreActivationGradient[node] = true
    } else {
      appendBackward(operation(destination, nil))
    }
  }

  /// The gradient by a layer's input is that by its output as it is.
  package mutating func passGradientThrough(_ site: LayerSite) {
    let input = site.inputs[0]
    let gradient = gradient(of: site.output)
    if gradients[input] == nil, readerCounts[input] == 1 {
      gradients[input] = gradient
    } else {
      appendGradient(of: input) { destination, _ in
        .activation(
          ActivationFunction(.linear), x: gradient, y: destination, count: .perRow(site.outputShape.elementCount))
      }
    }
  }

  /// Where the product that makes a parameter's gradient is written.
  ///
  /// - Parameter contraction: rows of the product's sum for each row of the batch. A fused update needs memory only for
  ///   sums longer than one chunk.
  package mutating func gradientBuffer(ofParameter parameter: Int, contraction: Int) -> BufferID? {
    if sink == .update, maximumBatch <= KernelTable<Float>.chunk / contraction { return nil }
    return gradientBuffer(ofParameter: parameter)
  }

  package mutating func gradientBuffer(ofParameter parameter: Int) -> BufferID {
    if sink == .update { return newBuffer(.fixed(layout.parameters[parameter].count)) }
    buffers.append(.gradient(parameter))
    return buffers.count - 1
  }

  // MARK: Inside

  private func layer(of node: Int) -> any Layer { graph.layers[graph.nodes[node].layer].layer }

  private func activation(of node: Int) -> Activation? {
    switch layer(of: node) {
    case let dense as Dense: dense.activation
    case let layer as ActivationLayer: layer.activation
    default: nil
    }
  }

  private func site(_ index: Int) -> LayerSite {
    let node = graph.nodes[index]
    return LayerSite(
      inputs: node.inputs, output: index, inputShapes: node.inputs.map { graph.nodes[$0].shape },
      outputShape: node.shape, parameters: layout.range(ofLayer: node.layer))
  }

  private mutating func newBuffer(_ extent: Extent, isPinned: Bool = false) -> BufferID {
    buffers.append(.arena(extent, isPinned: isPinned))
    return buffers.count - 1
  }

  /// Give a buffer memory for the whole step: the caller reads or writes it between operations.
  private mutating func pin(_ buffer: BufferID) {
    if case .arena(let extent, _) = buffers[buffer] { buffers[buffer] = .arena(extent, isPinned: true) }
  }
}
