// Standardisation with fixed statistics: Keras' Normalization after adapt(), and mean-image subtraction.

import MartletCore

/// y = (x - mean) / max(sqrt(variance), 1e-7). The statistics are 1 (for everything), one per element of the last axis,
/// or one per element of a row.
package struct Normalization: Layer {
  package var mean: [Float]
  package var variance: [Float]

  /// Statistics are Swift arrays, whose memory is not checked: so they stay small, at most
  /// 128 MB as constants of a plan.
  package static let maximumCount = 1 << 24

  /// Keras' guard against a feature that never varies.
  static let epsilon = 1e-7

  package init(mean: [Float], variance: [Float]) {
    self.mean = mean
    self.variance = variance
  }

  package var className: String { "Normalization" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    guard mean.count == variance.count else {
      throw MartletError(
        .invalidArgument, "Normalization has \(mean.count) means and \(variance.count) variances")
    }
    guard mean.count <= Normalization.maximumCount else {
      throw MartletError(
        .unsupported, "Normalization has \(mean.count) statistics; at most \(Normalization.maximumCount) are supported")
    }
    guard [1, input.lastDimension, input.elementCount].contains(mean.count) else {
      throw MartletError(
        .invalidArgument,
        "Normalization has \(mean.count) statistics; rows of shape \(input) take 1, \(input.lastDimension) or "
          + "\(input.elementCount)")
    }
    return input
  }

  // In double, to be rounded once, to what the plan runs in.
  private var factors: [Double] { variance.map { 1 / max(Double($0).squareRoot(), Normalization.epsilon) } }

  // In two roundings, as the formula has it: x * factor - mean * factor would cost a feature whose mean is large its
  // last digits, and one that never varies would not become zero.
  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = site.outputShape.elementCount
    let x = lowering.value(of: site.inputs[0])
    let y = lowering.value(of: site.output)
    if mean.count == 1 {
      lowering.appendForward(.scale(x: x, scale: 1, offset: -Double(mean[0]), y: y, count: .perRow(count)))
      lowering.appendForward(.scale(x: y, scale: factors[0], offset: 0, y: y, count: .perRow(count)))
    } else {
      lowering.appendForward(
        .standardizeColumns(
          x: x, mean: lowering.constant(mean.map(Double.init)), factor: lowering.constant(factors), y: y,
          rows: .perRow(count / mean.count), columns: mean.count))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let count = site.outputShape.elementCount
    let dY = lowering.gradient(of: site.output)
    if mean.count == 1 {
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .scale(x: dY, scale: factors[0], offset: 0, y: destination, count: .perRow(count))
      }
    } else {
      let zeros = lowering.constant(mean.map { _ in 0 })
      let factor = lowering.constant(factors)
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .standardizeColumns(
          x: dY, mean: zeros, factor: factor, y: destination, rows: .perRow(count / mean.count), columns: mean.count)
      }
    }
  }
}
