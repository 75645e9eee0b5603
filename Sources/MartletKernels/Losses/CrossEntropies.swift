// Cross-entropies of classes and of two outcomes, from logits and from probabilities.

import Glibc
import MartletKernelInterface

/// With T = sum t and s = sum exp(z - max): T log s - sum t (z - max).
func softmaxCrossEntropy(_ row: LossRow) -> Double {
  let greatest = maximum(of: row.x, row.count)
  var (sums, totals, products) = (Vector.zero, Vector.zero, Vector.zero)
  @inline(always)
  func exponential(_ j: Int, _ lanes: Int) -> Vector {
    let z = load(row.x + j, lanes) - greatest
    let (e, t) = (exp(z), firstLanes(lanes, of: row.targets(j, lanes)))
    sums += firstLanes(lanes, of: e)
    totals += t
    // Where t = 0, z may be -infinity.
    products += select(t .== 0, .zero, t * z)
    return e
  }
  // The exponentials wait where the gradient will be; those of the last elements, often the only ones, in a register.
  let (full, rest) = (row.count / width * width, row.count % width)
  for j in stride(from: 0, to: full, by: width) {
    let e = exponential(j, width)
    if let gradient = row.gradient { store(e, gradient + j) }
  }
  let last = rest > 0 ? exponential(full, rest) : .zero
  let (s, total) = (sum(sums), sum(totals))
  if let gradient = row.gradient {
    let factor = Vector(repeating: total / s)
    for j in stride(from: 0, to: full, by: width) {
      row.setGradient(multiplyAdd(load(gradient + j), factor, 0 - row.targets(j, width)), j, width)
    }
    if rest > 0 { row.setGradient(multiplyAdd(last, factor, 0 - row.targets(full, rest)), full, rest) }
  }
  return Double(total) * Glibc.log(Double(s)) - Double(sum(products))
}

/// Keras' bounds of a probability.
@inline(always)
var clip: (low: Float, high: Float) { (1e-7, 1 - 1e-7) }

/// The gradient follows from q = p / S and d_j = dL/dq_j = -t_j / q_j (0 where clipped):
/// dL/dp_i = (d_i - sum_j d_j q_j) / S = (d_i + sum of the unclipped t_j) / S.
func categoricalCrossEntropy(_ row: LossRow) -> Double {
  let (low, high) = clip
  var sums = Vector.zero
  forEachVector(row.count) { j, lanes in sums += load(row.x + j, lanes) }
  let s = sum(sums)
  var (losses, unclipped) = (Vector.zero, Vector.zero)
  @inline(always)
  func add(_ j: Int, _ lanes: Int) {
    let q = load(row.x + j, lanes) / s
    let t = firstLanes(lanes, of: row.targets(j, lanes))
    losses -= t * log(clamp(q, low, high))
    unclipped += select(isOutside(q, low, high), .zero, t)
  }
  forEachVector(row.count, add)
  if row.gradient != nil {
    let kept = sum(unclipped)
    @inline(always)
    func setGradient(_ j: Int, _ lanes: Int) {
      let q = load(row.x + j, lanes) / s
      let d = select(isOutside(q, low, high), .zero, row.targets(j, lanes) / q)
      row.setGradient((kept - d) / s, j, lanes)
    }
    forEachVector(row.count, setGradient)
  }
  return Double(sum(losses))
}

func sigmoidCrossEntropy(_ row: LossRow) -> Double {
  @inline(always)
  func crossEntropyAndDerivative(_ z: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
    (crossEntropy(ofLogit: z, t), sigmoid(z) - t)
  }
  return row.mean(crossEntropyAndDerivative)
}

func binaryCrossEntropy(_ row: LossRow) -> Double { row.mean(crossEntropy(ofProbability:_:)) }

/// -(t log s + (1 - t) log(1 - s)) with s = sigmoid(z), for any z.
@inline(always)
func crossEntropy(ofLogit z: Vector, _ t: Vector) -> Vector {
  select(z .< 0, .zero, z) - z * t + logOnePlus(exp(0 - magnitude(z)))
}

/// -(t log p + (1 - t) log(1 - p)) and its derivative, p clipped.
@inline(always)
func crossEntropy(ofProbability x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
  let (low, high) = clip
  let p = clamp(x, low, high)
  let loss = 0 - (t * log(p) + (1 - t) * log(1 - p))
  return (loss, select(isOutside(x, low, high), .zero, (1 - t) / (1 - p) - t / p))
}
