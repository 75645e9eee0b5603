// Where rows enter a model.

import MartletCore

package struct InputLayer: Layer {
  /// Shape of one row.
  package var shape: Shape

  package init(shape: Shape) { self.shape = shape }

  package var className: String { "InputLayer" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { shape }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {}

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {}
}
