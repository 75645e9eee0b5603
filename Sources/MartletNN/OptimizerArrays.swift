// What an optimiser keeps beside the weights, as an executor sees it: flat arrays of the parameters' layout.

/// State of the update rule; nil where it has no such slot.
package struct OptimizerSlots<Scalar> {
  package var first: UnsafeMutablePointer<Scalar>?
  package var second: UnsafeMutablePointer<Scalar>?
  package var third: UnsafeMutablePointer<Scalar>?

  package init(
    first: UnsafeMutablePointer<Scalar>? = nil, second: UnsafeMutablePointer<Scalar>? = nil,
    third: UnsafeMutablePointer<Scalar>? = nil
  ) {
    self.first = first
    self.second = second
    self.third = third
  }
}

/// The exponential moving average of the trained weights, which takes them in after each step.
package struct WeightAverage<Scalar> {
  package var values: UnsafeMutablePointer<Scalar>
  /// 0 makes the average the weights as they are.
  package var momentum: Double
  /// Whether the average takes the place of the weights in this step.
  package var replacesWeights: Bool

  package init(values: UnsafeMutablePointer<Scalar>, momentum: Double, replacesWeights: Bool) {
    self.values = values
    self.momentum = momentum
    self.replacesWeights = replacesWeights
  }
}
