// The update rules that adapt the rate of each weight to the gradients it has seen: the family of Adam, RMSprop,
// Adagrad, Adadelta, and Lion, which takes their sign. Formulas and slots are in UpdateRule.swift.

import MartletKernelInterface

/// Adam, and AMSGrad, which keeps the largest square.
struct Adam: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let m: UnsafeMutablePointer<Float>
  private let v: UnsafeMutablePointer<Float>
  private let largest: UnsafeMutablePointer<Float>?
  private let rate: Float
  private let epsilon: Float
  private let gain1: Float
  private let gain2: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0, let slot1 = pass.slot1 else { return nil }
    w = pass.weights
    (m, v) = (slot0, slot1)
    let rule = pass.rule
    largest = if case .amsgrad = rule.pointee.kind { pass.slot2 } else { nil }
    (rate, epsilon) = (Float(rule.pointee.rate), Float(rule.pointee.epsilon))
    (gain1, gain2) = (Float(1 - rule.pointee.beta1), Float(1 - rule.pointee.beta2))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let mean = approach(g, gain1, m + i, lanes)
    var square = approach(g * g, gain2, v + i, lanes)
    if let largest {
      let before = load(largest + i, lanes)
      square = select(before .> square, before, square)
      store(square, largest + i, lanes)
    }
    store(weight - mean * rate / (squareRoot(square) + epsilon), w + i, lanes)
  }
}

struct Adamax: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let m: UnsafeMutablePointer<Float>
  private let u: UnsafeMutablePointer<Float>
  private let rate: Float
  private let epsilon: Float
  private let gain: Float
  private let beta2: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0, let slot1 = pass.slot1 else { return nil }
    w = pass.weights
    (m, u) = (slot0, slot1)
    let rule = pass.rule
    (rate, epsilon) = (Float(rule.pointee.rate), Float(rule.pointee.epsilon))
    (gain, beta2) = (Float(1 - rule.pointee.beta1), Float(rule.pointee.beta2))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let mean = approach(g, gain, m + i, lanes)
    let magnitude = select(g .< 0, 0 - g, g)
    let decayed = load(u + i, lanes) * beta2
    let norm = select(decayed .> magnitude, decayed, magnitude)
    store(norm, u + i, lanes)
    store(weight - mean * rate / (norm + epsilon), w + i, lanes)
  }
}

struct Nadam: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let m: UnsafeMutablePointer<Float>
  private let v: UnsafeMutablePointer<Float>
  private let meanRate: Float
  private let gradientRate: Float
  private let squareScale: Float
  private let epsilon: Float
  private let gain1: Float
  private let gain2: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0, let slot1 = pass.slot1 else { return nil }
    w = pass.weights
    (m, v) = (slot0, slot1)
    let rule = pass.rule
    (meanRate, gradientRate) = (Float(rule.pointee.rate), Float(rule.pointee.gradientRate))
    (squareScale, epsilon) = (Float(rule.pointee.squareScale), Float(rule.pointee.epsilon))
    (gain1, gain2) = (Float(1 - rule.pointee.beta1), Float(1 - rule.pointee.beta2))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let mean = approach(g, gain1, m + i, lanes)
    let square = approach(g * g, gain2, v + i, lanes)
    let change = multiplyAdd(mean, Vector(repeating: meanRate), g * gradientRate)
    store(weight - change / (squareRoot(square * squareScale) + epsilon), w + i, lanes)
  }
}

/// With momentum or not, centred or not.
struct RMSprop: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let v: UnsafeMutablePointer<Float>
  private let m: UnsafeMutablePointer<Float>?
  private let mean: UnsafeMutablePointer<Float>?
  private let rate: Float
  private let momentum: Float
  private let epsilon: Float
  private let rho: Float
  private let gain: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    let rule = pass.rule
    let hasMomentum = rule.pointee.momentum > 0
    let isCentered = if case .centeredRMSprop = rule.pointee.kind { true } else { false }
    m = hasMomentum ? pass.slot1 : nil
    mean = isCentered ? (hasMomentum ? pass.slot2 : pass.slot1) : nil
    guard let slot0 = pass.slot0, (m != nil) == hasMomentum, (mean != nil) == isCentered else { return nil }
    w = pass.weights
    v = slot0
    (rate, momentum) = (Float(rule.pointee.rate), Float(rule.pointee.momentum))
    epsilon = Float(rule.pointee.epsilon)
    (rho, gain) = (Float(rule.pointee.rho), Float(1 - rule.pointee.rho))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    var square = average(g * g, rho, gain, v + i, lanes)
    if let mean {
      let center = average(g, rho, gain, mean + i, lanes)
      // Rounding could leave less than nothing of a variance that is nearly zero, and the root would be NaN.
      let variance = multiplyAdd(0 - center, center, square)
      square = select(variance .< 0, .zero, variance)
    }
    var change = g * rate / squareRoot(square + epsilon)
    if let m {
      change = multiplyAdd(Vector(repeating: momentum), load(m + i, lanes), change)
      store(change, m + i, lanes)
    }
    store(weight - change, w + i, lanes)
  }
}

struct Adagrad: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let v: UnsafeMutablePointer<Float>
  private let rate: Float
  private let epsilon: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0 else { return nil }
    w = pass.weights
    v = slot0
    (rate, epsilon) = (Float(pass.rule.pointee.rate), Float(pass.rule.pointee.epsilon))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let sum = multiplyAdd(g, g, load(v + i, lanes))
    store(sum, v + i, lanes)
    store(weight - g * rate / squareRoot(sum + epsilon), w + i, lanes)
  }
}

struct Adadelta: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let v: UnsafeMutablePointer<Float>
  private let x: UnsafeMutablePointer<Float>
  private let rate: Float
  private let epsilon: Float
  private let rho: Float
  private let gain: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0, let slot1 = pass.slot1 else { return nil }
    w = pass.weights
    (v, x) = (slot0, slot1)
    let rule = pass.rule
    (rate, epsilon) = (Float(rule.pointee.rate), Float(rule.pointee.epsilon))
    (rho, gain) = (Float(rule.pointee.rho), Float(1 - rule.pointee.rho))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let square = average(g * g, rho, gain, v + i, lanes)
    let change = squareRoot(load(x + i, lanes) + epsilon) * g / squareRoot(square + epsilon)
    _ = average(change * change, rho, gain, x + i, lanes)
    store(multiplyAdd(Vector(repeating: -rate), change, weight), w + i, lanes)
  }
}

struct Lion: UpdateStep {
  private let w: UnsafeMutablePointer<Float>
  private let m: UnsafeMutablePointer<Float>
  private let rate: Float
  private let beta1: Float
  private let gain1: Float
  private let beta2: Float
  private let gain2: Float

  @inline(always)
  init?(_ pass: UpdatePass) {
    guard let slot0 = pass.slot0 else { return nil }
    w = pass.weights
    m = slot0
    let rule = pass.rule
    rate = Float(rule.pointee.rate)
    (beta1, gain1) = (Float(rule.pointee.beta1), Float(1 - rule.pointee.beta1))
    (beta2, gain2) = (Float(rule.pointee.beta2), Float(1 - rule.pointee.beta2))
  }

  @inline(always)
  func apply(_ weight: Vector, _ g: Vector, _ i: Int, _ lanes: Int) {
    let direction = multiplyAdd(load(m + i, lanes), Vector(repeating: beta1), g * gain1)
    _ = average(g, beta2, gain2, m + i, lanes)
    store(weight - signed(rate, direction), w + i, lanes)
  }
}

/// mean += (x - mean) gain, which is what Adam's family does.
@inline(always)
private func approach(_ x: Vector, _ gain: Float, _ mean: UnsafeMutablePointer<Float>, _ lanes: Int) -> Vector {
  let before = load(mean, lanes)
  let after = multiplyAdd(x - before, Vector(repeating: gain), before)
  store(after, mean, lanes)
  return after
}

/// mean = rho mean + gain x, which is the same in exact arithmetic and what the others do.
@inline(always)
private func average(
  _ x: Vector, _ rho: Float, _ gain: Float, _ mean: UnsafeMutablePointer<Float>, _ lanes: Int
) -> Vector {
  let after = multiplyAdd(Vector(repeating: rho), load(mean, lanes), x * gain)
  store(after, mean, lanes)
  return after
}
