// What every kind of layer states about itself: shapes, weights, and the operations it lowers to. A layer is a value,
// the configuration that the C builder, a Keras file and Python all make. It never runs: `Lowering` turns a graph of
// layers into a `Plan`, and `PlanExecutor` runs that.

import MartletCore

package protocol Layer: Sendable {
  /// The Keras class this layer is saved as.
  var className: String { get }

  /// Shape of one output row from those of the input rows.
  ///
  /// - Throws: `invalidArgument` if the inputs do not fit; the message says what is wrong, the caller names the layer.
  func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape

  /// The weight arrays in Keras' order.
  func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification]

  /// Whether what it computes in training is drawn at random.
  var isRandom: Bool { get }

  /// Append the operations that compute `site.output`.
  func lowerForward(_ site: LayerSite, into lowering: inout Lowering)

  /// Append the operations that turn the gradient of `site.output` into those of the inputs and weights.
  func lowerBackward(_ site: LayerSite, into lowering: inout Lowering)
}

extension Layer {
  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] { [] }

  package var isRandom: Bool { false }

  /// The one input of a layer that takes one.
  package func single(_ inputs: [Shape]) throws(MartletError) -> Shape {
    guard inputs.count == 1 else {
      throw MartletError(.invalidArgument, "\(className) takes 1 input, \(inputs.count) were given")
    }
    return inputs[0]
  }
}

/// One weight array of a layer, before it has a place in memory.
package struct WeightSpecification: Sendable {
  /// Keras' name: "kernel", "bias".
  package var name: String
  package var shape: Shape
  package var initializer: Initializer
  package var regularizer: Regularizer
  /// The constraint for this shape.
  package var plannedConstraint: PlannedConstraint?
  /// Whether it is trained, if its layer is.
  package var isTrainable = true

  /// - Throws: `invalidArgument` if the initialiser or the constraint does not fit the shape.
  package init(
    name: String, shape: Shape, initializer: Initializer, regularizer: Regularizer, constraint: Constraint?
  ) throws(MartletError) {
    try initializer.check(shape, ofWeight: name)
    plannedConstraint = try constraint?.planned(for: shape, ofWeight: name)
    self.name = name
    self.shape = shape
    self.initializer = initializer
    self.regularizer = regularizer
  }
}

/// Where in a graph a layer is applied.
package struct LayerSite {
  /// Node indices.
  package var inputs: [Int]
  package var output: Int
  package var inputShapes: [Shape]
  package var outputShape: Shape
  /// Indices into the model's parameters, in the order of `weights(of:)`.
  package var parameters: Range<Int>
}
