// Losses over rows, with their gradients, in one or two passes over each row. The formulas are those of `LossKind`; the
// functions of the single losses are in the files beside this one. A gradient may replace the predictions: what later
// elements need is read before.

import MartletKernelInterface

func loss(_ arguments: LossArguments<Float>) {
  let focal = FocalFactor(arguments.parameters)
  let delta = Float(arguments.parameters.delta)
  switch arguments.kind {
  case .softmaxCrossEntropy: forEachRow(arguments, softmaxCrossEntropy)
  case .categoricalCrossEntropy: forEachRow(arguments, categoricalCrossEntropy)
  case .sigmoidCrossEntropy: forEachRow(arguments, sigmoidCrossEntropy)
  case .binaryCrossEntropy: forEachRow(arguments, binaryCrossEntropy)
  case .meanSquaredError: forEachRow(arguments, meanSquaredError)
  case .categoricalHinge: forEachRow(arguments, categoricalHinge)
  case .meanAbsoluteError: forEachRow(arguments, meanAbsoluteError)
  case .huber: forEachRow(arguments) { huber($0, delta: delta) }
  case .logCosh: forEachRow(arguments, logCosh)
  case .poisson: forEachRow(arguments, poisson)
  case .klDivergence: forEachRow(arguments, klDivergence)
  case .cosineSimilarity: forEachRow(arguments, cosineSimilarity)
  case .categoricalFocalCrossEntropy: forEachRow(arguments) { categoricalFocalCrossEntropy($0, focal) }
  case .softmaxFocalCrossEntropy: forEachRow(arguments) { softmaxFocalCrossEntropy($0, focal) }
  case .binaryFocalCrossEntropy: forEachRow(arguments) { binaryFocalCrossEntropy($0, focal) }
  case .sigmoidFocalCrossEntropy: forEachRow(arguments) { sigmoidFocalCrossEntropy($0, focal) }
  }
}

@inline(__always)
private func forEachRow(_ arguments: LossArguments<Float>, _ loss: (LossRow) -> Double) {
  var row = LossRow(arguments)
  for r in 0..<arguments.rows {
    row.goTo(r, of: arguments)
    arguments.rowLosses[r] = loss(row) * row.weight
  }
}

/// One row of the arguments, with labels seen as targets.
struct LossRow {
  let count: Int
  private(set) var x: UnsafePointer<Float>
  private(set) var weight = 1.0
  private(set) var gradient: UnsafeMutablePointer<Float>?
  private var scale: Float
  /// Targets, or nil for a label.
  private var values: UnsafePointer<Float>?
  /// What stands in the label's column: 1; or, in a loss that is not about classes, the label itself in the only
  /// column.
  private let labelIsNumber: Bool
  private var labelColumn: Int32 = 0
  private var labelValue: Float = 1
  /// Label smoothing: what is left of a target, and what is added to it.
  private let kept: Float
  private let spread: Float

  /// What all rows have in common.
  init(_ arguments: LossArguments<Float>) {
    count = arguments.columns
    x = arguments.predictions
    gradient = arguments.gradient
    scale = Float(arguments.gradientScale)
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
    labelIsNumber = !isAboutClasses && count == 1
    let smoothing = outcomes == 0 ? 0 : arguments.parameters.labelSmoothing
    kept = Float(1 - smoothing)
    spread = outcomes == 0 ? 0 : Float(smoothing / Double(outcomes))
  }

  /// Go to row r.
  @inline(always)
  mutating func goTo(_ r: Int, of arguments: LossArguments<Float>) {
    x = arguments.predictions + r * count
    gradient = arguments.gradient.map { $0 + r * count }
    if let weights = arguments.rowWeights {
      weight = Double(weights[r])
      scale = Float(arguments.gradientScale * weight)
    }
    switch arguments.targets {
    case .labels(let labels): (labelColumn, labelValue) = labelIsNumber ? (0, Float(labels[r])) : (labels[r], 1)
    case .values(let all): values = all + r * count
    }
  }

  /// Beyond the end of the row, anything.
  @inline(__always)
  func targets(_ j: Int, _ lanes: Int) -> Vector {
    let t: Vector
    if let values {
      t = load(values + j, lanes)
    } else {
      t = select(isLane(labelColumn &- Int32(truncatingIfNeeded: j)), Vector(repeating: labelValue), .zero)
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
  @inline(always)
  func mean(_ body: (_ x: Vector, _ t: Vector) -> (loss: Vector, derivative: Vector)) -> Double {
    var losses = Vector.zero
    let columns = Float(count)
    @inline(always)
    func add(_ j: Int, _ lanes: Int) {
      let (loss, derivative) = body(load(x + j, lanes), targets(j, lanes))
      losses += firstLanes(lanes, of: loss)
      setGradient(derivative / columns, j, lanes)
    }
    forEachVector(count, add)
    return Double(sum(losses)) / Double(count)
  }
}
