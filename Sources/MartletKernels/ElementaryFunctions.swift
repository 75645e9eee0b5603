// exp, log, log(1 + x), tanh, the logistic and the normal distribution on vectors, by range reduction and a polynomial.
//
// Goals in this order: right for special values (infinities, NaN, overflow, underflow); a relative error of a few units
// in the last place, also near zero; fast. The polynomials are minimax fits for the stated interval and error weight,
// computed by Remez' algorithm; their own error is below a tenth of an ulp. Errors are those of results that are normal
// numbers; smaller ones are 0 while the library computes, which it does with subnormal numbers taken for 0.

/// Lane-wise choice.
@inline(always)
func select(_ mask: SIMDMask<IntegerVector>, _ yes: Vector, _ no: Vector) -> Vector {
  no.replacing(with: yes, where: mask)
}

@inline(always)
func maximum(_ a: Vector, _ b: Vector) -> Vector { select(a .> b, a, b) }

/// |x|
@inline(always)
func magnitude(_ x: Vector) -> Vector {
  unsafeBitCast(unsafeBitCast(x, to: IntegerVector.self) & 0x7fff_ffff, to: Vector.self)
}

/// `x` >= 0 with the sign of `signed`.
@inline(always)
private func copySign(_ x: Vector, _ signed: Vector) -> Vector {
  let sign = unsafeBitCast(signed, to: IntegerVector.self) & Int32.min
  return unsafeBitCast(unsafeBitCast(x, to: IntegerVector.self) | sign, to: Vector.self)
}

/// NaN stays NaN.
@inline(always)
func clamp(_ x: Vector, _ low: Float, _ high: Float) -> Vector {
  select(x .< low, Vector(repeating: low), select(x .> high, Vector(repeating: high), x))
}

/// The reduction of the exponential, for -150 ln 2 < x < 150 ln 2:
///
///     x = n ln 2 + r,  |r| <= ln 2 / 2;    exp(r) - 1 = r + r^2 q(r)
@inline(always)
private func reducedExponential(_ x: Vector) -> (exponent: IntegerVector, excess: Vector) {
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  let shifter = Vector(repeating: 12_582_912)
  let shifted = multiplyAdd(x, Vector(repeating: 1.44269504), shifter)
  let n = shifted - shifter
  let high = multiplyAdd(n, Vector(repeating: -355.0 / 512), x)
  let r = multiplyAdd(n, Vector(repeating: 2.12194440e-4), high)
  var q = Vector(repeating: 1.38145402e-3)
  q = multiplyAdd(q, r, Vector(repeating: 8.36874511e-3))
  q = multiplyAdd(q, r, Vector(repeating: 4.16683908e-2))
  q = multiplyAdd(q, r, Vector(repeating: 0.166665204))
  q = multiplyAdd(q, r, Vector(repeating: 0.499999934))
  return (unsafeBitCast(shifted, to: IntegerVector.self) &- 0x4b40_0000, multiplyAdd(q, r * r, r))
}

/// exp(x), within 2 ulp. Results below 2^-126 are 0 where the environment flushes them, else subnormal, correctly
/// scaled, and 0 below -104; infinity above 88.72.
@inline(always)
func exp(_ x: Vector) -> Vector {
  // Beyond these bounds the result is 0 or infinite anyway.
  let (exponent, excess) = reducedExponential(clamp(x, -105, 90))
  // 2^n in two factors, so that neither overflows nor is subnormal: -152 <= n <= 130.
  let half = exponent &>> 1
  return (excess + 1) * powerOfTwo(half) * powerOfTwo(exponent &- half)
}

/// exp(x) - 1 for x <= 0, within 3 ulp; -1 below -32.   2^n (exp(r) - 1) + (2^n - 1)
@inline(always)
func expMinusOne(_ x: Vector) -> Vector {
  let (exponent, excess) = reducedExponential(select(x .< -32, Vector(repeating: -32), x))
  let power = powerOfTwo(exponent)
  return multiplyAdd(power, excess, power - 1)
}

/// 2^n for -126 <= n <= 127.
@inline(always)
private func powerOfTwo(_ n: IntegerVector) -> Vector {
  unsafeBitCast((n &+ 127) &<< 23, to: Vector.self)
}

/// 2 atanh(s) = log((1 + s) / (1 - s)) for |s| <= 1/3: 2 s + s u p(u), u = s^2.
@inline(always)
private func twiceArtanh(_ s: Vector) -> Vector {
  let u = s * s
  var p = Vector(repeating: 0.243083213)
  p = multiplyAdd(p, u, Vector(repeating: 0.214258519))
  p = multiplyAdd(p, u, Vector(repeating: 0.286170352))
  p = multiplyAdd(p, u, Vector(repeating: 0.399988729))
  p = multiplyAdd(p, u, Vector(repeating: 0.666666757))
  return multiplyAdd(s * u, p, s + s)
}

/// log(1 + x) for 0 <= x <= 1, within 2 ulp; NaN for NaN.   s = x / (2 + x)
@inline(always)
func logOnePlus(_ x: Vector) -> Vector { twiceArtanh(x / (x + 2)) }

/// log(x) for normal positive x, within 3 ulp; NaN for NaN.
///
///     x = 2^n m,  sqrt(1/2) <= m < sqrt(2);    log(x) = n ln 2 + 2 atanh((m - 1) / (m + 1))
@inline(always)
func log(_ x: Vector) -> Vector {
  let bits = unsafeBitCast(x, to: IntegerVector.self)
  let n = (bits &- 0x3f35_04f3) &>> 23  // 0x3f3504f3: sqrt(1/2)
  let m = unsafeBitCast(bits &- (n &<< 23), to: Vector.self)
  let logarithm = twiceArtanh((m - 1) / (m + 1))
  // n as a number, by way of the low bits of 1.5 * 2^23 + n.
  let count = unsafeBitCast(n &+ 0x4b40_0000, to: Vector.self) - 12_582_912
  let low = multiplyAdd(count, Vector(repeating: -2.12194440e-4), logarithm)
  let result = multiplyAdd(count, Vector(repeating: 355.0 / 512), low)
  return select(x .== x, result, x)
}

/// tanh(x), within 4 ulp: an odd polynomial near zero, 1 - 2 / (exp(2 |x|) + 1) elsewhere.
@inline(always)
func tanh(_ x: Vector) -> Vector {
  let a = magnitude(x)
  let z = a * a
  var p = Vector(repeating: -5.71704506e-3)
  p = multiplyAdd(p, z, Vector(repeating: 2.06505873e-2))
  p = multiplyAdd(p, z, Vector(repeating: -5.37434981e-2))
  p = multiplyAdd(p, z, Vector(repeating: 0.133314913))
  p = multiplyAdd(p, z, Vector(repeating: -0.333332839))
  let small = multiplyAdd(p, z * a, a)
  let large = 1 - 2 / (exp(a + a) + 1)
  return copySign(select(a .< 0.625, small, large), x)
}

/// 1 / (1 + exp(-x)) and its complement 1 / (1 + exp(x)), within 3 ulp. Both keep their relative accuracy at both ends:
/// the exponential is that of -|x| <= 0, and the smaller of the two is exp(-|x|) / (1 + exp(-|x|)).
@inline(always)
func sigmoidAndComplement(_ x: Vector) -> (sigmoid: Vector, complement: Vector) {
  let e = exp(0 - magnitude(x))
  let (greater, smaller) = (1 / (e + 1), e / (e + 1))
  return (select(x .< 0, smaller, greater), select(x .< 0, greater, smaller))
}

/// 1 / (1 + exp(-x)), within 3 ulp.
@inline(always)
func sigmoid(_ x: Vector) -> Vector {
  let e = exp(0 - magnitude(x))
  return select(x .< 0, e, Vector(repeating: 1)) / (e + 1)
}

/// The distribution function Phi(x) of the standard normal distribution, within 12 u = 12 2^-24 relative also far out
/// on the left, and exp(-x^2 / 2).
///
///     Phi(-a) = exp(-a^2 / 2) r(a),  r(a) (a + 4) = p((a - 4) / (a + 4))    for a >= 0
@inline(always)
func normalDistribution(_ x: Vector) -> (cumulative: Vector, gaussian: Vector) {
  // Beyond 16 the exponential is 0.
  let m = magnitude(x)
  let a = select(m .> 16, Vector(repeating: 16), m)
  // The square in two parts, after Dekker: an error of it is one of the exponential. `high` has half of a's digits.
  let high = unsafeBitCast(unsafeBitCast(a, to: IntegerVector.self) & ~0xfff, to: Vector.self)
  let low = a - high
  let square = a * a
  let rest = (high * high - square + 2 * high * low) + low * low
  let e = exp(square * -0.5)
  let gaussian = multiplyAdd(e, rest * -0.5, e)

  let w = 1 / (a + 4)
  let q = (a - 4) * w
  var p = Vector(repeating: -1.38076735e-4)
  p = multiplyAdd(p, q, Vector(repeating: 1.66727070e-4))
  p = multiplyAdd(p, q, Vector(repeating: 1.56634091e-3))
  p = multiplyAdd(p, q, Vector(repeating: -3.50583857e-3))
  p = multiplyAdd(p, q, Vector(repeating: -7.52195297e-3))
  p = multiplyAdd(p, q, Vector(repeating: 6.04027584e-2))
  p = multiplyAdd(p, q, Vector(repeating: -0.186524034))
  p = multiplyAdd(p, q, Vector(repeating: 0.387136966))
  p = multiplyAdd(p, q, Vector(repeating: -0.607896566))
  p = multiplyAdd(p, q, Vector(repeating: 0.755285144))
  let tail = gaussian * (p * w)
  return (select(x .> 0, 1 - tail, tail), gaussian)
}
