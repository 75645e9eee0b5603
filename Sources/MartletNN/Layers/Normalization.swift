// Standardisation with fixed statistics: Keras' Normalization after adapt(), and mean-image subtraction.

import MartletCore

/// y = (x - mean) / max(sqrt(variance), 1e-7). The statistics are 1 (for everything), one per element of the last axis, or
/// one per element of a row.
package struct Normalization: Layer {
  package var mean: [Float]
  package var variance: [Float]

  /// Statistics are Swift arrays, whose memory is not checked: so they stay small, at most 64 MB.
  package static let maximumCount = 1 << 24

  /// Keras' guard against a feature that never varies.
  static let epsilon: Float = 1e-7

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

  /// y = x * factor + shift.
  private var factors: [Float] { variance.map { 1 / max($0.squareRoot(), Normalization.epsilon) } }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let factors = factors
    let shifts = zip(mean, factors).map { -$0 * $1 }
    append(factors: factors, shifts: shifts, x: lowering.value(of: site.inputs[0]), site, into: &lowering) {
      lowering, operation in
      lowering.appendForward(operation(lowering.value(of: site.output)))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let dY = lowering.gradient(of: site.output)
    append(factors: factors, shifts: mean.map { _ in 0 }, x: dY, site, into: &lowering) { lowering, operation in
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in operation(destination) }
    }
  }

  private func append(
    factors: [Float], shifts: [Float], x: BufferID, _ site: LayerSite, into lowering: inout Lowering,
    _ emit: (inout Lowering, (BufferID) -> Operation) -> Void
  ) {
    let count = site.outputShape.elementCount
    if factors.count == 1 {
      emit(&lowering) {
        .scale(x: x, scale: Double(factors[0]), offset: Double(shifts[0]), y: $0, count: .perRow(count))
      }
    } else {
      let scale = lowering.constant(factors)
      let offset = lowering.constant(shifts)
      emit(&lowering) {
        .scaleColumns(
          x: x, scale: scale, offset: offset, y: $0, rows: .perRow(count / factors.count), columns: factors.count)
      }
    }
  }
}
