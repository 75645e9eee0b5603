// Cross-entropies of classes and of two outcomes, from logits and from probabilities.

import Glibc
import MartletKernelInterface

/// With T = sum t and s = sum exp(z - max): T log s - sum t (z - max).
func softmaxCrossEntropy(_ row: LossRow) -> Double {
  let greatest = maximum(of: row.x, row.count)
  var (sums, totals, products) = (Vector.zero, Vector.zero, Vector.zero)
  forEachVector(row.count) { j, lanes in
    let z = load(row.x + j, lanes) - greatest
    let t = firstLanes(lanes, of: row.targets(j, lanes))
    sums += firstLanes(lanes, of: exp(z))
    totals += t
    // Where t = 0, z may be -infinity.
    products += select(t .== 0, .zero, t * z)
  }
  let (s, total) = (sum(sums), sum(totals))
  if row.gradient != nil {
    let factor = total / s
    forEachVector(row.count) { j, lanes in
      let z = load(row.x + j, lanes) - greatest
      row.setGradient(multiplyAdd(exp(z), Vector(repeating: factor), 0 - row.targets(j, lanes)), j, lanes)
    }
  }
  return Double(total) * Glibc.log(Double(s)) - Double(sum(products))
}

/// Keras' bounds of a probability.
@inline(__always)
var clip: (low: Float, high: Float) { (1e-7, 1 - 1e-7) }

/// The gradient follows from q = p / S and d_j = dL/dq_j = -t_j / q_j (0 where clipped):
/// dL/dp_i = (d_i - sum_j d_j q_j) / S = (d_i + sum of the unclipped t_j) / S.
func categoricalCrossEntropy(_ row: LossRow) -> Double {
  let (low, high) = clip
  var sums = Vector.zero
  forEachVector(row.count) { j, lanes in sums += load(row.x + j, lanes) }
  let s = sum(sums)
  var (losses, unclipped) = (Vector.zero, Vector.zero)
  forEachVector(row.count) { j, lanes in
    let q = load(row.x + j, lanes) / s
    let t = firstLanes(lanes, of: row.targets(j, lanes))
    losses -= t * log(clamp(q, low, high))
    unclipped += select(isOutside(q, low, high), .zero, t)
  }
  if row.gradient != nil {
    let kept = sum(unclipped)
    forEachVector(row.count) { j, lanes in
      let q = load(row.x + j, lanes) / s
      let d = select(isOutside(q, low, high), .zero, row.targets(j, lanes) / q)
      row.setGradient((kept - d) / s, j, lanes)
    }
  }
  return Double(sum(losses))
}

func sigmoidCrossEntropy(_ row: LossRow) -> Double {
  row.mean { (crossEntropy(ofLogit: $0, $1), sigmoid($0) - $1) }
}

func binaryCrossEntropy(_ row: LossRow) -> Double { row.mean { crossEntropy(ofProbability: $0, $1) } }

/// -(t log s + (1 - t) log(1 - s)) with s = sigmoid(z), for any z.
@inline(__always)
func crossEntropy(ofLogit z: Vector, _ t: Vector) -> Vector {
  select(z .< 0, .zero, z) - z * t + logOnePlus(exp(0 - magnitude(z)))
}

/// -(t log p + (1 - t) log(1 - p)) and its derivative, p clipped.
@inline(__always)
func crossEntropy(ofProbability x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
  let (low, high) = clip
  let p = clamp(x, low, high)
  let loss = 0 - (t * log(p) + (1 - t) * log(1 - p))
  return (loss, select(isOutside(x, low, high), .zero, (1 - t) / (1 - p) - t / p))
}
