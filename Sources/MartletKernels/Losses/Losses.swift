// Losses over rows, with their gradients, in one or two passes over each row. The formulas are those of `LossKind`; the
// functions of the single losses are in the files beside this one. A gradient may replace the predictions: what later
// elements need is read before.

import MartletKernelInterface

func loss(_ arguments: LossArguments<Float>) {
  for r in 0..<arguments.rows {
    let row = LossRow(arguments, r)
    let parameters = arguments.parameters
    let value =
      switch arguments.kind {
      case .softmaxCrossEntropy: softmaxCrossEntropy(row)
      case .categoricalCrossEntropy: categoricalCrossEntropy(row)
      case .sigmoidCrossEntropy: sigmoidCrossEntropy(row)
      case .binaryCrossEntropy: binaryCrossEntropy(row)
      case .meanSquaredError: meanSquaredError(row)
      case .categoricalHinge: categoricalHinge(row)
      case .meanAbsoluteError: meanAbsoluteError(row)
      case .huber: huber(row, delta: Float(parameters.delta))
      case .logCosh: logCosh(row)
      case .poisson: poisson(row)
      case .klDivergence: klDivergence(row)
      case .cosineSimilarity: cosineSimilarity(row)
      case .categoricalFocalCrossEntropy: categoricalFocalCrossEntropy(row, FocalFactor(parameters))
      case .softmaxFocalCrossEntropy: softmaxFocalCrossEntropy(row, FocalFactor(parameters))
      case .binaryFocalCrossEntropy: binaryFocalCrossEntropy(row, FocalFactor(parameters))
      case .sigmoidFocalCrossEntropy: sigmoidFocalCrossEntropy(row, FocalFactor(parameters))
      }
    arguments.rowLosses[r] = value * row.weight
  }
}

/// One row of the arguments, with labels seen as targets.
struct LossRow {
  let count: Int
  let x: UnsafePointer<Float>
  let weight: Double
  let gradient: UnsafeMutablePointer<Float>?
  private let scale: Float
  /// Targets, or nil for a label.
  private let values: UnsafePointer<Float>?
  private let label: Int32
  /// What stands in the label's column: 1; or, in a loss that is not about classes, the label itself in the only
  /// column.
  private let labelColumn: Int32
  private let labelValue: Float
  /// Label smoothing: what is left of a target, and what is added to it.
  private let kept: Float
  private let spread: Float

  init(_ arguments: LossArguments<Float>, _ r: Int) {
    count = arguments.columns
    x = arguments.predictions + r * count
    weight = arguments.rowWeights.map { Double($0[r]) } ?? 1
    gradient = arguments.gradient.map { $0 + r * arguments.columns }
    scale = Float(arguments.gradientScale * weight)
    switch arguments.targets {
    case .labels(let labels): (label, values) = (labels[r], nil)
    case .values(let all): (label, values) = (0, all + r * count)
    }
    let isAboutClasses: Bool
    /// Over how many outcomes smoothing spreads a target; 0: none.
    let outcomes: Int
    switch arguments.kind {
    case .softmaxCrossEntropy, .categoricalCrossEntropy, .categoricalFocalCrossEntropy, .softmaxFocalCrossEntropy:
      (isAboutClasses, outcomes) = (true, count)
    case .categoricalHinge: (isAboutClasses, outcomes) = (true, 0)
    case .sigmoidCrossEntropy, .binaryCrossEntropy, .binaryFocalCrossEntropy, .sigmoidFocalCrossEntropy:
      (isAboutClasses, outcomes) = (false, 2)
    case .meanSquaredError, .meanAbsoluteError, .huber, .logCosh, .poisson, .klDivergence, .cosineSimilarity:
      (isAboutClasses, outcomes) = (false, 0)
    }
    let isNumber = !isAboutClasses && count == 1
    labelColumn = isNumber ? 0 : label
    labelValue = isNumber ? Float(label) : 1
    let smoothing = outcomes == 0 ? 0 : arguments.parameters.labelSmoothing
    kept = Float(1 - smoothing)
    spread = outcomes == 0 ? 0 : Float(smoothing / Double(outcomes))
  }

  /// Beyond the end of the row, anything.
  @inline(__always)
  func targets(_ j: Int, _ lanes: Int) -> Vector {
    let t: Vector
    if let values {
      t = load(values + j, lanes)
    } else {
      t = select(laneIndices .== labelColumn &- Int32(truncatingIfNeeded: j), Vector(repeating: labelValue), .zero)
    }
    return multiplyAdd(t, Vector(repeating: kept), Vector(repeating: spread))
  }

  @inline(__always)
  func setGradient(_ value: Vector, _ j: Int, _ lanes: Int) {
    if let gradient { store(value * scale, gradient + j, lanes) }
  }
}

@inline(__always)
func isOutside(_ x: Vector, _ low: Float, _ high: Float) -> SIMDMask<IntegerVector> {
  (x .< low) .| (x .> high)
}

extension LossRow {
  /// The loss of a row that is the mean of its elements' losses.
  ///
  /// - Parameter body: prediction and target to loss and its derivative.
  @inline(__always)
  func mean(_ body: (_ x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector)) -> Double {
    var losses = Vector.zero
    let columns = Float(count)
    forEachVector(count) { j, lanes in
      let (loss, derivative) = body(load(x + j, lanes), targets(j, lanes))
      losses += firstLanes(lanes, of: loss)
      setGradient(derivative / columns, j, lanes)
    }
    return Double(sum(losses)) / Double(count)
  }
}
