// Normalisation of each row by itself: LayerNormalization (Ba et al. 2016) and GroupNormalization (Wu and He 2018).

import MartletCore
import MartletKernelInterface

/// Y = gamma (X - mean) / sqrt(variance + epsilon) + beta, gamma and beta [C]. LayerNormalization: mean and variance of
/// the last axis, X [N, ..., C]. GroupNormalization: those of each of some groups of channels over all places of a row.
package struct GroupNormalization: Layer {
  package enum Kind: Sendable, Equatable {
    case layer
    /// nil: a group for each channel.
    case groups(Int?)
  }

  package var kind: Kind
  package var epsilon: Double
  /// nil: 0.
  package var beta: WeightOptions?
  /// nil: 1.
  package var gamma: WeightOptions?

  package init(
    _ kind: Kind, epsilon: Double = 1e-3, beta: WeightOptions? = WeightOptions(.zeros),
    gamma: WeightOptions? = WeightOptions(.ones)
  ) {
    self.kind = kind
    self.epsilon = epsilon
    self.beta = beta
    self.gamma = gamma
  }

  package var className: String { kind == .layer ? "LayerNormalization" : "GroupNormalization" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    if case .groups(let groups?) = kind, input.lastDimension % groups != 0 {
      throw MartletError(
        .invalidArgument, "\(className) has \(groups) groups, which must divide the \(input.lastDimension) channels")
    }
    return input
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let channels = [try single(inputs).lastDimension]
    var weights: [WeightSpecification] = []
    if let gamma { weights.append(try gamma.specification("gamma", channels, of: className)) }
    if let beta { weights.append(try beta.specification("beta", channels, of: className)) }
    return weights
  }

  private func places(_ site: LayerSite) -> (gamma: Int?, beta: Int?) {
    let first = site.parameters.lowerBound
    return (gamma == nil ? nil : first, beta == nil ? nil : first + (gamma == nil ? 0 : 1))
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let channels = site.outputShape.lastDimension
    let places = site.outputShape.elementCount / channels
    let (rows, placesOfRow, groups) =
      switch kind {
      case .layer: (places, 1, 1)
      case .groups(let groups): (1, places, groups ?? channels)
      }
    let parameters = self.places(site)
    let normalized = NormalizedGroups(
      x: lowering.value(of: site.inputs[0]), rows: .perRow(rows), places: placesOfRow, channels: channels,
      groups: groups, mean: lowering.newBuffer(.perRow(rows * groups)),
      deviation: lowering.newBuffer(.perRow(rows * groups)), gamma: parameters.gamma.map { lowering.parameter($0) })
    lowering.appendForward(
      .groupNormalization(
        normalized, epsilon: Float(epsilon), beta: parameters.beta.map { lowering.parameter($0) },
        y: lowering.value(of: site.output)))
    lowering.setNormalizedGroups(of: site.output, normalized)
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let normalized = lowering.normalizedGroups(of: site.output) else { return }
    let (parameters, channels) = (places(site), normalized.channels)
    let dY = lowering.gradient(of: site.output)
    let trained = [parameters.gamma, parameters.beta].contains { $0.map { lowering.isTrainable($0) } ?? false }
    let sums = (dBeta: lowering.newBuffer(.fixed(channels)), dGamma: lowering.newBuffer(.fixed(channels)))
    if trained {
      lowering.appendBackward(
        .groupNormalizationSums(normalized, dY: dY, dBeta: sums.dBeta, dGamma: sums.dGamma))
    }
    if lowering.needsGradient(site.inputs[0]) {
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .groupNormalizationGradient(normalized, dY: dY, dX: destination)
      }
    }
    // Gamma and beta come last: what is above reads them.
    for (parameter, sum) in [(parameters.gamma, sums.dGamma), (parameters.beta, sums.dBeta)] {
      guard let parameter, lowering.isTrainable(parameter) else { continue }
      lowering.appendGradient(ofParameter: parameter) { destination, sink in
        .columnSums(x: sum, rows: .fixed(1), columns: channels, sums: destination, parameter: sink)
      }
    }
  }
}
