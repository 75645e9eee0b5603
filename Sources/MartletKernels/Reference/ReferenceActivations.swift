// Reference activations and their derivatives, one element at a time, straight from the formulas of `ActivationKind`.

import MartletKernelInterface

extension Reference {
  static func activation(
    _ f: ActivationFunction, _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ count: Int
  ) {
    for i in 0..<count { y[i] = activate(f, x[i]) }
  }

  static func activationGradient(
    _ f: ActivationFunction, _ v: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>,
    _ dX: UnsafeMutablePointer<Scalar>, _ count: Int
  ) {
    for i in 0..<count { dX[i] = dY[i] * derivative(f, from: v[i]) }
  }

  /// The value that column j, element i of a result, gets from its sum.
  @inline(never)
  static func value(of sum: Scalar, _ e: AffineArguments<Scalar>, column j: Int, element i: Int) -> Scalar {
    activate(e.activation, (e.scale?[j] ?? 1) * sum + (e.offset?[j] ?? 0) + (e.residual?[i] ?? 0))
  }

  static func activate(_ f: ActivationFunction, _ x: Scalar) -> Scalar {
    switch f.kind {
    case .linear: x
    case .relu: x < 0 ? 0 : x  // this way round NaN stays NaN
    case .leakyReLU: x < 0 ? Scalar(f.alpha) * x : x
    case .sigmoid: sigmoid(x)
    case .tanh: Scalar.tanh(x)
    case .elu: x > 0 ? x : Scalar(f.alpha) * Scalar.expm1(x)
    case .selu: seluScale * (x > 0 ? x : seluAlpha * Scalar.expm1(x))
    case .softplus: (x < 0 ? 0 : x) + Scalar.log1p(Scalar.exp(-abs(x)))
    case .silu: x * sigmoid(x)
    case .gelu: x * normalDistribution(x)
    // (1 + tanh(u)) / 2 = sigmoid(2 u), without the cancellation.
    case .geluTanh: x * sigmoid(2 * geluRate * (x + Scalar(0.044715) * x * x * x))
    case .hardSigmoid: x < -3 ? 0 : x > 3 ? 1 : x / 6 + Scalar(0.5)
    case .exponential: Scalar.exp(x)
    case .clippedReLU:
      x >= Scalar(f.maximum)
        ? Scalar(f.maximum) : x < Scalar(f.threshold) ? Scalar(f.alpha) * (x - Scalar(f.threshold)) : x
    case .hardSwish: x < -3 ? 0 * x : x > 3 ? x : x * (x / 6 + Scalar(0.5))
    }
  }

  /// f'(x) from v: x for the functions that need the input, y = f(x) for all others.
  static func derivative(_ f: ActivationFunction, from v: Scalar) -> Scalar {
    switch f.kind {
    case .linear: return 1
    case .relu: return v > 0 ? 1 : 0
    case .leakyReLU: return v > 0 ? 1 : Scalar(f.alpha)
    case .sigmoid: return v * (1 - v)
    case .tanh: return (1 - v) * (1 + v)
    case .elu: return v > 0 ? 1 : v + Scalar(f.alpha)
    case .selu: return v > 0 ? seluScale : v + seluScale * seluAlpha
    case .softplus: return -Scalar.expm1(-v)
    case .silu: return sigmoid(v) * (1 + v * sigmoid(-v))
    case .gelu: return normalDistribution(v) + v * Scalar.exp(-v * v / 2) / (2 * Scalar.pi).squareRoot()
    case .geluTanh:
      let u = 2 * geluRate * (v + Scalar(0.044715) * v * v * v)
      let slope = 2 * geluRate * (1 + 3 * Scalar(0.044715) * v * v)
      return sigmoid(u) + v * sigmoid(u) * sigmoid(-u) * slope
    case .hardSigmoid: return v > 0 && v < 1 ? 1 / Scalar(6) : 0
    case .exponential: return v
    case .clippedReLU: return v >= Scalar(f.maximum) ? 0 : v > Scalar(f.threshold) ? 1 : Scalar(f.alpha)
    case .hardSwish: return v <= -3 ? 0 : v >= 3 ? 1 : v / 3 + Scalar(0.5)
    }
  }

  /// 1 / (1 + exp(-x)), with the exponential of a number <= 0 only, so that nothing overflows.
  static func sigmoid(_ x: Scalar) -> Scalar {
    let e = Scalar.exp(-abs(x))
    return x < 0 ? e / (1 + e) : 1 / (1 + e)
  }

  /// Phi(x), of the standard normal distribution.
  private static func normalDistribution(_ x: Scalar) -> Scalar { Scalar.erfc(-x / Scalar(2).squareRoot()) / 2 }

  private static var seluScale: Scalar { Scalar(1.0507009873554805) }
  private static var seluAlpha: Scalar { Scalar(1.6732632423543772) }
  private static var geluRate: Scalar { (2 / Scalar.pi).squareRoot() }
}
