// How weights are updated from their gradient, as plain data: the engine fills in the scalars of a step, the kernels of
// every instruction set apply them.

/// One update rule with the scalars of one step. The formulas are those of Keras 3, first for every kind
///
///     g = gradient + 2 l2 w + l1 sign(w)
///     g = min(max(gradientScale g, -clipValue), clipValue)
///     w -= weightDecay w
///
/// and then
///
///     gradientDescent   w -= rate g
///     momentum          m = momentum m - rate g;  w += m
///     nesterov          m = momentum m - rate g;  w += momentum m - rate g
///     adam              m += (g - m)(1 - beta1);  v += (g g - v)(1 - beta2);  w -= m rate / (sqrt(v) + epsilon)
///     amsgrad           as adam, with the largest v so far below the root, which is the third slot
///     adamax            m += (g - m)(1 - beta1);  u = max(beta2 u, |g|);  w -= m rate / (u + epsilon)
///     nadam             m, v as adam;  w -= (m rate + g gradientRate) / (sqrt(v squareScale) + epsilon)
///     rmsprop           v = rho v + (1 - rho) g g;  d = rate g / sqrt(v + epsilon);
///                       with momentum: m = momentum m + d, d = m;  w -= d
///     centeredRMSprop   as rmsprop, with v - a a in place of v below the root, where a = rho a + (1 - rho) g
///     adagrad           v += g g;  w -= rate g / sqrt(v + epsilon)
///     adadelta          v = rho v + (1 - rho) g g;  d = sqrt(x + epsilon) g / sqrt(v + epsilon);
///                       x = rho x + (1 - rho) d d;  w -= rate d
///     lion              w -= rate sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g
///
/// What depends on the step only, as the corrections of adam, adamax and nadam for their zero start, is in the rates,
/// which the optimiser computes in double.
package struct UpdateRule: Sendable, BitwiseCopyable {
  package enum Kind: Int32, Sendable, BitwiseCopyable {
    case gradientDescent, momentum, nesterov, adam, amsgrad, adamax, nadam, rmsprop, centeredRMSprop, adagrad, adadelta
    case lion
  }
  package var kind: Kind
  package var rate: Double
  package var momentum: Double
  package var beta1: Double
  package var beta2: Double
  package var rho: Double
  package var epsilon: Double
  package var gradientRate: Double
  package var squareScale: Double

  /// Share of the weights that is taken off before the step.
  package var weightDecay = 0.0
  package var gradientScale = 1.0
  package var clipValue = Double.infinity

  package init(
    _ kind: Kind, rate: Double, momentum: Double = 0, beta1: Double = 0, beta2: Double = 0, rho: Double = 0,
    epsilon: Double = 0, gradientRate: Double = 0, squareScale: Double = 1
  ) {
    self.kind = kind
    self.rate = rate
    self.momentum = momentum
    self.beta1 = beta1
    self.beta2 = beta2
    self.rho = rho
    self.epsilon = epsilon
    self.gradientRate = gradientRate
    self.squareScale = squareScale
  }

  package static let maximumSlotCount = 3

  /// Arrays of state beside each weight, in Keras' order: the momentum m, then v, u; for the RMSprop kinds v, then m if
  /// there is momentum, then a; for adadelta v, x.
  package var slotCount: Int {
    switch kind {
    case .gradientDescent: 0
    case .momentum, .nesterov, .adagrad, .lion: 1
    case .adam, .adamax, .nadam, .adadelta: 2
    case .amsgrad: 3
    case .rmsprop: momentum > 0 ? 2 : 1
    case .centeredRMSprop: momentum > 0 ? 3 : 2
    }
  }
}

/// The weights, state and regularisation that an update works on; all arrays have the layout of the gradient.
package struct UpdateTarget<Scalar> {
  package var weights: UnsafeMutablePointer<Scalar>
  /// nil where the rule has no such slot.
  package var slot0: UnsafeMutablePointer<Scalar>?
  package var slot1: UnsafeMutablePointer<Scalar>?
  package var slot2: UnsafeMutablePointer<Scalar>?
  package var l1: Float
  package var l2: Float
  package init(
    weights: UnsafeMutablePointer<Scalar>, slot0: UnsafeMutablePointer<Scalar>?, slot1: UnsafeMutablePointer<Scalar>?,
    slot2: UnsafeMutablePointer<Scalar>?, l1: Float, l2: Float
  ) {
    self.weights = weights
    self.slot0 = slot0
    self.slot1 = slot1
    self.slot2 = slot2
    self.l1 = l1
    self.l2 = l2
  }
}
