// A fixed scale and offset, such as 1/255 for 8-bit images.

import MartletCore

/// y = x * scale + offset.
package struct Rescaling: Layer {
  package var scale: Double
  package var offset: Double

  package init(scale: Double, offset: Double = 0) {
    self.scale = scale
    self.offset = offset
  }

  package var className: String { "Rescaling" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { try single(inputs) }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    lowering.appendForward(
      .scale(
        x: lowering.value(of: site.inputs[0]), scale: scale, offset: offset, y: lowering.value(of: site.output),
        count: .perRow(site.outputShape.elementCount)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let dY = lowering.gradient(of: site.output)
    lowering.appendGradient(of: site.inputs[0]) { [scale] destination, _ in
      .scale(x: dY, scale: scale, offset: 0, y: destination, count: .perRow(site.outputShape.elementCount))
    }
  }
}
