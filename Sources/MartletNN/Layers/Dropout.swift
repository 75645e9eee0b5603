// Dropout (Srivastava et al. 2014), in the inverted form: nothing to do in prediction.

import MartletCore

/// In training y = x * mask, mask = 0 with probability `rate`, else 1 / (1 - rate). Element i of the mask depends only
/// on (seed, layer, step, i), so it is the same for any number of threads.
package struct Dropout: Layer {
  package var rate: Double

  package init(rate: Double) { self.rate = rate }

  package var className: String { "Dropout" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { try single(inputs) }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.isTraining, rate > 0 else {
      lowering.passThrough(site)
      return
    }
    let count = site.outputShape.elementCount
    let mask = lowering.scratch(ofNode: site.output, count: count)
    lowering.appendForward(.dropoutMask(mask: mask, count: .perRow(count), rate: rate, stream: UInt64(site.output)))
    lowering.appendForward(
      .combine(
        .multiply, a: lowering.value(of: site.inputs[0]), b: mask, y: lowering.value(of: site.output),
        count: .perRow(count)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    guard rate > 0 else {
      lowering.passGradientThrough(site)
      return
    }
    let count = site.outputShape.elementCount
    let dY = lowering.gradient(of: site.output)
    let mask = lowering.scratch(ofNode: site.output, count: count)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .combine(.multiply, a: dY, b: mask, y: destination, count: .perRow(count))
    }
  }
}
