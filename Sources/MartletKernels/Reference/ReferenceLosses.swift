// Reference losses: value and gradient of one row, element by element, straight from the formulas of `LossKind`. A
// gradient element is written only after everything it depends on has been read, so it may replace the prediction. This
// file has the rows and the cross-entropies; the other losses are in the files beside it.

import MartletKernelInterface

extension Reference {
  static func loss(_ arguments: LossArguments<Scalar>) {
    for r in 0..<arguments.rows {
      let row = LossRow(arguments, r)
      let value =
        switch arguments.kind {
        case .softmaxCrossEntropy: softmaxCrossEntropy(row)
        case .categoricalCrossEntropy: categoricalCrossEntropy(row)
        case .sigmoidCrossEntropy: sigmoidCrossEntropy(row)
        case .binaryCrossEntropy: binaryCrossEntropy(row)
        case .meanSquaredError: meanSquaredError(row)
        case .categoricalHinge: categoricalHinge(row)
        case .meanAbsoluteError: meanAbsoluteError(row)
        case .huber: huber(row)
        case .logCosh: logCosh(row)
        case .poisson: poisson(row)
        case .klDivergence: klDivergence(row)
        case .cosineSimilarity: cosineSimilarity(row)
        case .categoricalFocalCrossEntropy: categoricalFocalCrossEntropy(row)
        case .softmaxFocalCrossEntropy: softmaxFocalCrossEntropy(row)
        case .binaryFocalCrossEntropy: binaryFocalCrossEntropy(row)
        case .sigmoidFocalCrossEntropy: sigmoidFocalCrossEntropy(row)
        }
      arguments.rowLosses[r] = Double(value) * row.weight
    }
  }

  /// One row of the arguments, with labels seen as targets.
  struct LossRow {
    let count: Int
    let x: UnsafePointer<Scalar>
    let weight: Double
    let parameters: LossParameters
    let gradient: UnsafeMutablePointer<Scalar>?
    private let scale: Scalar
    private let label: Int?
    private let values: UnsafePointer<Scalar>?
    /// A label over one column of a loss that is not about classes is the target itself; elsewhere it names the column
    /// that is 1.
    private let labelIsValue: Bool
    /// Over how many outcomes label smoothing spreads a target; nil: none.
    private let outcomes: Int?

    init(_ arguments: LossArguments<Scalar>, _ r: Int) {
      count = arguments.columns
      x = arguments.predictions + r * count
      weight = Double(arguments.rowWeights.map { $0[r] } ?? 1)
      parameters = arguments.parameters
      gradient = arguments.gradient.map { $0 + r * arguments.columns }
      scale = Scalar(arguments.gradientScale * weight)
      switch arguments.targets {
      case .labels(let labels): (label, values) = (Int(labels[r]), nil)
      case .values(let all): (label, values) = (nil, all + r * count)
      }
      switch arguments.kind {
      case .softmaxCrossEntropy, .categoricalCrossEntropy, .categoricalFocalCrossEntropy, .softmaxFocalCrossEntropy:
        (labelIsValue, outcomes) = (false, count)
      case .categoricalHinge: (labelIsValue, outcomes) = (false, nil)
      case .sigmoidCrossEntropy, .binaryCrossEntropy, .binaryFocalCrossEntropy, .sigmoidFocalCrossEntropy:
        (labelIsValue, outcomes) = (count == 1, 2)
      case .meanSquaredError, .meanAbsoluteError, .huber, .logCosh, .poisson, .klDivergence, .cosineSimilarity:
        (labelIsValue, outcomes) = (count == 1, nil)
      }
    }

    func target(_ j: Int) -> Scalar {
      let t: Scalar =
        if let label { labelIsValue ? Scalar(label) : label == j ? 1 : 0 } else { values.map { $0[j] } ?? 0 }
      guard let outcomes else { return t }
      let smoothing = Scalar(parameters.labelSmoothing)
      return t * (1 - smoothing) + smoothing / Scalar(outcomes)
    }

    func setGradient(_ j: Int, _ value: Scalar) { gradient?[j] = value * scale }

    /// The loss of a row that is the mean of its elements' losses, each with its derivative.
    func mean(_ element: (_ x: Scalar, _ t: Scalar) -> (loss: Scalar, derivative: Scalar)) -> Scalar {
      var sum: Scalar = 0
      for j in 0..<count {
        let (loss, derivative) = element(x[j], target(j))
        sum += loss
        setGradient(j, derivative / Scalar(count))
      }
      return sum / Scalar(count)
    }
  }

  private static func softmaxCrossEntropy(_ row: LossRow) -> Scalar {
    let greatest = maximum(row.x, row.count)
    var (sum, targets): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      sum += Scalar.exp(row.x[j] - greatest)
      targets += row.target(j)
    }
    var loss: Scalar = 0
    let logSum = Scalar.log(sum)
    for j in 0..<row.count where row.target(j) != 0 { loss += row.target(j) * (logSum - (row.x[j] - greatest)) }
    for j in 0..<row.count {
      row.setGradient(j, Scalar.exp(row.x[j] - greatest) / sum * targets - row.target(j))
    }
    return loss
  }

  /// Keras' bounds of a probability.
  static var clip: (low: Scalar, high: Scalar) { (Scalar(1e-7), 1 - Scalar(1e-7)) }

  /// With q = p / S and d_j = dL/dq_j = -t_j / q_j (0 where clipped):
  /// dL/dp_i = (d_i - sum_j d_j q_j) / S = (d_i + sum of the unclipped t_j) / S.
  private static func categoricalCrossEntropy(_ row: LossRow) -> Scalar {
    let (low, high) = clip
    var sum: Scalar = 0
    for j in 0..<row.count { sum += row.x[j] }
    var (loss, unclipped): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      let q = row.x[j] / sum
      if q < low {
        loss -= row.target(j) * Scalar.log(low)
      } else if q > high {
        loss -= row.target(j) * Scalar.log(high)
      } else {
        loss -= row.target(j) * Scalar.log(q)
        unclipped += row.target(j)
      }
    }
    for j in 0..<row.count {
      let q = row.x[j] / sum
      let d = q < low || q > high ? 0 : -row.target(j) / q
      row.setGradient(j, (d + unclipped) / sum)
    }
    return loss
  }

  private static func sigmoidCrossEntropy(_ row: LossRow) -> Scalar {
    row.mean { z, t in (crossEntropy(ofLogit: z, t), sigmoid(z) - t) }
  }

  static func crossEntropy(ofLogit z: Scalar, _ t: Scalar) -> Scalar {
    (z < 0 ? 0 : z) - z * t + Scalar.log1p(Scalar.exp(-abs(z)))
  }

  private static func binaryCrossEntropy(_ row: LossRow) -> Scalar {
    row.mean { p, t in crossEntropy(ofProbability: p, t) }
  }

  static func crossEntropy(ofProbability x: Scalar, _ t: Scalar) -> (loss: Scalar, derivative: Scalar) {
    let (low, high) = clip
    let p = x < low ? low : x > high ? high : x
    return (
      -(t * Scalar.log(p) + (1 - t) * Scalar.log(1 - p)), x < low || x > high ? 0 : (1 - t) / (1 - p) - t / p
    )
  }
}
