// An activation as a layer of its own.

import MartletCore
import MartletKernelInterface

/// y = activation(x), the shape unchanged.
package struct ActivationLayer: Layer {
  package var activation: Activation

  package init(_ activation: Activation) { self.activation = activation }

  package var className: String { "Activation" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { try single(inputs) }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let count = site.outputShape.elementCount
    let columns = site.outputShape.lastDimension
    if activation == .linear || lowering.lossTakesActivation(of: site.output) {
      lowering.passThrough(site)
    } else if let function = activation.elementwise {
      let x = lowering.value(of: site.inputs[0])
      if lowering.needsPreActivation(of: site.output, function) { lowering.setPreActivation(of: site.output, x) }
      lowering.appendForward(
        .activation(function, x: x, y: lowering.value(of: site.output), count: .perRow(count)))
    } else {
      lowering.appendForward(
        .softmax(
          x: lowering.value(of: site.inputs[0]), y: lowering.value(of: site.output), rows: .perRow(count / columns),
          columns: columns))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let columns = site.outputShape.lastDimension
    _ = lowering.preActivationGradient(
      of: site.output, activation: activation, rows: site.outputShape.elementCount / columns, columns: columns)
    lowering.passGradientThrough(site)
  }
}
