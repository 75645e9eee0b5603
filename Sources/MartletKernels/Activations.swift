// Activations and their gradients over flat arrays. The functions of single vectors are in ActivationFunctions.swift.
// Those that take more than a few instructions have a loop of their own: were all of them inlined into one function,
// the optimiser would give up in the middle and leave calls of generic code.

import MartletKernelInterface

func activation(
  _ f: ActivationFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  switch f.kind {
  case .linear: apply(x, y, count) { $0 }
  case .relu: apply(x, y, count) { relu($0) }
  case .leakyReLU: apply(x, y, count) { leakyReLU($0, alpha: f.alpha) }
  case .hardSigmoid: apply(x, y, count) { hardSigmoid($0) }
  case .sigmoid: sigmoid(x, y, count)
  case .tanh: tanh(x, y, count)
  case .elu: elu(x, y, count, alpha: f.alpha)
  case .selu: selu(x, y, count)
  case .softplus: softplus(x, y, count)
  case .exponential: exponential(x, y, count)
  case .silu: silu(x, y, count)
  case .gelu: gelu(x, y, count)
  case .geluTanh: geluTanh(x, y, count)
  }
}

/// dX = dY f'(x), from v: x where `f.gradientNeedsInput`, otherwise y = f(x).
func activationGradient(
  _ f: ActivationFunction, _ v: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>,
  _ count: Int
) {
  switch f.kind {
  case .linear: apply(dY, v, dX, count) { dY, _ in dY }
  case .relu: apply(dY, v, dX, count) { reluGradient($0, $1) }
  case .leakyReLU: apply(dY, v, dX, count) { leakyReLUGradient($0, $1, alpha: f.alpha) }
  case .hardSigmoid: apply(dY, v, dX, count) { hardSigmoidGradient($0, $1) }
  case .sigmoid: apply(dY, v, dX, count) { sigmoidGradient($0, $1) }
  case .tanh: apply(dY, v, dX, count) { tanhGradient($0, $1) }
  case .elu: apply(dY, v, dX, count) { eluGradient($0, $1, alpha: f.alpha) }
  case .selu: seluGradient(v, dY, dX, count)
  case .softplus: softplusGradient(v, dY, dX, count)
  case .exponential: apply(dY, v, dX, count) { $0 * $1 }
  case .silu: siluGradient(v, dY, dX, count)
  case .gelu: geluGradient(v, dY, dX, count)
  case .geluTanh: geluTanhGradient(v, dY, dX, count)
  }
}

// MARK: Functions that are too large to be inlined together

@inline(never)
private func sigmoid(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { sigmoid($0) }
}

@inline(never)
private func tanh(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { tanh($0) }
}

@inline(never)
private func elu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, alpha: Float) {
  apply(x, y, count) { elu($0, alpha: alpha) }
}

@inline(never)
private func selu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { selu($0) }
}

@inline(never)
private func softplus(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { softplus($0) }
}

@inline(never)
private func exponential(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { exp($0) }
}

@inline(never)
private func silu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { silu($0) }
}

@inline(never)
private func gelu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { gelu($0) }
}

@inline(never)
private func geluTanh(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  apply(x, y, count) { geluTanh($0) }
}

@inline(never)
private func seluGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, y, dX, count) { seluGradient($0, $1) }
}

@inline(never)
private func softplusGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, y, dX, count) { softplusGradient($0, $1) }
}

@inline(never)
private func siluGradient(
  _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, x, dX, count) { siluGradient($0, $1) }
}

@inline(never)
private func geluGradient(
  _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, x, dX, count) { geluGradient($0, $1) }
}

@inline(never)
private func geluTanhGradient(
  _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ count: Int
) {
  apply(dY, x, dX, count) { geluTanhGradient($0, $1) }
}

// MARK: Loops

@inline(__always)
private func apply(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Vector) -> Vector
) {
  forEachVector(count) { i, lanes in store(f(load(x + i, lanes)), y + i, lanes) }
}

@inline(__always)
private func apply(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int,
  _ f: (Vector, Vector) -> Vector
) {
  forEachVector(count) { i, lanes in store(f(load(a + i, lanes), load(b + i, lanes)), y + i, lanes) }
}
