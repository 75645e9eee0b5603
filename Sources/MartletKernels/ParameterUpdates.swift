// The update rules over flat arrays: weights, state and gradient are read and written once. The matrix product runs
// them on the rows of a finished tile, the table's `update` on whole arrays; the bits are the same. Here is what all
// rules share, and gradient descent; the rules that adapt the rate of each weight are in AdaptiveUpdates.swift.
//
// The body of each loop is a function of its own, as only functions can be told to be inlined; a call would take the
// vectors apart.

import MartletKernelInterface

func update(_ rule: UpdateRule, _ target: UpdateTarget<Float>, _ gradient: UnsafePointer<Float>, _ count: Int) {
  update(rule, target, at: 0, gradient: gradient, count)
}

/// Update the `count` weights from index `start` on, by `gradient`, whose first element belongs to that weight.
func update(
  _ rule: UpdateRule, _ target: UpdateTarget<Float>, at start: Int, gradient: UnsafePointer<Float>, _ count: Int
) {
  let pass = UpdatePass(rule, target, at: start, gradient: gradient, count)
  switch rule.kind {
  case .gradientDescent: gradientDescent(rule, pass)
  case .momentum, .nesterov: momentum(rule, pass)
  case .adam, .amsgrad: adam(rule, pass)
  case .adamax: adamax(rule, pass)
  case .nadam: nadam(rule, pass)
  case .rmsprop, .centeredRMSprop: rmsprop(rule, pass)
  case .adagrad: adagrad(rule, pass)
  case .adadelta: adadelta(rule, pass)
  case .lion: lion(rule, pass)
  }
}

/// The arrays of one call, from its first weight on, and what happens to weights and gradients whatever the rule.
struct UpdatePass {
  let weights: UnsafeMutablePointer<Float>
  let slot0: UnsafeMutablePointer<Float>?
  let slot1: UnsafeMutablePointer<Float>?
  let slot2: UnsafeMutablePointer<Float>?
  let count: Int
  private let gradient: UnsafePointer<Float>
  private let l1: Float
  private let l2: Float
  private let gradientScale: Float
  private let clipValue: Float
  private let weightDecay: Float
  /// Whether weights and gradients are taken as they are.
  private let isPlain: Bool

  @inline(__always)
  init(
    _ rule: UpdateRule, _ target: UpdateTarget<Float>, at start: Int, gradient: UnsafePointer<Float>, _ count: Int
  ) {
    weights = target.weights + start
    slot0 = target.slot0.map { $0 + start }
    slot1 = target.slot1.map { $0 + start }
    slot2 = target.slot2.map { $0 + start }
    self.count = count
    self.gradient = gradient
    (l1, l2) = (target.l1, target.l2)
    (gradientScale, clipValue) = (Float(rule.gradientScale), Float(rule.clipValue))
    weightDecay = Float(rule.weightDecay)
    isPlain = l1 == 0 && l2 == 0 && gradientScale == 1 && clipValue == .infinity && weightDecay == 0
  }

  /// Weights after their decay, and the gradient that the rule sees.
  @inline(__always)
  func weightAndGradient(_ i: Int, _ lanes: Int) -> (Vector, Vector) {
    let weight = load(weights + i, lanes)
    var g = load(gradient + i, lanes)
    if isPlain { return (weight, g) }
    g = (g + regularizationGradient(l1, l2, weight)) * gradientScale
    // Comparisons with NaN are false, so NaN stays.
    g = select(g .> clipValue, Vector(repeating: clipValue), g)
    g = select(g .< -clipValue, Vector(repeating: -clipValue), g)
    return (multiplyAdd(Vector(repeating: -weightDecay), weight, weight), g)
  }
}

private func gradientDescent(_ rule: UpdateRule, _ pass: UpdatePass) {
  let rate = Float(rule.rate)
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    store(multiplyAdd(Vector(repeating: -rate), g, weight), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

private func momentum(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let m = pass.slot0 else { return }
  let (rate, momentum) = (Float(rule.rate), Float(rule.momentum))
  // Not `==`, whose witness all kernel modules would share.
  let isNesterov = if case .nesterov = rule.kind { true } else { false }
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let velocity = multiplyAdd(Vector(repeating: momentum), load(m + i, lanes), 0 - rate * g)
    store(velocity, m + i, lanes)
    let change = isNesterov ? multiplyAdd(Vector(repeating: momentum), velocity, 0 - rate * g) : velocity
    store(weight + change, pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

/// 2 l2 w + l1 sign(w)
@inline(__always)
private func regularizationGradient(_ l1: Float, _ l2: Float, _ w: Vector) -> Vector {
  multiplyAdd(Vector(repeating: 2 * l2), w, signed(l1, w))
}

/// magnitude * sign(x), where sign(0) is 0
@inline(__always)
func signed(_ magnitude: Float, _ x: Vector) -> Vector {
  select(x .> 0, Vector(repeating: magnitude), select(x .< 0, Vector(repeating: -magnitude), .zero))
}

func addRegularizationGradient(
  _ l1: Float, _ l2: Float, _ weights: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ count: Int
) {
  forEachVector(count) { i, lanes in
    let g = load(gradient + i, lanes) + regularizationGradient(l1, l2, load(weights + i, lanes))
    store(g, gradient + i, lanes)
  }
}
