// Losses about numbers and distributions: errors, divergences, the cosine; and the hinge.

import MartletKernelInterface

func meanSquaredError(_ row: LossRow) -> Double { row.mean(squaredError) }

@inline(always)
private func squaredError(_ x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
  let d = x - t
  return (d * d, d + d)
}

func meanAbsoluteError(_ row: LossRow) -> Double { row.mean(absoluteError) }

@inline(always)
private func absoluteError(_ x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
  let d = x - t
  return (magnitude(d), sign(d))
}

func huber(_ row: LossRow, delta: Float) -> Double {
  @inline(always)
  func ofDelta(_ x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) { huber(x, t, delta: delta) }
  return row.mean(ofDelta)
}

@inline(always)
private func huber(_ x: Vector, _ t: Vector, delta: Float) -> (loss: Vector, derivative: Vector) {
  let d = x - t
  let m = magnitude(d)
  let isInside = m .<= delta
  return (
    select(isInside, d * d * 0.5, (m - delta * 0.5) * delta), select(isInside, d, sign(d) * delta)
  )
}

func logCosh(_ row: LossRow) -> Double { row.mean(logCosh) }

/// log cosh d = log(1 + e^2 / (2 (1 + e))) = |d| - log 2 + log(1 + (1 + e)^2)  with e = exp(-|d|) - 1: the first form
/// for small d, whose loss of order d^2 the second one would lose.
@inline(always)
private func logCosh(_ x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
  let d = x - t
  let m = magnitude(d)
  let e = expMinusOne(0 - m)
  let power = 1 + e
  let isSmall = m .< 1
  let excess = select(isSmall, e * e / (power + power), power * power)
  return (logOnePlus(excess) + select(isSmall, .zero, m - 0.693147181), tanh(d))
}

func poisson(_ row: LossRow) -> Double { row.mean(poisson) }

/// Where p + 1e-7 is not positive, the loss is NaN.
@inline(always)
private func poisson(_ p: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector) {
  let q = p + 1e-7
  let logarithm = select(q .> 0, log(q), Vector(repeating: .nan))
  return (p - t * logarithm, 1 - t / q)
}

func klDivergence(_ row: LossRow) -> Double {
  let (low, high): (Float, Float) = (1e-7, 1)
  var losses = Vector.zero
  @inline(always)
  func add(_ j: Int, _ lanes: Int) {
    let x = load(row.x + j, lanes)
    let t = clamp(row.targets(j, lanes), low, high)
    let ratio = t / clamp(x, low, high)
    losses += firstLanes(lanes, of: t * log(ratio))
    row.setGradient(select(isOutside(x, low, high), .zero, 0 - ratio), j, lanes)
  }
  forEachVector(row.count, add)
  return Double(sum(losses))
}

/// With a = 1 / |t|, b = 1 / |p| and c = a b sum t p:  L = -c,  dL/dp = b (b c p - a t), or -a b t where b is bounded.
func cosineSimilarity(_ row: LossRow) -> Double {
  var (products, targetSquares, squares) = (Vector.zero, Vector.zero, Vector.zero)
  forEachVector(row.count) { j, lanes in
    let (p, t) = (load(row.x + j, lanes), firstLanes(lanes, of: row.targets(j, lanes)))
    products = multiplyAdd(p, t, products)
    targetSquares = multiplyAdd(t, t, targetSquares)
    squares = multiplyAdd(p, p, squares)
  }
  let greatest = 1e7
  let reciprocal = 1 / Double(sum(squares)).squareRoot()
  let isBounded = reciprocal > greatest
  let b = isBounded ? greatest : reciprocal
  let ofTargets = 1 / Double(sum(targetSquares)).squareRoot()
  let a = ofTargets > greatest ? greatest : ofTargets
  let c = a * b * Double(sum(products))
  if row.gradient != nil {
    let (ofPrediction, ofTarget) = (isBounded ? 0 : Float(b * b * c), Float(a * b))
    forEachVector(row.count) { j, lanes in
      row.setGradient(load(row.x + j, lanes) * ofPrediction - row.targets(j, lanes) * ofTarget, j, lanes)
    }
  }
  return -c
}

func categoricalHinge(_ row: LossRow) -> Double {
  var products = Vector.zero
  var greatest = Vector(repeating: -.infinity)
  @inline(always)
  func add(_ j: Int, _ lanes: Int) {
    let z = load(row.x + j, lanes)
    let t = row.targets(j, lanes)
    products += firstLanes(lanes, of: t * z)
    greatest = maximum(select(isBefore(lanes), (1 - t) * z, greatest), greatest)
  }
  forEachVector(row.count, add)
  let (pos, neg) = (sum(products), greatestLane(greatest))
  let margin = 1 + neg - pos
  // A NaN among the logits is in `pos`, so that it reaches the loss.
  let isActive = !(margin <= 0)
  if row.gradient != nil {
    var attained = false
    @inline(always)
    func setGradient(_ j: Int, _ lanes: Int) {
      let t = row.targets(j, lanes)
      let values = (1 - t) * load(row.x + j, lanes)
      var d = 0 - t
      for lane in 0..<lanes where !attained && values[lane] == neg {
        d[lane] += 1 - t[lane]
        attained = true
      }
      row.setGradient(isActive ? d : .zero, j, lanes)
    }
    forEachVector(row.count, setGradient)
  }
  return isActive ? Double(margin) : 0
}

/// -1, 0 or 1
@inline(always)
private func sign(_ x: Vector) -> Vector {
  select(x .> 0, Vector(repeating: 1), select(x .< 0, Vector(repeating: -1), .zero))
}
