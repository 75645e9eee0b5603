// From a graph of layers to operations. Forward operations are appended in topological order, backward ones in reverse;
// this file knows about nodes, buffers and fusions, the layers know what they compute. How gradients come together is
// in Lowering+Gradients.swift.

import MartletCore
import MartletKernelInterface

package struct Lowering {
  enum Buffer {
    case arena(Extent, isPinned: Bool)
    case parameter(Int)
    case gradient(Int)
    case constant(Int)
    case transformedKernel(Int)
  }

  let graph: Graph
  let layout: ParameterLayout
  private let purpose: PlanPurpose
  let maximumBatch: Int
  /// Whether the values of all nodes can be read after a pass, not only those of inputs and outputs.
  private let keepsValues: Bool
  /// Whether convolutions may read transforms of their kernels. In prediction they are the executor's, made once for
  /// many passes; else the forward pass makes them.
  let transformsKernels: Bool

  private(set) var forward: [Operation] = []
  var backward: [Operation] = []
  /// What comes with the update of the weights.
  private(set) var finally: [Operation] = []
  var buffers: [Buffer] = []
  private(set) var constants: [Double] = []
  var transformedKernels: [TransformedKernel] = []
  var transformedCount = 0
  /// The transforms of kernels, by parameter.
  var kernelTransforms: [Int: BufferID] = [:]
  /// One for each output; none in prediction.
  private(set) var losses: [PlannedLoss] = []
  private(set) var penalties: [PlannedPenalty] = []

  private var values: [BufferID?]
  var gradients: [BufferID?]
  private var scratches: [BufferID?]
  var preActivations: [BufferID?]
  private var inners: [Int: BufferID] = [:]
  private var spreadInputs: [Int: [Int: BufferID]] = [:]
  private var normalizedGroups: [Int: NormalizedGroups] = [:]
  private var normalized: [Int: NormalizedColumns] = [:]
  private var parameterBuffers: [BufferID]
  /// Whether anything has contributed to the gradient by a parameter.
  var hasParameterGradient: [Bool]
  /// Where the gradients of parameters add up whose layer is applied more than once.
  var sharedGradients: [BufferID?]
  let readerCounts: [Int]
  let applicationCounts: [Int]
  let nodesNeedingGradient: [Bool]
  /// Nodes that do in training what they do in prediction.
  private let inferenceNodes: Set<Int>
  /// What products compute beyond their own nodes.
  private(set) var fusion: Fusion

  /// Nodes whose gradient is already the one before their activation.
  var isPreActivationGradient: [Bool]

  init(
    graph: Graph, layout: ParameterLayout, purpose: PlanPurpose, maximumBatch: Int, keepsValues: Bool = false,
    transformsKernels: Bool = false
  ) {
    self.graph = graph
    self.layout = layout
    self.purpose = purpose
    self.maximumBatch = maximumBatch
    self.keepsValues = keepsValues
    self.transformsKernels = transformsKernels && !keepsValues
    let none = [BufferID?](repeating: nil, count: graph.nodes.count)
    (values, gradients, scratches, preActivations) = (none, none, none, none)
    isPreActivationGradient = .init(repeating: false, count: graph.nodes.count)
    parameterBuffers = Array(layout.parameters.indices)
    buffers = layout.parameters.indices.map { .parameter($0) }
    sharedGradients = .init(repeating: nil, count: layout.parameters.count)
    hasParameterGradient = .init(repeating: false, count: layout.parameters.count)
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
      let isTrained = layer.isTrainable && layer.weights.contains(where: \.isTrainable)
      needing[index] = isTrained || node.inputs.contains { needing[$0] }
    }
    nodesNeedingGradient = needing
    inferenceNodes = graph.inferenceNodes
    fusion = Fusion(nodeCount: graph.nodes.count)
  }

  mutating func lower() {
    if !keepsValues { fusion = Fusion(graph, readerCounts: readerCounts) { canFuse($0) } }
    for index in graph.nodes.indices {
      guard let node = fusion.lowered(at: index) else { continue }
      layer(of: node).lowerForward(site(node), into: &self)
    }
    for node in keepsValues ? Array(graph.nodes.indices) : graph.inputs + graph.outputs { pin(value(of: node)) }
    for (output, configuration) in zip(graph.outputs, lossConfigurations) { plan(configuration, of: output) }
    let penalized = Set(penalties.map(\.node))
    for index in graph.nodes.indices.reversed()
    where isTraining && nodesNeedingGradient[index] && (gradients[index] != nil || penalized.contains(index)) {
      layer(of: index).lowerBackward(site(index), into: &self)
    }
    if isTraining { appendMissingGradients() }
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

  var isPrediction: Bool {
    if case .prediction = purpose { true } else { false }
  }

  /// Whether a layer does there what it does in training.
  package func isTraining(_ site: LayerSite) -> Bool { isTraining && !inferenceNodes.contains(site.output) }

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

  /// Whether a node may be a part of a product: no backward pass reads what goes into it, and it is no output of which
  /// the loss takes the activation.
  private func canFuse(_ node: Int) -> Bool {
    let normalizesBatch = layer(of: node) is BatchNormalization && usesBatchStatistics(site(node))
    return !normalizesBatch && !(isTraining && nodesNeedingGradient[node]) && !lossTakesActivation(of: node)
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
    if isPrediction { return }
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

  /// A buffer for what a layer of two steps computes in between, kept like `scratch`.
  package mutating func inner(ofNode node: Int, count: Int) -> BufferID {
    if let buffer = inners[node] { return buffer }
    let buffer = newBuffer(.perRow(count))
    inners[node] = buffer
    return buffer
  }

  /// A buffer for an input of a node in the shape of its output, kept like `scratch`.
  package mutating func spreadInput(_ position: Int, ofNode node: Int, count: Int) -> BufferID {
    if let buffer = spreadInputs[node]?[position] { return buffer }
    let buffer = newBuffer(.perRow(count))
    spreadInputs[node, default: [:]][position] = buffer
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

  /// Whether a layer that normalises batches does so with the statistics of the batch.
  package func usesBatchStatistics(_ site: LayerSite) -> Bool {
    isTraining(site) && graph.layers[graph.nodes[site.output].layer].isTrainable
  }

  /// Keep what a normalisation has been made with for its gradient.
  package mutating func setNormalizedColumns(of node: Int, _ columns: NormalizedColumns) {
    normalized[node] = columns
  }

  package func normalizedColumns(of node: Int) -> NormalizedColumns? { normalized[node] }

  package mutating func setNormalizedGroups(of node: Int, _ groups: NormalizedGroups) {
    normalizedGroups[node] = groups
  }

  package func normalizedGroups(of node: Int) -> NormalizedGroups? { normalizedGroups[node] }

  /// Append to the training step what comes with the update of the weights: it is not done if that is not.
  package mutating func appendFinally(_ operation: Operation) { finally.append(operation) }

  /// A buffer with fixed contents.
  package mutating func constant(_ values: [Double]) -> BufferID {
    buffers.append(.constant(constants.count))
    constants += values
    // The next constant starts on a cache line.
    while constants.count % 16 != 0 { constants.append(0) }
    return buffers.count - 1
  }

  package mutating func appendForward(_ operation: Operation) { forward.append(operation) }

  // MARK: Inside

  private func layer(of node: Int) -> any Layer { graph.layers[graph.nodes[node].layer].layer }

  func site(_ index: Int) -> LayerSite {
    let node = graph.nodes[index]
    return LayerSite(
      inputs: node.inputs, output: index, inputShapes: node.inputs.map { graph.nodes[$0].shape },
      outputShape: node.shape, parameters: layout.range(ofLayer: node.layer))
  }

  mutating func newBuffer(_ extent: Extent, isPinned: Bool = false) -> BufferID {
    buffers.append(.arena(extent, isPinned: isPinned))
    return buffers.count - 1
  }

  /// Give a buffer memory for the whole step: the caller reads or writes it between operations.
  private mutating func pin(_ buffer: BufferID) {
    if case .arena(let extent, _) = buffers[buffer] { buffers[buffer] = .arena(extent, isPinned: true) }
  }
}
