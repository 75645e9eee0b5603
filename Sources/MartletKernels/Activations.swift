// Activations and their gradients, element by element. Each is written once, as an operation on a vector; the matrix
// product's epilogue and the kernels of the table run it over their own arrays.

import MartletKernelInterface

/// Run `body` with the operation that `f` names, chosen outside of the loop.
@inline(__always)
func withActivation(_ f: ActivationFunction, _ body: ((Vector) -> Vector) -> Void) {
  switch f.kind {
  case .linear: body { $0 }
  case .relu: body { select($0 .< 0, .zero, $0) }  // this way round NaN stays NaN
  case .leakyReLU: body { select($0 .< 0, $0 * f.slope, $0) }
  case .sigmoid: body { sigmoid($0) }
  case .tanh: body { tanh($0) }
  }
}

/// Run `body` with (dY, y) -> dY f'(x), where y = f(x).
@inline(__always)
func withActivationGradient(_ f: ActivationFunction, _ body: ((_ dY: Vector, _ y: Vector) -> Vector) -> Void) {
  switch f.kind {
  case .linear: body { dY, _ in dY }
  case .relu: body { dY, y in select(y .> 0, dY, .zero) }
  case .leakyReLU: body { dY, y in select(y .> 0, dY, dY * f.slope) }
  case .sigmoid: body { dY, y in dY * (y * (1 - y)) }
  case .tanh: body { dY, y in dY * ((1 - y) * (1 + y)) }
  }
}

func activation(
  _ f: ActivationFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  withActivation(f) { f in
    forEachVector(count) { i, lanes in store(f(load(x + i, lanes)), y + i, lanes) }
  }
}

func activationGradient(
  _ f: ActivationFunction, _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>,
  _ count: Int
) {
  withActivationGradient(f) { multiplyByDerivative in
    forEachVector(count) { i, lanes in
      store(multiplyByDerivative(load(dY + i, lanes), load(y + i, lanes)), dX + i, lanes)
    }
  }
}
