// One dimension per row.

import MartletCore

/// [N, d1, d2, ...] -> [N, d1 d2 ...]. Rows are contiguous already: value and gradient are views of the input's.
package struct Flatten: Layer {
  package init() {}

  package var className: String { "Flatten" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    Shape(vector: try single(inputs).elementCount)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    lowering.passThrough(site)
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    lowering.passGradientThrough(site)
  }
}
