// The ReLU whose slope below zero is learned (He et al. 2015).

import MartletCore
import MartletKernelInterface

/// y = x for x > 0, alpha x otherwise; alpha has the shape of a row, or is one number for each channel.
package struct PReLU: Layer {
  package var alpha: WeightOptions
  /// How many axes of a row have one alpha: none, or all but the last, so that each channel has its own.
  package var sharedAxes: Int

  package init(alpha: WeightOptions = WeightOptions(.zeros), sharedAxes: Int = 0) {
    self.alpha = alpha
    self.sharedAxes = sharedAxes
  }

  /// Alphas; a plan has constants of this number.
  package static let maximumCount = Normalization.maximumCount

  package var className: String { "PReLU" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    guard sharedAxes == 0 || sharedAxes == input.rank - 1 else {
      throw MartletError(
        .invalidArgument,
        "PReLU shares alpha along \(sharedAxes) axes; rows of shape \(input) take 0 or \(input.rank - 1)")
    }
    let count = sharedAxes > 0 ? input.lastDimension : input.elementCount
    guard count <= Self.maximumCount else {
      throw MartletError(
        .unsupported, "PReLU has \(count) alphas for rows of shape \(input); at most \(Self.maximumCount)")
    }
    return input
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let input = try single(inputs)
    let places = [Int](repeating: 1, count: input.rank - 1)
    return [
      try alpha.specification(
        "alpha", sharedAxes > 0 ? places + [input.lastDimension] : input.dimensions, of: className)
    ]
  }

  /// Rows and columns of x, of which each column has its alpha; and what lies below zero, with the sign turned.
  private func parts(
    _ site: LayerSite, _ lowering: inout Lowering
  ) -> (rows: Extent, columns: Int, below: BufferID) {
    let count = site.outputShape.elementCount
    let columns = sharedAxes > 0 ? site.outputShape.lastDimension : count
    return (.perRow(count / columns), columns, lowering.scratch(ofNode: site.output, count: count))
  }

  // y = max(x, 0) - alpha max(-x, 0)
  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = Extent.perRow(site.outputShape.elementCount)
    let (rows, columns, below) = parts(site, &lowering)
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    let scaled = lowering.temporary(count: site.outputShape.elementCount)
    let zeros = lowering.constant(.init(repeating: 0, count: columns))
    let alpha = lowering.parameter(site.parameters.lowerBound)
    lowering.appendForward(.scale(x: x, scale: -1, offset: 0, y: below, count: count))
    lowering.appendForward(.activation(ActivationFunction(.relu), x: below, y: below, count: count))
    lowering.appendForward(
      .standardizeColumns(x: below, mean: zeros, factor: alpha, y: scaled, rows: rows, columns: columns))
    lowering.appendForward(.activation(ActivationFunction(.relu), x: x, y: y, count: count))
    lowering.appendForward(.combine(.subtract, a: y, b: scaled, y: y, count: count))
  }

  // dX = dY where x > 0, alpha dY where x < 0;  dalpha = - sum over rows of dY max(-x, 0).
  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = Extent.perRow(site.outputShape.elementCount)
    let (rows, columns, below) = parts(site, &lowering)
    let x = lowering.value(of: site.inputs[0])
    let dY = lowering.gradient(of: site.output)
    let zeros = lowering.constant(.init(repeating: 0, count: columns))
    let parameter = site.parameters.lowerBound
    if lowering.needsGradient(site.inputs[0]) {
      let above = lowering.temporary(count: site.outputShape.elementCount)
      let scaled = lowering.temporary(count: site.outputShape.elementCount)
      let relu = ActivationFunction(.relu)
      lowering.appendBackward(.activationGradient(relu, v: x, dY: dY, dX: above, count: count))
      lowering.appendBackward(
        .standardizeColumns(
          x: dY, mean: zeros, factor: lowering.parameter(parameter), y: scaled, rows: rows, columns: columns))
      lowering.appendBackward(.activationGradient(relu, v: below, dY: scaled, dX: scaled, count: count))
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .combine(.add, a: above, b: scaled, y: destination, count: count)
      }
    }
    guard lowering.isTrainable(parameter) else { return }
    let minusOnes = lowering.constant(.init(repeating: -1, count: columns))
    let sums = (dOffset: lowering.newBuffer(.fixed(columns)), dAlpha: lowering.newBuffer(.fixed(columns)))
    let normalized = NormalizedColumns(
      x: below, rows: rows, columns: columns, mean: zeros, deviation: minusOnes, scale: minusOnes)
    lowering.appendBackward(.normalizationSums(normalized, dY: dY, dOffset: sums.dOffset, dGamma: sums.dAlpha))
    lowering.appendGradient(ofParameter: parameter) { destination, sink in
      .columnSums(x: sums.dAlpha, rows: .fixed(1), columns: columns, sums: destination, parameter: sink)
    }
  }
}
