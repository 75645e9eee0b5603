// Focal cross-entropies (Lin et al. 2017): the cross-entropy times a power of the error, which leaves what is
// classified well out of account.

import Glibc
import MartletKernelInterface

/// The parameters as the loops use them.
struct FocalFactor {
  let gamma: Float
  let alpha: Float
  private let appliesClassBalancing: Bool

  init(_ parameters: LossParameters) {
    gamma = Float(parameters.gamma)
    alpha = Float(parameters.alpha)
    appliesClassBalancing = parameters.appliesClassBalancing
  }

  /// error^gamma
  @inline(always)
  func modulation(_ error: Vector) -> Vector { power(error, gamma) }

  /// gamma error^(gamma - 1)
  @inline(always)
  func modulationSlope(_ error: Vector) -> Vector { power(error, gamma - 1) * gamma }

  /// The weight of an element of a binary loss.
  @inline(always)
  func weight(_ t: Vector) -> Vector {
    appliesClassBalancing ? t * alpha + (1 - t) * (1 - alpha) : Vector(repeating: 1)
  }

  /// x^y for x >= 0. 0^y is 0 for y < 0 too: where an error is 0, nothing follows from it.
  @inline(always)
  private func power(_ x: Vector, _ y: Float) -> Vector {
    select(x .<= 0, Vector(repeating: y == 0 ? 1 : 0), exp(log(x) * y))
  }
}

/// With q = p / S, clipped, and d_j = dL/dq_j (0 where clipped):  dL/dp_i = (d_i - sum_j d_j q_j) / S.
func categoricalFocalCrossEntropy(_ row: LossRow, _ focal: FocalFactor) -> Double {
  let (low, high) = clip
  var sums = Vector.zero
  forEachVector(row.count) { j, lanes in sums += load(row.x + j, lanes) }
  let s = sum(sums)
  /// d_j
  @inline(always)
  func derivative(_ q: Vector, _ t: Vector) -> Vector {
    let error = 1 - q
    let d = t * (focal.modulationSlope(error) * log(q) - focal.modulation(error) / q) * focal.alpha
    return select(isOutside(q, low, high), .zero, d)
  }
  var (losses, products) = (Vector.zero, Vector.zero)
  @inline(always)
  func add(_ j: Int, _ lanes: Int) {
    let q = load(row.x + j, lanes) / s
    let t = firstLanes(lanes, of: row.targets(j, lanes))
    let clipped = clamp(q, low, high)
    losses -= t * focal.modulation(1 - clipped) * log(clipped)
    if row.gradient != nil { products += derivative(q, t) * q }
  }
  forEachVector(row.count, add)
  if row.gradient != nil {
    let product = sum(products)
    @inline(always)
    func setGradient(_ j: Int, _ lanes: Int) {
      let q = load(row.x + j, lanes) / s
      row.setGradient((derivative(q, row.targets(j, lanes)) - product) / s, j, lanes)
    }
    forEachVector(row.count, setGradient)
  }
  return Double(sum(losses)) * Double(focal.alpha)
}

/// With l = log softmax(z), p = exp(l) and g_j = dL/dl_j = alpha t (gamma (1 - p)^(gamma - 1) p l - (1 - p)^gamma):
/// dL/dz_i = g_i - p_i sum_j g_j.
func softmaxFocalCrossEntropy(_ row: LossRow, _ focal: FocalFactor) -> Double {
  let greatest = maximum(of: row.x, row.count)
  var sums = Vector.zero
  @inline(always)
  func addExponential(_ j: Int, _ lanes: Int) { sums += firstLanes(lanes, of: exp(load(row.x + j, lanes) - greatest)) }
  forEachVector(row.count, addExponential)
  let logarithm = Float(Glibc.log(Double(sum(sums))))
  /// g_j; where t = 0, l may be -infinity.
  @inline(always)
  func derivative(_ l: Vector, _ t: Vector) -> Vector {
    let error = 0 - expMinusOne(l)
    let g = t * (focal.modulationSlope(error) * exp(l) * l - focal.modulation(error)) * focal.alpha
    return select(t .== 0, .zero, g)
  }
  var (losses, derivatives) = (Vector.zero, Vector.zero)
  @inline(always)
  func add(_ j: Int, _ lanes: Int) {
    let l = load(row.x + j, lanes) - greatest - logarithm
    let t = firstLanes(lanes, of: row.targets(j, lanes))
    losses -= select(t .== 0, .zero, t * focal.modulation(0 - expMinusOne(l)) * l)
    if row.gradient != nil { derivatives += derivative(l, t) }
  }
  forEachVector(row.count, add)
  if row.gradient != nil {
    let total = sum(derivatives)
    @inline(always)
    func setGradient(_ j: Int, _ lanes: Int) {
      let l = load(row.x + j, lanes) - greatest - logarithm
      row.setGradient(derivative(l, row.targets(j, lanes)) - exp(l) * total, j, lanes)
    }
    forEachVector(row.count, setGradient)
  }
  return Double(sum(losses)) * Double(focal.alpha)
}

func binaryFocalCrossEntropy(_ row: LossRow, _ focal: FocalFactor) -> Double {
  @inline(always)
  func ofFactor(_ p: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
    focalCrossEntropy(ofProbability: p, t, focal)
  }
  return row.mean(ofFactor)
}

/// With the error u = t (1 - p) + (1 - t) p and the cross-entropy b:
/// (w u^gamma b)' = w (gamma u^(gamma - 1) u' b + u^gamma b').
@inline(always)
private func focalCrossEntropy(
  ofProbability p: Vector, _ t: Vector, _ focal: FocalFactor
) -> (loss: Vector, derivative: Vector) {
  let error = t * (1 - p) + (1 - t) * p
  let (b, derivative) = crossEntropy(ofProbability: p, t)
  let (weight, modulation) = (focal.weight(t), focal.modulation(error))
  let errorSlope = 1 - t - t
  return (
    weight * modulation * b, weight * (focal.modulationSlope(error) * errorSlope * b + modulation * derivative)
  )
}

func sigmoidFocalCrossEntropy(_ row: LossRow, _ focal: FocalFactor) -> Double {
  @inline(always)
  func ofFactor(_ z: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
    focalCrossEntropy(ofLogit: z, t, focal)
  }
  return row.mean(ofFactor)
}

/// The same with p = sigmoid(z): u' = (1 - 2 t) p (1 - p) and b' = p - t, written so that nothing cancels.
@inline(always)
private func focalCrossEntropy(
  ofLogit z: Vector, _ t: Vector, _ focal: FocalFactor
) -> (loss: Vector, derivative: Vector) {
  let (p, complement) = sigmoidAndComplement(z)
  let error = t * complement + (1 - t) * p
  let b = crossEntropy(ofLogit: z, t)
  let (weight, modulation) = (focal.weight(t), focal.modulation(error))
  let errorSlope = (1 - t - t) * p * complement
  let derivative = (1 - t) * p - t * complement
  return (
    weight * modulation * b, weight * (focal.modulationSlope(error) * errorSlope * b + modulation * derivative)
  )
}
