// Reference losses about numbers and distributions, and the hinge.

import MartletKernelInterface

extension Reference {
  static func meanSquaredError(_ row: LossRow) -> Scalar {
    row.mean { x, t in ((x - t) * (x - t), 2 * (x - t)) }
  }

  static func meanAbsoluteError(_ row: LossRow) -> Scalar {
    row.mean { x, t in (abs(x - t), x > t ? 1 : x < t ? -1 : 0) }
  }

  static func huber(_ row: LossRow) -> Scalar {
    let delta = Scalar(row.parameters.delta)
    return row.mean { x, t in
      let d = x - t
      return abs(d) <= delta ? (d * d / 2, d) : (delta * (abs(d) - delta / 2), d < 0 ? -delta : delta)
    }
  }

  /// log cosh d = |d| + log(1 + exp(-2 |d|)) - log 2
  static func logCosh(_ row: LossRow) -> Scalar {
    row.mean { x, t in
      let m = abs(x - t)
      return (m + Scalar.log1p(Scalar.exp(-2 * m)) - Scalar.log(2), Scalar.tanh(x - t))
    }
  }

  static func poisson(_ row: LossRow) -> Scalar {
    let epsilon = Scalar(1e-7)
    return row.mean { p, t in (p - t * Scalar.log(p + epsilon), 1 - t / (p + epsilon)) }
  }

  static func klDivergence(_ row: LossRow) -> Scalar {
    let low = Scalar(1e-7)
    func clipped(_ x: Scalar) -> Scalar { x < low ? low : x > 1 ? 1 : x }
    var loss: Scalar = 0
    for j in 0..<row.count {
      let (x, t) = (row.x[j], clipped(row.target(j)))
      loss += t * Scalar.log(t / clipped(x))
      row.setGradient(j, x < low || x > 1 ? 0 : -t / x)
    }
    return loss
  }

  /// With t' = t / |t|, p' = p / |p|:  L = -sum t' p',  dL/dp = -(t' + L p') / |p|; where 1 / |p| is bounded, -t' times
  /// the bound.
  static func cosineSimilarity(_ row: LossRow) -> Scalar {
    let greatest = Scalar(1e7)
    var (targetSquares, squares): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      targetSquares += row.target(j) * row.target(j)
      squares += row.x[j] * row.x[j]
    }
    let ofTargets = 1 / targetSquares.squareRoot()
    let ofPredictions = 1 / squares.squareRoot()
    let isBounded = ofPredictions > greatest
    let (a, b) = (ofTargets > greatest ? greatest : ofTargets, isBounded ? greatest : ofPredictions)
    var loss: Scalar = 0
    for j in 0..<row.count { loss -= row.target(j) * a * row.x[j] * b }
    for j in 0..<row.count {
      row.setGradient(j, -b * (row.target(j) * a + (isBounded ? 0 : loss * row.x[j] * b)))
    }
    return loss
  }

  static func categoricalHinge(_ row: LossRow) -> Scalar {
    var pos: Scalar = 0
    var (neg, attained) = (-Scalar.infinity, 0)
    for j in 0..<row.count {
      let t = row.target(j)
      pos += t * row.x[j]
      let value = (1 - t) * row.x[j]
      // The first NaN stays, so that it reaches the loss.
      if value > neg || (value.isNaN && !neg.isNaN) { (neg, attained) = (value, j) }
    }
    let margin = 1 + neg - pos
    let active = !(margin <= 0)
    for j in 0..<row.count {
      let t = row.target(j)
      row.setGradient(j, active ? (j == attained ? 1 - t : 0) - t : 0)
    }
    return active ? margin : 0
  }
}
