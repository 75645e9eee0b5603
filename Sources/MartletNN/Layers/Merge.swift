// Layers that combine inputs of one shape element by element: Add, Subtract, Multiply, Average, Maximum.

import MartletCore
import MartletKernelInterface

/// y = x1 ∘ x2 ∘ …; inputs have the same shape, but axes of size 1, before the last one, of images and sequences are
/// spread over those of the others.
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
    var dimensions = inputs[0].dimensions
    for (index, shape) in inputs.enumerated() {
      // Images and sequences: of other rows there is nothing to spread.
      let axes = (2...3).contains(shape.rank) && shape.rank == dimensions.count ? 0..<(shape.rank - 1) : 0..<0
      for axis in axes where dimensions[axis] == 1 { dimensions[axis] = shape.dimensions[axis] }
      let spread = dimensions.indices.map { axes.contains($0) && $0 < shape.rank && shape.dimensions[$0] == 1 }
      guard shape.rank == dimensions.count,
        dimensions.indices.allSatisfy({ spread[$0] || dimensions[$0] == shape.dimensions[$0] })
      else {
        throw MartletError(
          .invalidArgument,
          "\(className) takes inputs of one shape; input 0 has rows of shape \(inputs[0]), input \(index) of \(shape)")
      }
    }
    return try Shape(dimensions, of: "the output of a \(className) layer")
  }

  /// How an input is spread over the output; nil if it has its shape.
  private func spread(_ position: Int, _ site: LayerSite) -> ResizeGeometry? {
    let (input, output) = (site.inputShapes[position], site.outputShape)
    guard input != output, let from = try? SlidingWindow.image(input, rank: input.rank - 1, of: className),
      let to = try? SlidingWindow.image(output, rank: output.rank - 1, of: className)
    else { return nil }
    return ResizeGeometry(
      height: from.size[0], width: from.size[1], channels: from.channels, resultHeight: to.size[0],
      resultWidth: to.size[1], interpolation: .nearest)
  }

  /// The value of an input in the shape of the output.
  private func value(_ position: Int, _ site: LayerSite, _ lowering: inout Lowering) -> BufferID {
    let x = lowering.value(of: site.inputs[position])
    guard spread(position, site) != nil else { return x }
    return lowering.spreadInput(position, ofNode: site.output, count: site.outputShape.elementCount)
  }

  /// Contribute to the gradient by an input what an operation makes in the shape of the output.
  private func appendGradient(
    _ position: Int, _ site: LayerSite, into lowering: inout Lowering, _ operation: (BufferID) -> Operation
  ) {
    guard lowering.needsGradient(site.inputs[position]) else { return }
    guard let geometry = spread(position, site) else {
      lowering.appendGradient(of: site.inputs[position]) { destination, _ in operation(destination) }
      return
    }
    let whole = lowering.temporary(count: site.outputShape.elementCount)
    lowering.appendBackward(operation(whole))
    lowering.appendGradient(of: site.inputs[position]) { destination, _ in
      .resizeGradient(geometry, dY: whole, dX: destination)
    }
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = Extent.perRow(site.outputShape.elementCount)
    let y = lowering.value(of: site.output)
    for position in site.inputs.indices {
      if let geometry = spread(position, site) {
        let x = lowering.value(of: site.inputs[position])
        lowering.appendForward(.resize(geometry, x: x, y: value(position, site, &lowering)))
      }
    }
    var first = value(0, site, &lowering)
    for position in site.inputs.indices.dropFirst() {
      lowering.appendForward(
        .combine(combination, a: first, b: value(position, site, &lowering), y: y, count: count))
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
    case .add where site.inputShapes.allSatisfy({ $0 == site.outputShape }): lowering.passGradientThrough(site)
    case .add:
      for position in site.inputs.indices { appendScaledGradient(position, site, dY, 1, count, into: &lowering) }
    case .subtract:
      appendScaledGradient(0, site, dY, 1, count, into: &lowering)
      appendScaledGradient(1, site, dY, -1, count, into: &lowering)
    case .average:
      for position in site.inputs.indices {
        appendScaledGradient(position, site, dY, 1 / Double(site.inputs.count), count, into: &lowering)
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
    _ position: Int, _ site: LayerSite, _ dY: BufferID, _ scale: Double, _ count: Extent,
    into lowering: inout Lowering
  ) {
    appendGradient(position, site, into: &lowering) { destination in
      .scale(x: dY, scale: scale, offset: 0, y: destination, count: count)
    }
  }

  // dX_i = dY times the other inputs; the last factor goes with the operation that contributes.
  private func appendProductGradient(
    _ position: Int, _ site: LayerSite, _ dY: BufferID, _ count: Extent, into lowering: inout Lowering
  ) {
    guard lowering.needsGradient(site.inputs[position]) else { return }
    let others = site.inputs.indices.filter { $0 != position }
    var product = dY
    for other in others.dropLast() {
      let next = lowering.temporary(count: site.outputShape.elementCount)
      lowering.appendBackward(
        .combine(.multiply, a: product, b: value(other, site, &lowering), y: next, count: count))
      product = next
    }
    let last = value(others[others.count - 1], site, &lowering)
    appendGradient(position, site, into: &lowering) { destination in
      .combine(.multiply, a: product, b: last, y: destination, count: count)
    }
  }

  // The first input that equals the maximum takes the gradient there, and leaves what remains to the next ones.
  private func lowerMaximumBackward(
    _ site: LayerSite, _ dY: BufferID, _ count: Extent, into lowering: inout Lowering
  ) {
    let y = lowering.value(of: site.output)
    var rest = dY
    for position in site.inputs.indices {
      let x = value(position, site, &lowering)
      appendGradient(position, site, into: &lowering) { [rest] destination in
        .gate(a: x, b: y, whereEqual: true, x: rest, y: destination, count: count)
      }
      guard position < site.inputs.count - 1 else { return }
      let next = rest == dY ? lowering.temporary(count: site.outputShape.elementCount) : rest
      lowering.appendBackward(.gate(a: x, b: y, whereEqual: false, x: rest, y: next, count: count))
      rest = next
    }
  }
}
