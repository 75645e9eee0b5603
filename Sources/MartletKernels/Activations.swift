// Activations and their gradients over flat arrays. The functions of single vectors are in ActivationFunctions.swift.
// Those that take more than a few instructions have a loop of their own: were all of them inlined into one function,
// the optimiser would give up in the middle and leave calls of generic code.

import MartletKernelInterface

func activation(
  _ f: ActivationFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  switch f.kind {
  case .linear: apply(x, y, count, linear)
  case .relu: apply(x, y, count, relu)
  case .leakyReLU: leakyReLU(x, y, count, alpha: f.alpha)
  case .hardSigmoid: apply(x, y, count, hardSigmoid)
  case .sigmoid: sigmoid(x, y, count)
  case .tanh: tanh(x, y, count)
  case .elu: elu(x, y, count, alpha: f.alpha)
  case .selu: selu(x, y, count)
  case .softplus: softplus(x, y, count)
  case .exponential: exponential(x, y, count)
  case .silu: silu(x, y, count)
  case .gelu: gelu(x, y, count)
  case .geluTanh: geluTanh(x, y, count)
  case .clippedReLU: clippedReLU(x, y, count, f)
  case .hardSwish: apply(x, y, count, hardSwish)
  }
}

/// dX = dY f'(x), from v: x where `f.gradientNeedsInput`, otherwise y = f(x).
func activationGradient(
  _ f: ActivationFunction, _ v: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>,
  _ count: Int
) {
  switch f.kind {
  case .linear: apply(dY, v, dX, count, linearGradient)
  case .relu: apply(dY, v, dX, count, reluGradient)
  case .leakyReLU: leakyReLUGradient(v, dY, dX, count, alpha: f.alpha)
  case .hardSigmoid: apply(dY, v, dX, count, hardSigmoidGradient)
  case .sigmoid: apply(dY, v, dX, count, sigmoidGradient)
  case .tanh: apply(dY, v, dX, count, tanhGradient)
  case .elu: eluGradient(v, dY, dX, count, alpha: f.alpha)
  case .selu: seluGradient(v, dY, dX, count)
  case .softplus: softplusGradient(v, dY, dX, count)
  case .exponential: apply(dY, v, dX, count, exponentialGradient)
  case .silu: siluGradient(v, dY, dX, count)
  case .gelu: geluGradient(v, dY, dX, count)
  case .geluTanh: geluTanhGradient(v, dY, dX, count)
  case .clippedReLU: clippedReLUGradient(v, dY, dX, count, f)
  case .hardSwish: apply(dY, v, dX, count, hardSwishGradient)
  }
}

// MARK: Functions that are too large to be inlined together, or have a parameter

@inline(never)
private func leakyReLU(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, alpha: Float) {
  @inline(always) func function(_ x: Vector) -> Vector { leakyReLU(x, alpha: alpha) }
  apply(x, y, count, function)
}

@inline(never)
private func leakyReLUGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int, alpha: Float
) {
  @inline(always) func gradient(_ dY: Vector, _ y: Vector) -> Vector { leakyReLUGradient(dY, y, alpha: alpha) }
  apply(dY, y, dX, count, gradient)
}

@inline(never)
private func clippedReLU(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ f: ActivationFunction
) {
  @inline(always) func function(_ x: Vector) -> Vector { clippedReLU(x, f) }
  apply(x, y, count, function)
}

@inline(never)
private func clippedReLUGradient(
  _ v: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int,
  _ f: ActivationFunction
) {
  @inline(always) func gradient(_ dY: Vector, _ v: Vector) -> Vector { clippedReLUGradient(dY, v, f) }
  apply(dY, v, dX, count, gradient)
}

@inline(never)
private func sigmoid(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, sigmoid)
}

@inline(never)
private func tanh(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, tanh)
}

@inline(never)
private func elu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, alpha: Float) {
  @inline(always) func function(_ x: Vector) -> Vector { elu(x, alpha: alpha) }
  apply(x, y, count, function)
}

@inline(never)
private func eluGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int, alpha: Float
) {
  @inline(always) func gradient(_ dY: Vector, _ y: Vector) -> Vector { eluGradient(dY, y, alpha: alpha) }
  apply(dY, y, dX, count, gradient)
}

@inline(never)
private func selu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, selu)
}

@inline(never)
private func softplus(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, softplus)
}

@inline(never)
private func exponential(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, exp)
}

@inline(never)
private func silu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, silu)
}

@inline(never)
private func gelu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, gelu)
}

@inline(never)
private func geluTanh(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count, geluTanh)
}

@inline(never)
private func seluGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, y, dX, count, seluGradient)
}

@inline(never)
private func softplusGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, y, dX, count, softplusGradient)
}

@inline(never)
private func siluGradient(
  _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, x, dX, count, siluGradient)
}

@inline(never)
private func geluGradient(
  _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, x, dX, count, geluGradient)
}

@inline(never)
private func geluTanhGradient(
  _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, x, dX, count, geluTanhGradient)
}

// MARK: Loops. They take functions that are always inlined; of a closure, which only may be, little is certain.

@inline(always)
private func apply(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Vector) -> Vector
) {
  @inline(always)
  func apply(_ i: Int, _ lanes: Int) { store(f(load(x + i, lanes)), y + i, lanes) }
  forEachVector(count, apply)
}

@inline(always)
private func apply(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int,
  _ f: (Vector, Vector) -> Vector
) {
  @inline(always)
  func apply(_ i: Int, _ lanes: Int) { store(f(load(a + i, lanes), load(b + i, lanes)), y + i, lanes) }
  forEachVector(count, apply)
}
