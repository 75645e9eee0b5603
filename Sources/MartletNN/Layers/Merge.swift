// Layers that combine inputs of one shape element by element: Add, Subtract, Multiply, Average, Maximum.

import MartletCore
import MartletKernelInterface

/// y = x1 ∘ x2 ∘ …; every input and the output have the same shape.
package struct Merge: Layer {
  package enum Kind: Sendable, CaseIterable {
    /// y = x1 + x2 + …
    case add
    /// y = x1 - x2
    case subtract
    /// y = x1 x2 …
    case multiply
    /// y = (x1 + x2 + …) / k
    case average
    /// y = max(x1, x2, …); where inputs are equal, the first of them gets the gradient.
    case maximum
  }

  package var kind: Kind

  package init(_ kind: Kind) { self.kind = kind }

  package var className: String {
    switch kind {
    case .add: "Add"
    case .subtract: "Subtract"
    case .multiply: "Multiply"
    case .average: "Average"
    case .maximum: "Maximum"
    }
  }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    guard kind == .subtract ? inputs.count == 2 : inputs.count >= 2 else {
      throw MartletError(
        .invalidArgument,
        "\(className) takes \(kind == .subtract ? "2 inputs" : "2 or more inputs"), \(inputs.count) were given")
    }
    for (index, shape) in inputs.enumerated() where shape != inputs[0] {
      throw MartletError(
        .invalidArgument,
        "\(className) takes inputs of one shape; input 0 has rows of shape \(inputs[0]), input \(index) of \(shape)")
    }
    return inputs[0]
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = Extent.perRow(site.outputShape.elementCount)
    let y = lowering.value(of: site.output)
    var first = lowering.value(of: site.inputs[0])
    for input in site.inputs.dropFirst() {
      lowering.appendForward(.combine(combination, a: first, b: lowering.value(of: input), y: y, count: count))
      first = y
    }
    if kind == .average {
      lowering.appendForward(.scale(x: y, scale: 1 / Double(site.inputs.count), offset: 0, y: y, count: count))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = Extent.perRow(site.outputShape.elementCount)
    let dY = lowering.gradient(of: site.output)
    switch kind {
    case .add: lowering.passGradientThrough(site)
    case .subtract:
      appendScaledGradient(of: site.inputs[0], dY, 1, count, into: &lowering)
      appendScaledGradient(of: site.inputs[1], dY, -1, count, into: &lowering)
    case .average:
      for input in site.inputs {
        appendScaledGradient(of: input, dY, 1 / Double(site.inputs.count), count, into: &lowering)
      }
    case .multiply:
      for position in site.inputs.indices { appendProductGradient(position, site, dY, count, into: &lowering) }
    case .maximum: lowerMaximumBackward(site, dY, count, into: &lowering)
    }
  }

  private var combination: Combination {
    switch kind {
    case .add, .average: .add
    case .subtract: .subtract
    case .multiply: .multiply
    case .maximum: .maximum
    }
  }

  private func appendScaledGradient(
    of input: Int, _ dY: BufferID, _ scale: Double, _ count: Extent, into lowering: inout Lowering
  ) {
    guard lowering.needsGradient(input) else { return }
    lowering.appendGradient(of: input) { destination, _ in
      .scale(x: dY, scale: scale, offset: 0, y: destination, count: count)
    }
  }

  // dX_i = dY times the other inputs; the last factor goes with the operation that contributes.
  private func appendProductGradient(
    _ position: Int, _ site: LayerSite, _ dY: BufferID, _ count: Extent, into lowering: inout Lowering
  ) {
    guard lowering.needsGradient(site.inputs[position]) else { return }
    var others = site.inputs
    others.remove(at: position)
    var product = dY
    for other in others.dropLast() {
      let next = lowering.temporary(count: site.outputShape.elementCount)
      lowering.appendBackward(.combine(.multiply, a: product, b: lowering.value(of: other), y: next, count: count))
      product = next
    }
    let last = lowering.value(of: others[others.count - 1])
    lowering.appendGradient(of: site.inputs[position]) { destination, _ in
      .combine(.multiply, a: product, b: last, y: destination, count: count)
    }
  }

  // The first input that equals the maximum takes the gradient there, and leaves what remains to the next ones.
  private func lowerMaximumBackward(
    _ site: LayerSite, _ dY: BufferID, _ count: Extent, into lowering: inout Lowering
  ) {
    let y = lowering.value(of: site.output)
    var rest = dY
    for (position, input) in site.inputs.enumerated() {
      let x = lowering.value(of: input)
      if lowering.needsGradient(input) {
        lowering.appendGradient(of: input) { [rest] destination, _ in
          .gate(a: x, b: y, whereEqual: true, x: rest, y: destination, count: count)
        }
      }
      guard position < site.inputs.count - 1 else { return }
      let next = rest == dY ? lowering.temporary(count: site.outputShape.elementCount) : rest
      lowering.appendBackward(.gate(a: x, b: y, whereEqual: false, x: rest, y: next, count: count))
      rest = next
    }
  }
}
