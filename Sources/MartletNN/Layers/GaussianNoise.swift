// Normal noise on activations (Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995): nothing
// to do in prediction.

import MartletCore

/// In training y = x + N(0, deviation^2). The noise of element i depends only on (seed, layer, step, i), so it is the
/// same for any number of threads.
package struct GaussianNoise: Layer {
  package var standardDeviation: Double

  package init(standardDeviation: Double) { self.standardDeviation = standardDeviation }

  package var className: String { "GaussianNoise" }

  package var isRandom: Bool { standardDeviation > 0 }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { try single(inputs) }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.isTraining(site), standardDeviation > 0 else {
      lowering.passThrough(site)
      return
    }
    lowering.appendForward(
      .gaussianNoise(
        x: lowering.value(of: site.inputs[0]), y: lowering.value(of: site.output),
        count: .perRow(site.outputShape.elementCount), standardDeviation: standardDeviation,
        stream: UInt64(site.output)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    lowering.passGradientThrough(site)
  }
}
