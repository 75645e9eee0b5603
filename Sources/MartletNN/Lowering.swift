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
  /// Whether the values of all nodes can be read after a pass, not only those of inputs and outputs.
  private let keepsValues: Bool

  private(set) var forward: [Operation] = []
  private(set) var backward: [Operation] = []
  private(set) var buffers: [Buffer] = []
  private(set) var constants: [Float] = []
  /// One for each output; none in prediction.
  private(set) var losses: [PlannedLoss] = []
  private(set) var penalties: [PlannedPenalty] = []

  private var values: [BufferID?]
  private var gradients: [BufferID?]
  private var scratches: [BufferID?]
  private var preActivations: [BufferID?]
  private var parameterBuffers: [BufferID]
  /// Where the gradients of parameters add up whose layer is applied more than once.
  private var sharedGradients: [BufferID?]
  private let readerCounts: [Int]
  private let applicationCounts: [Int]
  private let nodesNeedingGradient: [Bool]

  /// Nodes whose gradient is already the one before their activation.
  private var isPreActivationGradient: [Bool]

  init(graph: Graph, layout: ParameterLayout, purpose: PlanPurpose, maximumBatch: Int, keepsValues: Bool = false) {
    self.graph = graph
    self.layout = layout
    self.purpose = purpose
    self.maximumBatch = maximumBatch
    self.keepsValues = keepsValues
    let none = [BufferID?](repeating: nil, count: graph.nodes.count)
    (values, gradients, scratches, preActivations) = (none, none, none, none)
    isPreActivationGradient = .init(repeating: false, count: graph.nodes.count)
    parameterBuffers = Array(layout.parameters.indices)
    buffers = layout.parameters.indices.map { .parameter($0) }
    sharedGradients = .init(repeating: nil, count: layout.parameters.count)
    var applications = [Int](repeating: 0, count: graph.layers.count)
    for node in graph.nodes { applications[node.layer] += 1 }
    applicationCounts = applications
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
    for node in keepsValues ? Array(graph.nodes.indices) : graph.inputs + graph.outputs { pin(value(of: node)) }
    for (output, configuration) in zip(graph.outputs, lossConfigurations) { plan(configuration, of: output) }
    let penalized = Set(penalties.map(\.node))
    for index in graph.nodes.indices.reversed()
    where isTraining && nodesNeedingGradient[index] && (gradients[index] != nil || penalized.contains(index)) {
      layer(of: index).lowerBackward(site(index), into: &self)
    }
    guard sink == .update else { return }
    for (parameter, gradient) in sharedGradients.enumerated() {
      if let gradient { appendBackward(.update(parameter: parameter, gradient: gradient)) }
    }
  }

  /// Give the loss of an output its buffers. In training without any loss the caller fills in the gradients.
  private mutating func plan(_ configuration: LossConfiguration, of output: Int) {
    let shape = graph.nodes[output].shape
    let extent = Extent.perRow(shape.elementCount)
    let holdsLogits = lossTakesActivation(of: output)
    let kernel = configuration.kernel(onLogits: configuration.fromLogits || holdsLogits)
    let isLeftToCaller = lossConfigurations.allSatisfy { $0.loss == .none }
    if isTraining, nodesNeedingGradient[output], kernel != nil || isLeftToCaller {
      gradients[output] = newBuffer(extent, isPinned: true)
      isPreActivationGradient[output] = holdsLogits
    }
    losses.append(
      PlannedLoss(
        configuration: configuration, kernel: kernel,
        targets: kernel == nil ? nil : newBuffer(extent, isPinned: true), gradient: gradients[output],
        holdsLogits: holdsLogits, rowsPerSample: shape.elementCount / shape.lastDimension,
        columns: shape.lastDimension))
  }

  // MARK: What the plan is for

  package var isTraining: Bool {
    if case .training = purpose { true } else { false }
  }

  var sink: GradientSink? {
    if case .training(_, let sink) = purpose { sink } else { nil }
  }

  /// One for each output; none in prediction.
  private var lossConfigurations: [LossConfiguration] {
    switch purpose {
    case .prediction: []
    case .evaluation(let losses), .training(let losses, _): losses
    }
  }

  /// Whether a node leaves out its activation because its loss is computed from what comes before it.
  package func lossTakesActivation(of node: Int) -> Bool {
    guard readerCounts[node] == 1, let output = graph.outputs.firstIndex(of: node),
      lossConfigurations.indices.contains(output), let activation = graph.activation(ofNode: node)
    else { return false }
    return lossConfigurations[output].absorbs(activation)
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

  /// Add a penalty on the values of a node to the loss, but in prediction.
  package mutating func penalize(_ node: Int, _ regularizer: Regularizer) {
    if case .prediction = purpose { return }
    let buffer = value(of: node)
    // The loss reads it after the forward pass.
    pin(buffer)
    penalties.append(
      PlannedPenalty(
        node: node, buffer: buffer, count: graph.nodes[node].shape.elementCount, regularizer: regularizer))
  }

  /// A buffer that a layer keeps from the forward to the backward pass.
  package mutating func scratch(ofNode node: Int, count: Int) -> BufferID {
    if let buffer = scratches[node] { return buffer }
    let buffer = newBuffer(.perRow(count))
    scratches[node] = buffer
    return buffer
  }

  /// A buffer for a result that the next operations use up.
  package mutating func temporary(count: Int) -> BufferID { newBuffer(.perRow(count)) }

  /// Whether the backward pass needs what goes into a node's activation.
  package func needsPreActivation(of node: Int, _ function: ActivationFunction) -> Bool {
    isTraining && needsGradient(node) && function.gradientNeedsInput
  }

  /// Say where what goes into a node's activation is kept.
  package mutating func setPreActivation(of node: Int, _ buffer: BufferID) { preActivations[node] = buffer }

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

  /// Whether anything has contributed to the gradient by a node's output.
  package func hasGradient(of node: Int) -> Bool { gradients[node] != nil }

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
            function, v: derivativeSource(of: node), dY: gradient, dX: gradient, count: .perRow(rows * columns)))
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
    _ operation: (_ destination: BufferID, _ activation: (v: BufferID, function: ActivationFunction)?) -> Operation
  ) {
    guard gradients[node] == nil else {
      let extent = Extent.perRow(graph.nodes[node].shape.elementCount)
      let contribution = newBuffer(extent)
      appendBackward(operation(contribution, nil))
      let sum = gradient(of: node)
      appendBackward(.combine(.add, a: sum, b: contribution, y: sum, count: extent))
      return
    }
    let destination = gradient(of: node)
    if canApplyActivation, readerCounts[node] == 1, let function = graph.activation(ofNode: node)?.elementwise,
      function.kind != .linear
    {
      appendBackward(operation(destination, (derivativeSource(of: node), function)))
      isPreActivationGradient[node] = true
    } else {
      appendBackward(operation(destination, nil))
    }
  }

  /// The gradient by each input of a layer is that by its output as it is.
  package mutating func passGradientThrough(_ site: LayerSite) {
    let gradient = gradient(of: site.output)
    let count = Extent.perRow(site.outputShape.elementCount)
    let inputs = site.inputs.filter { needsGradient($0) }
    // One of them may take over the buffer: the last, when the others have their copies.
    let heir = inputs.last { gradients[$0] == nil && readerCounts[$0] == 1 }
    for input in inputs where input != heir {
      appendGradient(of: input) { destination, _ in
        .activation(ActivationFunction(.linear), x: gradient, y: destination, count: count)
      }
    }
    if let heir { gradients[heir] = gradient }
  }

  /// Contribute to the gradient by a parameter. That of a layer applied once goes to the plan's sink; those of a shared
  /// layer are added up, and go there at the end, when nothing reads the weights any more.
  ///
  /// - Parameters:
  ///   - contraction: rows of the operation's sum for each row of the batch, if it is a product. A fused update needs
  ///     memory only for sums longer than one chunk.
  ///   - operation: writes the gradient to `destination`; with a sink it is complete.
  package mutating func appendGradient(
    ofParameter parameter: Int, contraction: Int,
    _ operation: (_ destination: BufferID?, _ sink: Int?) -> Operation
  ) {
    let fitsOneChunk = maximumBatch <= KernelTable<Float>.chunk / contraction
    if sink == .update, fitsOneChunk, applicationCounts[layout.parameters[parameter].layer] == 1 {
      appendBackward(operation(nil, parameter))
    } else {
      appendGradient(ofParameter: parameter) { destination, sink in operation(destination, sink) }
    }
  }

  package mutating func appendGradient(
    ofParameter parameter: Int, _ operation: (_ destination: BufferID, _ sink: Int?) -> Operation
  ) {
    guard applicationCounts[layout.parameters[parameter].layer] > 1 else {
      appendBackward(operation(gradientBuffer(ofParameter: parameter), parameter))
      return
    }
    if let sum = sharedGradients[parameter] {
      let count = Extent.fixed(layout.parameters[parameter].count)
      let contribution = newBuffer(count)
      appendBackward(operation(contribution, nil))
      appendBackward(.combine(.add, a: sum, b: contribution, y: sum, count: count))
    } else {
      let sum = gradientBuffer(ofParameter: parameter)
      sharedGradients[parameter] = sum
      appendBackward(operation(sum, nil))
    }
  }

  private mutating func gradientBuffer(ofParameter parameter: Int) -> BufferID {
    if sink == .update { return newBuffer(.fixed(layout.parameters[parameter].count)) }
    buffers.append(.gradient(parameter))
    return buffers.count - 1
  }

  // MARK: Inside

  /// What the derivative of a node's activation is made from: its output, unless a layer kept its input.
  private mutating func derivativeSource(of node: Int) -> BufferID { preActivations[node] ?? value(of: node) }

  private func layer(of node: Int) -> any Layer { graph.layers[graph.nodes[node].layer].layer }

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
