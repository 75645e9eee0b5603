// The update rules: weights and state are read and written once. Each rule is a struct that knows how to update one
// vector of weights, so that its formula stands once for whole arrays, for the rows of a tile of gradients, and for a
// tile that is still in registers (GEMM/UpdateTiles.swift); the bits are the same. Here is what all rules share, and
// those that move all weights at one rate; those that adapt the rate of each weight are in AdaptiveUpdates.swift.

import MartletKernelInterface

func update(_ rule: UpdateRule, _ target: UpdateTarget<Float>, _ gradient: UnsafePointer<Float>, _ count: Int) {
  withUnsafePointer(to: rule) { rule in
    let area = UpdateArea(gradient: gradient, gradientStride: 0, weightStride: 0, rows: 1, columns: count)
    update(UpdatePass(rule, target), area)
  }
}

/// Gradients in memory, rows x columns, for weights whose rows are `weightStride` apart.
struct UpdateArea {
  let gradient: UnsafePointer<Float>
  let gradientStride: Int
  let weightStride: Int
  let rows: Int
  let columns: Int
}

func update(_ pass: UpdatePass, _ area: UpdateArea) {
  switch pass.rule.pointee.kind {
  case .gradientDescent: gradientDescent(pass, area)
  case .momentum: momentum(pass, area)
  case .nesterov: nesterov(pass, area)
  case .adam, .amsgrad: adam(pass, area)
  case .adamax: adamax(pass, area)
  case .nadam: nadam(pass, area)
  case .rmsprop, .centeredRMSprop: rmsprop(pass, area)
  case .adagrad: adagrad(pass, area)
  case .adadelta: adadelta(pass, area)
  case .lion: lion(pass, area)
  }
}

/// The arrays of one call, from its first weight on, and what happens to weights and gradients whatever the rule.
struct UpdatePass {
  let rule: UnsafePointer<UpdateRule>
  private(set) var weights: UnsafeMutablePointer<Float>
  private(set) var slot0: UnsafeMutablePointer<Float>?
  private(set) var slot1: UnsafeMutablePointer<Float>?
  private(set) var slot2: UnsafeMutablePointer<Float>?
  private let l1: Float
  private let l2: Float
  private let gradientScale: Float
  private let clipValue: Float
  private let weightDecay: Float
  /// Whether weights and gradients are taken as they are.
  let isPlain: Bool

  @inline(always)
  init(_ rule: UnsafePointer<UpdateRule>, _ target: UpdateTarget<Float>) {
    self.rule = rule
    (weights, slot0, slot1, slot2) = (target.weights, target.slot0, target.slot1, target.slot2)
    (l1, l2) = (target.l1, target.l2)
    (gradientScale, clipValue) = (Float(rule.pointee.gradientScale), Float(rule.pointee.clipValue))
    weightDecay = Float(rule.pointee.weightDecay)
    isPlain = l1 == 0 && l2 == 0 && gradientScale == 1 && clipValue == .infinity && weightDecay == 0
  }

  /// The same for the weights from index `start` on.
  @inline(always)
  func from(_ start: Int) -> UpdatePass {
    var pass = self
    pass.weights += start
    pass.slot0 = slot0.map { $0 + start }
    pass.slot1 = slot1.map { $0 + start }
    pass.slot2 = slot2.map { $0 + start }
    return pass
  }

  /// The gradient that the rule sees.
  @inline(always)
  func modified(_ gradient: Vector, _ weight: Vector) -> Vector {
    let g = (gradient + regularizationGradient(l1, l2, weight)) * gradientScale
    // Comparisons with NaN are false, so NaN stays.
    let limited = select(g .> clipValue, Vector(repeating: clipValue), g)
    return select(limited .< -clipValue, Vector(repeating: -clipValue), limited)
  }

  /// A weight after its decay.
  @inline(always)
  func decayed(_ weight: Vector) -> Vector { multiplyAdd(Vector(repeating: -weightDecay), weight, weight) }
}

/// A rule at work: its scalars as floats, its arrays.
protocol UpdateStep {
  /// nil if the rule's state is missing.
  init?(_ pass: UpdatePass)
  /// Update the weights from index i on, as many as `lanes`, and their state. Weights are decayed and gradients
  /// modified already.
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int)
}

@inline(always)
private func update<Step: UpdateStep>(_: Step.Type, _ pass: UpdatePass, _ area: UpdateArea) {
  guard let step = Step(pass) else { return }
  for r in 0..<area.rows {
    let gradient = area.gradient + r * area.gradientStride
    let start = r * area.weightStride
    forEachVector(area.columns) { j, lanes in
      var (weight, g) = (load(pass.weights + start + j, lanes), load(gradient + j, lanes))
      if !pass.isPlain { (weight, g) = (pass.decayed(weight), pass.modified(g, weight)) }
      step.apply(weight, g, start + j, lanes)
    }
  }
}

// The loops are functions of their own: were all of them inlined into one, the optimiser would give up in the middle.

@inline(never)
private func gradientDescent(_ pass: UpdatePass, _ area: UpdateArea) { update(GradientDescent.self, pass, area) }

@inline(never)
private func momentum(_ pass: UpdatePass, _ area: UpdateArea) { update(Momentum.self, pass, area) }

@inline(never)
private func nesterov(_ pass: UpdatePass, _ area: UpdateArea) { update(NesterovMomentum.self, pass, area) }

@inline(never)
private func adam(_ pass: UpdatePass, _ area: UpdateArea) { update(Adam.self, pass, area) }

@inline(never)
private func adamax(_ pass: UpdatePass, _ area: UpdateArea) { update(Adamax.self, pass, area) }

@inline(never)
private func nadam(_ pass: UpdatePass, _ area: UpdateArea) { update(Nadam.self, pass, area) }

@inline(never)
private func rmsprop(_ pass: UpdatePass, _ area: UpdateArea) { update(RMSprop.self, pass, area) }

@inline(never)
private func adagrad(_ pass: UpdatePass, _ area: UpdateArea) { update(Adagrad.self, pass, area) }

@inline(never)
private func adadelta(_ pass: UpdatePass, _ area: UpdateArea) { update(Adadelta.self, pass, area) }

@inline(never)
private func lion(_ pass: UpdatePass, _ area: UpdateArea) { update(Lion.self, pass, area) }

struct GradientDescent: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let rate: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    w = pass.weights
    rate = Float(pass.rule.pointee.rate)
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    store(multiplyAdd(Vector(repeating: -rate), g, weight), w + i, lanes)
  }
}

/// v = momentum v - rate g; w += v
struct Momentum: UpdateStep {
  private let velocity: Velocity

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let velocity = Velocity(pass) else { return nil }
    self.velocity = velocity
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    store(weight + velocity.moved(by: g, i, lanes), velocity.w + i, lanes)
  }
}

/// v = momentum v - rate g; w += momentum v - rate g. (A rule of its own: a choice for each vector would show.)
struct NesterovMomentum: UpdateStep {
  private let velocity: Velocity

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let velocity = Velocity(pass) else { return nil }
    self.velocity = velocity
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let next = velocity.next(velocity.moved(by: g, i, lanes), g)
    store(weight + next, velocity.w + i, lanes)
  }
}

/// The weights w with what momentum keeps for each of them, v.
private struct Velocity {
  let w: UnsafeMutablePointer<Float>
  private let v: UnsafeMutablePointer<Float>
  private let rate: Float
  private let momentum: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0 else { return nil }
    (w, v) = (pass.weights, slot0)
    (rate, momentum) = (Float(pass.rule.pointee.rate), Float(pass.rule.pointee.momentum))
  }

  /// momentum v - rate g
  @inline(always)
  func next(_ v: Vector, _ g: Vector) -> Vector { multiplyAdd(Vector(repeating: momentum), v, -rate * g) }

  /// The velocities from index i on, after a step.
  @inline(always)
  func moved(by g: Vector, _ i: Int, _ lanes: Int) -> Vector {
    let moved = next(load(v + i, lanes), g)
    store(moved, v + i, lanes)
    return moved
  }
}

/// 2 l2 w + l1 sign(w)
@inline(always)
private func regularizationGradient(_ l1: Float, _ l2: Float, _ w: Vector) -> Vector {
  multiplyAdd(Vector(repeating: 2 * l2), w, signed(l1, w))
}

/// magnitude * sign(x), where sign(0) is 0
@inline(always)
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
