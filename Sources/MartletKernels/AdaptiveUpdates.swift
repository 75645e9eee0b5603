// The update rules that adapt the rate of each weight to the gradients it has seen: the family of Adam, RMSprop,
// Adagrad, Adadelta, and Lion, which takes their sign. Formulas and slots are in UpdateRule.swift.

import MartletKernelInterface

func adam(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let m = pass.slot0, let v = pass.slot1 else { return }
  let largest = if case .amsgrad = rule.kind { pass.slot2 } else { nil as UnsafeMutablePointer<Float>? }
  let (rate, epsilon) = (Float(rule.rate), Float(rule.epsilon))
  let (gain1, gain2) = (Float(1 - rule.beta1), Float(1 - rule.beta2))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let mean = approach(g, gain1, m + i, lanes)
    var square = approach(g * g, gain2, v + i, lanes)
    if let largest {
      let before = load(largest + i, lanes)
      square = select(before .> square, before, square)
      store(square, largest + i, lanes)
    }
    store(weight - mean * rate / (squareRoot(square) + epsilon), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

func adamax(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let m = pass.slot0, let u = pass.slot1 else { return }
  let (rate, epsilon) = (Float(rule.rate), Float(rule.epsilon))
  let (gain, beta2) = (Float(1 - rule.beta1), Float(rule.beta2))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let mean = approach(g, gain, m + i, lanes)
    let magnitude = select(g .< 0, 0 - g, g)
    let decayed = load(u + i, lanes) * beta2
    let norm = select(decayed .> magnitude, decayed, magnitude)
    store(norm, u + i, lanes)
    store(weight - mean * rate / (norm + epsilon), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

func nadam(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let m = pass.slot0, let v = pass.slot1 else { return }
  let (meanRate, gradientRate) = (Float(rule.rate), Float(rule.gradientRate))
  let (squareScale, epsilon) = (Float(rule.squareScale), Float(rule.epsilon))
  let (gain1, gain2) = (Float(1 - rule.beta1), Float(1 - rule.beta2))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let mean = approach(g, gain1, m + i, lanes)
    let square = approach(g * g, gain2, v + i, lanes)
    let change = multiplyAdd(mean, Vector(repeating: meanRate), g * gradientRate)
    store(weight - change / (squareRoot(square * squareScale) + epsilon), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

func rmsprop(_ rule: UpdateRule, _ pass: UpdatePass) {
  let hasMomentum = rule.momentum > 0
  let isCentered = if case .centeredRMSprop = rule.kind { true } else { false }
  let m = hasMomentum ? pass.slot1 : nil
  let mean = isCentered ? (hasMomentum ? pass.slot2 : pass.slot1) : nil
  guard let v = pass.slot0, (m != nil) == hasMomentum, (mean != nil) == isCentered else { return }
  let (rate, momentum, epsilon) = (Float(rule.rate), Float(rule.momentum), Float(rule.epsilon))
  let (rho, gain) = (Float(rule.rho), Float(1 - rule.rho))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
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
    store(weight - change, pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

func adagrad(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let v = pass.slot0 else { return }
  let (rate, epsilon) = (Float(rule.rate), Float(rule.epsilon))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let sum = multiplyAdd(g, g, load(v + i, lanes))
    store(sum, v + i, lanes)
    store(weight - g * rate / squareRoot(sum + epsilon), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

func adadelta(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let v = pass.slot0, let x = pass.slot1 else { return }
  let (rate, epsilon) = (Float(rule.rate), Float(rule.epsilon))
  let (rho, gain) = (Float(rule.rho), Float(1 - rule.rho))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let square = average(g * g, rho, gain, v + i, lanes)
    let change = squareRoot(load(x + i, lanes) + epsilon) * g / squareRoot(square + epsilon)
    _ = average(change * change, rho, gain, x + i, lanes)
    store(multiplyAdd(Vector(repeating: -rate), change, weight), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

func lion(_ rule: UpdateRule, _ pass: UpdatePass) {
  guard let m = pass.slot0 else { return }
  let rate = Float(rule.rate)
  let (beta1, gain1) = (Float(rule.beta1), Float(1 - rule.beta1))
  let (beta2, gain2) = (Float(rule.beta2), Float(1 - rule.beta2))
  @inline(__always)
  func step(_ i: Int, _ lanes: Int) {
    let (weight, g) = pass.weightAndGradient(i, lanes)
    let direction = multiplyAdd(load(m + i, lanes), Vector(repeating: beta1), g * gain1)
    _ = average(g, beta2, gain2, m + i, lanes)
    store(weight - signed(rate, direction), pass.weights + i, lanes)
  }
  forEachVector(pass.count, step)
}

/// mean += (x - mean) gain, which is what Adam's family does.
@inline(__always)
private func approach(_ x: Vector, _ gain: Float, _ mean: UnsafeMutablePointer<Float>, _ lanes: Int) -> Vector {
  let before = load(mean, lanes)
  let after = multiplyAdd(x - before, Vector(repeating: gain), before)
  store(after, mean, lanes)
  return after
}

/// mean = rho mean + gain x, which is the same in exact arithmetic and what the others do.
@inline(__always)
private func average(
  _ x: Vector, _ rho: Float, _ gain: Float, _ mean: UnsafeMutablePointer<Float>, _ lanes: Int
) -> Vector {
  let after = multiplyAdd(Vector(repeating: rho), load(mean, lanes), x * gain)
  store(after, mean, lanes)
  return after
}
