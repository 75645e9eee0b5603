// Where rows enter a model. In a submodel it reads what the submodel is applied to, and passes it on.

import MartletCore

package struct InputLayer: Layer {
  /// Shape of one row.
  package var shape: Shape

  package init(shape: Shape) { self.shape = shape }

  package var className: String { "InputLayer" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    guard inputs.isEmpty || (inputs.count == 1 && inputs[0] == shape) else {
      throw MartletError(.invalidArgument, "takes rows of shape \(shape), not \(inputs[0])")
    }
    return shape
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    if !site.inputs.isEmpty { lowering.passThrough(site) }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let input = site.inputs.first, lowering.needsGradient(input) else { return }
    lowering.passGradientThrough(site)
  }
}
