// Where gradients go: those by the values of nodes, which add up over a node's readers, and those by parameters, which
// go to the sink of the plan.

import MartletCore
import MartletKernelInterface

extension Lowering {
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
      appendAddition(to: gradient(of: node), .perRow(graph.nodes[node].shape.elementCount)) { operation($0, nil) }
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
      hasParameterGradient[parameter] = true
      appendBackward(operation(nil, parameter))
    } else {
      appendGradient(ofParameter: parameter) { destination, sink in operation(destination, sink) }
    }
  }

  package mutating func appendGradient(
    ofParameter parameter: Int, _ operation: (_ destination: BufferID, _ sink: Int?) -> Operation
  ) {
    hasParameterGradient[parameter] = true
    guard applicationCounts[layout.parameters[parameter].layer] > 1 else {
      appendBackward(operation(gradientBuffer(ofParameter: parameter), parameter))
      return
    }
    if let sum = sharedGradients[parameter] {
      appendAddition(to: sum, .fixed(layout.parameters[parameter].count)) { operation($0, nil) }
    } else {
      let sum = gradientBuffer(ofParameter: parameter)
      sharedGradients[parameter] = sum
      appendBackward(operation(sum, nil))
    }
  }

  /// Add the result of an operation to what is in a buffer: on its way there, if the operation can do that.
  private mutating func appendAddition(
    to sum: BufferID, _ count: Extent, _ operation: (_ destination: BufferID) -> Operation
  ) {
    if let adding = operation(sum).addingResult { return appendBackward(adding) }
    let contribution = newBuffer(count)
    appendBackward(operation(contribution))
    appendBackward(.combine(.add, a: sum, b: contribution, y: sum, count: count))
  }

  /// A weight that no loss depends on has the gradient 0, to which its regularisation is added.
  mutating func appendMissingGradients() {
    for (index, parameter) in layout.parameters.enumerated()
    where parameter.isTrainable && !hasParameterGradient[index] {
      let gradient = gradientBuffer(ofParameter: index)
      appendBackward(.clear(gradient, count: .fixed(parameter.count)))
      if sink == .update { appendBackward(.update(parameter: index, gradient: gradient)) }
    }
  }

  /// What the derivative of a node's activation is made from: its output, unless a layer kept its input.
  private mutating func derivativeSource(of node: Int) -> BufferID { preActivations[node] ?? value(of: node) }

  private mutating func gradientBuffer(ofParameter parameter: Int) -> BufferID {
    if sink == .update { return newBuffer(.fixed(layout.parameters[parameter].count)) }
    buffers.append(.gradient(parameter))
    return buffers.count - 1
  }
}
