// A penalty on activations.

import MartletCore

/// y = x, and the loss has (l1 sum |x| + l2 sum x^2) / N more: N rows of the batch, as in Keras 3. So
/// dX = dY + (l1 sign(x) + 2 l2 x) / N.
package struct ActivityRegularization: Layer {
  package var regularizer: Regularizer

  package init(_ regularizer: Regularizer) { self.regularizer = regularizer }

  package var className: String { "ActivityRegularization" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { try single(inputs) }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    lowering.passThrough(site)
    if !regularizer.isNone { lowering.penalize(site.output, regularizer) }
  }

  // The penalty has a gradient even where nothing else makes one.
  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    if lowering.hasGradient(of: site.output) { lowering.passGradientThrough(site) }
    guard !regularizer.isNone else { return }
    let x = lowering.value(of: site.output)
    let count = site.outputShape.elementCount
    lowering.appendGradient(of: site.inputs[0]) { [regularizer] destination, _ in
      .penaltyGradient(x: x, l1: regularizer.l1, l2: regularizer.l2, dX: destination, count: .perRow(count))
    }
  }
}
