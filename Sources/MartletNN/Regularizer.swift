// The penalty on one weight array.

/// l1 sum |W| + l2 sum W^2, as Keras' L1L2: the gradient is l1 sign(W) + 2 l2 W.
package struct Regularizer: Sendable, Equatable {
  package var l1: Float
  package var l2: Float

  package init(l1: Float = 0, l2: Float = 0) {
    self.l1 = l1
    self.l2 = l2
  }

  package static let none = Regularizer()

  package var isNone: Bool { l1 == 0 && l2 == 0 }
}
