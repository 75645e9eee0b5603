// Losses over rows, with their gradients, in one or two passes over each row. The formulas are those of `LossKind`. A
// gradient may replace the predictions: what later elements need is read before.

import Glibc
import MartletKernelInterface

func loss(_ arguments: LossArguments<Float>) {
  for r in 0..<arguments.rows {
    let row = LossRow(arguments, r)
    arguments.rowLosses[r] =
      switch arguments.kind {
      case .softmaxCrossEntropy: softmaxCrossEntropy(row)
      case .categoricalCrossEntropy: categoricalCrossEntropy(row)
      case .sigmoidCrossEntropy: sigmoidCrossEntropy(row)
      case .binaryCrossEntropy: binaryCrossEntropy(row)
      case .meanSquaredError: meanSquaredError(row)
      case .categoricalHinge: categoricalHinge(row)
      }
  }
}

/// One row of the arguments, with labels seen as targets.
private struct LossRow {
  let count: Int
  let x: UnsafePointer<Float>
  let gradient: UnsafeMutablePointer<Float>?
  let scale: Float
  /// Targets, or nil for a label.
  private let values: UnsafePointer<Float>?
  private let label: Int32
  /// What stands in the label's column: 1; or, in a loss that is not about classes, the label itself in the only column.
  private let labelColumn: Int32
  private let labelValue: Float

  init(_ arguments: LossArguments<Float>, _ r: Int) {
    count = arguments.columns
    x = arguments.predictions + r * count
    gradient = arguments.gradient.map { $0 + r * arguments.columns }
    scale = Float(arguments.gradientScale)
    switch arguments.targets {
    case .labels(let labels): (label, values) = (labels[r], nil)
    case .values(let all): (label, values) = (0, all + r * count)
    }
    let isNumber =
      switch arguments.kind {
      case .sigmoidCrossEntropy, .binaryCrossEntropy, .meanSquaredError: count == 1
      case .softmaxCrossEntropy, .categoricalCrossEntropy, .categoricalHinge: false
      }
    labelColumn = isNumber ? 0 : label
    labelValue = isNumber ? Float(label) : 1
  }

  @inline(__always)
  func targets(_ j: Int, _ lanes: Int) -> Vector {
    if let values { return load(values + j, lanes) }
    return select(laneIndices .== labelColumn &- Int32(truncatingIfNeeded: j), Vector(repeating: labelValue), .zero)
  }

  @inline(__always)
  func setGradient(_ value: Vector, _ j: Int, _ lanes: Int) {
    if let gradient { store(value * scale, gradient + j, lanes) }
  }
}

/// With T = sum t and s = sum exp(z - max): T log s - sum t (z - max).
private func softmaxCrossEntropy(_ row: LossRow) -> Double {
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
private var clip: (low: Float, high: Float) { (1e-7, 1 - 1e-7) }

/// The gradient follows from q = p / S and d_j = dL/dq_j = -t_j / q_j (0 where clipped):
/// dL/dp_i = (d_i - sum_j d_j q_j) / S = (d_i + sum of the unclipped t_j) / S.
private func categoricalCrossEntropy(_ row: LossRow) -> Double {
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

@inline(__always)
private func isOutside(_ x: Vector, _ low: Float, _ high: Float) -> SIMDMask<IntegerVector> {
  (x .< low) .| (x .> high)
}

private func sigmoidCrossEntropy(_ row: LossRow) -> Double {
  var losses = Vector.zero
  let columns = Float(row.count)
  forEachVector(row.count) { j, lanes in
    let z = load(row.x + j, lanes)
    let t = row.targets(j, lanes)
    let loss = select(z .< 0, .zero, z) - z * t + logOnePlus(exp(0 - magnitude(z)))
    losses += firstLanes(lanes, of: loss)
    row.setGradient((sigmoid(z) - t) / columns, j, lanes)
  }
  return Double(sum(losses)) / Double(row.count)
}

private func binaryCrossEntropy(_ row: LossRow) -> Double {
  let (low, high) = clip
  var losses = Vector.zero
  let columns = Float(row.count)
  forEachVector(row.count) { j, lanes in
    let x = load(row.x + j, lanes)
    let t = row.targets(j, lanes)
    let p = clamp(x, low, high)
    losses -= firstLanes(lanes, of: t * log(p) + (1 - t) * log(1 - p))
    let d = select(isOutside(x, low, high), .zero, (1 - t) / (1 - p) - t / p)
    row.setGradient(d / columns, j, lanes)
  }
  return Double(sum(losses)) / Double(row.count)
}

private func meanSquaredError(_ row: LossRow) -> Double {
  var squares = Vector.zero
  let columns = Float(row.count)
  forEachVector(row.count) { j, lanes in
    let difference = firstLanes(lanes, of: load(row.x + j, lanes) - row.targets(j, lanes))
    squares = multiplyAdd(difference, difference, squares)
    row.setGradient((difference + difference) / columns, j, lanes)
  }
  return Double(sum(squares)) / Double(row.count)
}

private func categoricalHinge(_ row: LossRow) -> Double {
  var products = Vector.zero
  var greatest = Vector(repeating: -.infinity)
  forEachVector(row.count) { j, lanes in
    let z = load(row.x + j, lanes)
    let t = row.targets(j, lanes)
    products += firstLanes(lanes, of: t * z)
    greatest = maximum(select(laneIndices .< Int32(lanes), (1 - t) * z, greatest), greatest)
  }
  let (pos, neg) = (sum(products), greatestLane(greatest))
  let margin = 1 + neg - pos
  // A NaN among the logits is in `pos`, so that it reaches the loss.
  let isActive = !(margin <= 0)
  if let gradient = row.gradient {
    var attained = false
    forEachVector(row.count) { j, lanes in
      let t = row.targets(j, lanes)
      let values = (1 - t) * load(row.x + j, lanes)
      var d = 0 - t
      for lane in 0..<lanes where !attained && values[lane] == neg {
        d[lane] += 1 - t[lane]
        attained = true
      }
      store(isActive ? d * row.scale : .zero, gradient + j, lanes)
    }
  }
  return isActive ? Double(margin) : 0
}
