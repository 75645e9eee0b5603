// Activations on vectors, each beside its gradient: dX = dY f'(x) from dY and y = f(x), or from dY and x where
// `gradientNeedsInput`. sigmoid and tanh themselves are among the elementary functions.

import MartletKernelInterface

@inline(always)
func linear(_ x: Vector) -> Vector { x }

@inline(always)
func linearGradient(_ dY: Vector, _ y: Vector) -> Vector { dY }

@inline(always)
func relu(_ x: Vector) -> Vector { select(x .< 0, .zero, x) }  // this way round NaN stays NaN

@inline(always)
func reluGradient(_ dY: Vector, _ y: Vector) -> Vector { select(y .> 0, dY, .zero) }

@inline(always)
func leakyReLU(_ x: Vector, alpha: Float) -> Vector { select(x .< 0, x * alpha, x) }

@inline(always)
func leakyReLUGradient(_ dY: Vector, _ y: Vector, alpha: Float) -> Vector { select(y .> 0, dY, dY * alpha) }

@inline(always)
func clippedReLU(_ x: Vector, _ f: ActivationFunction) -> Vector {
  let below = select(x .< f.threshold, (x - f.threshold) * f.alpha, x)
  return select(x .>= f.maximum, Vector(repeating: f.maximum), below)
}

/// From the input, or from the output if alpha and threshold are 0.
@inline(always)
func clippedReLUGradient(_ dY: Vector, _ v: Vector, _ f: ActivationFunction) -> Vector {
  select(v .>= f.maximum, .zero, select(v .> f.threshold, dY, dY * f.alpha))
}

@inline(always)
func hardSwish(_ x: Vector) -> Vector { x * hardSigmoid(x) }

/// The derivative is x / 3 + 1 / 2 between -3 and 3.
@inline(always)
func hardSwishGradient(_ dY: Vector, _ x: Vector) -> Vector {
  let inside = dY * multiplyAdd(x, Vector(repeating: 1 / 3), Vector(repeating: 0.5))
  return select(x .<= -3, .zero, select(x .>= 3, dY, inside))
}

@inline(always)
func sigmoidGradient(_ dY: Vector, _ y: Vector) -> Vector { dY * (y * (1 - y)) }

@inline(always)
func hardSigmoid(_ x: Vector) -> Vector {
  clamp(multiplyAdd(x, Vector(repeating: 1 / 6), Vector(repeating: 0.5)), 0, 1)
}

@inline(always)
func hardSigmoidGradient(_ dY: Vector, _ y: Vector) -> Vector { select((y .> 0) .& (y .< 1), dY * (1 / 6), .zero) }

@inline(always)
func tanhGradient(_ dY: Vector, _ y: Vector) -> Vector { dY * ((1 - y) * (1 + y)) }

@inline(always)
func elu(_ x: Vector, alpha: Float) -> Vector { select(x .> 0, x, expMinusOne(x) * alpha) }

@inline(always)
func eluGradient(_ dY: Vector, _ y: Vector, alpha: Float) -> Vector { select(y .> 0, dY, dY * (y + alpha)) }

/// The slope of SELU for x > 0, and minus its limit for x -> -infinity, which is the slope times alpha.
@inline(always)
private var seluParameters: (slope: Float, limit: Float) { (1.05070099, 1.75809934) }

@inline(always)
func selu(_ x: Vector) -> Vector {
  let (slope, limit) = seluParameters
  return select(x .> 0, x * slope, expMinusOne(x) * limit)
}

@inline(always)
func seluGradient(_ dY: Vector, _ y: Vector) -> Vector {
  let (slope, limit) = seluParameters
  return dY * select(y .> 0, Vector(repeating: slope), y + limit)
}

@inline(always)
func exponentialGradient(_ dY: Vector, _ y: Vector) -> Vector { dY * y }

@inline(always)
func softplus(_ x: Vector) -> Vector { select(x .< 0, .zero, x) + logOnePlus(exp(0 - magnitude(x))) }

/// The derivative is sigmoid(x) = 1 - exp(-y).
@inline(always)
func softplusGradient(_ dY: Vector, _ y: Vector) -> Vector { 0 - dY * expMinusOne(0 - y) }

@inline(always)
func silu(_ x: Vector) -> Vector { x * sigmoid(x) }

@inline(always)
func siluGradient(_ dY: Vector, _ x: Vector) -> Vector {
  let (s, complement) = sigmoidAndComplement(x)
  return dY * (s * (1 + x * complement))
}

@inline(always)
func gelu(_ x: Vector) -> Vector { x * normalDistribution(x).cumulative }

/// The derivative is Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi).
@inline(always)
func geluGradient(_ dY: Vector, _ x: Vector) -> Vector {
  let (cumulative, gaussian) = normalDistribution(x)
  return dY * multiplyAdd(x, gaussian * 0.398942280, cumulative)
}

/// 2 sqrt(2 / pi) (x + 0.044715 x^3): the logistic function of it is (1 + tanh(half of it)) / 2.
@inline(always)
private func geluTanhArgument(_ x: Vector) -> Vector {
  x * multiplyAdd(x * x, Vector(repeating: 0.0713548163), Vector(repeating: 1.59576912))
}

@inline(always)
func geluTanh(_ x: Vector) -> Vector { x * sigmoid(geluTanhArgument(x)) }

@inline(always)
func geluTanhGradient(_ dY: Vector, _ x: Vector) -> Vector {
  // Where x is cut off the derivative is 0 or 1, and its square would be infinite farther out.
  let x = clamp(x, -32, 32)
  let (s, complement) = sigmoidAndComplement(geluTanhArgument(x))
  let slope = multiplyAdd(x * x, Vector(repeating: 3 * 0.0713548163), Vector(repeating: 1.59576912))
  return dY * (s * (1 + x * complement * slope))
}
