// Batch normalisation of the last axis (Ioffe and Szegedy 2015), as Keras 3 has it.

import MartletCore
import MartletKernelInterface

/// Y = gamma (X - mean) / sqrt(variance + epsilon) + beta for each channel, X and Y [N, ..., C]. In training mean and
/// variance are those of the batch, over all axes but the last, the variance divided by the number of elements; and the
/// moving ones come nearer to them: moving = momentum moving + (1 - momentum) batch. In prediction and evaluation, and
/// where the layer is frozen, they are the moving ones.
package struct BatchNormalization: Layer {
  package var momentum: Double
  package var epsilon: Double
  /// nil: 0.
  package var beta: WeightOptions?
  /// nil: 1.
  package var gamma: WeightOptions?
  package var movingMean: Initializer
  package var movingVariance: Initializer

  package init(
    momentum: Double = 0.99, epsilon: Double = 1e-3, beta: WeightOptions? = WeightOptions(.zeros),
    gamma: WeightOptions? = WeightOptions(.ones), movingMean: Initializer = .zeros, movingVariance: Initializer = .ones
  ) {
    self.momentum = momentum
    self.epsilon = epsilon
    self.beta = beta
    self.gamma = gamma
    self.movingMean = movingMean
    self.movingVariance = movingVariance
  }

  package var className: String { "BatchNormalization" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { try single(inputs) }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let channels = [try single(inputs).lastDimension]
    var weights: [WeightSpecification] = []
    if let gamma { weights.append(try gamma.specification("gamma", channels, of: className)) }
    if let beta { weights.append(try beta.specification("beta", channels, of: className)) }
    for (name, initializer) in [("moving_mean", movingMean), ("moving_variance", movingVariance)] {
      var statistics = try WeightOptions(initializer).specification(name, channels, of: className)
      statistics.isTrainable = false
      weights.append(statistics)
    }
    return weights
  }

  /// The layer's weights in a plan.
  private func places(_ site: LayerSite) -> (gamma: Int?, beta: Int?, mean: Int, variance: Int) {
    let first = site.parameters.lowerBound
    let count = (gamma == nil ? 0 : 1) + (beta == nil ? 0 : 1)
    return (
      gamma == nil ? nil : first, beta == nil ? nil : first + count - 1, first + count, first + count + 1
    )
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let places = places(site)
    let columns = site.outputShape.lastDimension
    let rows = Extent.perRow(site.outputShape.elementCount / columns)
    let x = lowering.value(of: site.inputs[0])
    var (mean, variance) = (lowering.parameter(places.mean), lowering.parameter(places.variance))
    if lowering.usesBatchStatistics(site) {
      let (moving, movingVariance) = (mean, variance)
      (mean, variance) = (lowering.newBuffer(.fixed(columns)), lowering.newBuffer(.fixed(columns)))
      lowering.appendForward(.columnMoments(x: x, rows: rows, columns: columns, mean: mean, variance: variance))
      // With the update of the weights: a step that fails leaves these as they are, too.
      lowering.appendFinally(.moveTowards(x: mean, momentum: momentum, y: moving, count: columns))
      lowering.appendFinally(.moveTowards(x: variance, momentum: momentum, y: movingVariance, count: columns))
    }
    let normalized = NormalizedColumns(
      x: x, rows: rows, columns: columns, mean: mean, deviation: lowering.newBuffer(.fixed(columns)),
      scale: lowering.newBuffer(.fixed(columns)))
    lowering.appendForward(
      .normalizationScale(
        variance: variance, epsilon: Float(epsilon), gamma: places.gamma.map { lowering.parameter($0) },
        deviation: normalized.deviation, scale: normalized.scale, columns: columns))
    lowering.appendForward(
      .normalizeColumns(
        normalized, offset: places.beta.map { lowering.parameter($0) }, y: lowering.value(of: site.output)))
    lowering.setNormalizedColumns(of: site.output, normalized)
  }

  /// Append what makes a scale and an offset of given statistics, so that Y = scale (X - bias) + offset for the X of a
  /// layer with a bias.
  func appendColumns(
    _ site: LayerSite, bias: BufferID?, into lowering: inout Lowering
  ) -> (scale: BufferID, offset: BufferID) {
    let places = places(site)
    let columns = site.outputShape.lastDimension
    let (scale, offset) = (lowering.newBuffer(.fixed(columns)), lowering.newBuffer(.fixed(columns)))
    lowering.appendForward(
      .normalizationScale(
        variance: lowering.parameter(places.variance), epsilon: Float(epsilon),
        gamma: places.gamma.map { lowering.parameter($0) }, deviation: lowering.newBuffer(.fixed(columns)),
        scale: scale, columns: columns))
    lowering.appendForward(
      .normalizationOffset(
        mean: lowering.parameter(places.mean), scale: scale, bias: bias,
        beta: places.beta.map { lowering.parameter($0) }, offset: offset, columns: columns))
    return (scale, offset)
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let normalized = lowering.normalizedColumns(of: site.output) else { return }
    let places = places(site)
    let columns = normalized.columns
    let dY = lowering.gradient(of: site.output)
    let usesBatch = lowering.usesBatchStatistics(site)
    let trained = [places.gamma, places.beta].contains { $0.map { lowering.isTrainable($0) } ?? false }
    let sums = (dOffset: lowering.newBuffer(.fixed(columns)), dGamma: lowering.newBuffer(.fixed(columns)))
    if trained || usesBatch {
      lowering.appendBackward(
        .normalizationSums(normalized, dY: dY, dOffset: sums.dOffset, dGamma: sums.dGamma))
    }
    if lowering.needsGradient(site.inputs[0]) {
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .normalizationGradient(normalized, sums: usesBatch ? sums : nil, dY: dY, dX: destination)
      }
    }
    // Gamma and beta come last: what is above reads them.
    for (parameter, sum) in [(places.gamma, sums.dGamma), (places.beta, sums.dOffset)] {
      guard let parameter, lowering.isTrainable(parameter) else { continue }
      lowering.appendGradient(ofParameter: parameter) { destination, sink in
        .columnSums(x: sum, rows: .fixed(1), columns: columns, sums: destination, parameter: sink)
      }
    }
  }
}
