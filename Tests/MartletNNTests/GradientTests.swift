// Gradients of whole plans, computed in double by the reference kernels, against central finite differences.

import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import Testing

/// A network with data and loss that runs in double.
struct GradientCheck {
  let model: Model
  let executor: PlanExecutor<Double>
  let rows: Int
  let useLabels: Bool
  /// Whether row r of each output weighs r + 0.5.
  var useRowWeights = false
  private let parameters: TensorStorage

  init(_ model: Model, _ loss: LossConfiguration, rows: Int, useLabels: Bool, seed: UInt64 = 7) throws {
    try self.init(model, losses: [loss], rows: rows, useLabels: useLabels, seed: seed)
  }

  /// - Parameter losses: one for each output.
  init(_ model: Model, losses: [LossConfiguration], rows: Int, useLabels: Bool, seed: UInt64 = 7) throws {
    self.model = model
    self.rows = rows
    self.useLabels = useLabels
    parameters = try TensorStorage(count: model.layout.count, of: Double.self, purpose: "a test")
    let values = parameters.pointer(as: Double.self)
    // Biases start at zero, where ReLU has its kink: move every weight off it.
    let noise = RandomSource(seed: seed, stream: 99)
    for index in 0..<model.layout.count {
      values[index] = Double(model.values[index]) + 0.1 * noise.normal(at: UInt64(index))
    }
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .training(losses, .store), maximumBatch: rows)
    executor = try PlanExecutor(plan: plan, parameters: values, kernels: .reference, seed: seed)
    for (input, shape) in model.graph.inputShapes.enumerated() {
      let source = RandomSource(seed: seed, stream: 1 + UInt64(input))
      for index in 0..<(rows * shape.elementCount) {
        executor.input(input)[index] = source.normal(at: UInt64(index))
      }
    }
    let source = RandomSource(seed: seed, stream: 50)
    for (output, loss) in plan.losses.enumerated() where loss.kernel != nil {
      for index in 0..<(rows * loss.rowsPerSample) {
        let label = Int(source.word(at: UInt64(1000 * output + index))) % loss.columns
        executor.labels(output)[index] = Int32(label)
        executor.rowWeights(output)[index] = Float(index) + 0.5
        for column in 0..<loss.columns {
          executor.targets(output)?[index * loss.columns + column] = column == label ? 1 : 0
        }
      }
    }
  }

  func loss() throws -> Double {
    try executor.forward(rows: rows, step: 3, threads: 1)
    var sum = executor.regularizationLoss() + executor.activityLoss()
    for (output, loss) in executor.plan.losses.enumerated() {
      let rowSum = executor.computeLoss(output: output, useLabels: useLabels, useRowWeights: useRowWeights)
      sum += loss.configuration.weight * rowSum / Double(rows * loss.rowsPerSample)
    }
    return sum
  }

  /// |analytic - numeric| / max(|analytic|, |numeric|, 1e-3) of the worst weight. The central difference with h = 1e-5
  /// has truncation error of order h^2 = 1e-10 and rounding error of order 1e-16 / h = 1e-11, for gradients of order 1.
  func largestError() throws -> Double {
    _ = try loss()
    executor.backward(rule: nil, slots: OptimizerSlots())
    let gradients = try #require(executor.gradients)
    let analytic = (0..<model.layout.count).map { gradients[$0] }
    let values = parameters.pointer(as: Double.self)
    var worst = 0.0
    for parameter in model.layout.parameters {
      for index in parameter.offset..<(parameter.offset + parameter.count) {
        let value = values[index]
        let h = 1e-5
        values[index] = value + h
        let above = try loss()
        values[index] = value - h
        let below = try loss()
        values[index] = value
        let numeric = (above - below) / (2 * h)
        worst = max(worst, abs(analytic[index] - numeric) / max(abs(analytic[index]), abs(numeric), 1e-3))
      }
    }
    return worst
  }
}

func chain(_ input: [Int], _ layers: [any Layer]) throws -> Model {
  var builder = try GraphBuilder(name: "test")
  var node = try builder.add(InputLayer(shape: Shape(input, of: "input")), name: nil, inputs: [])
  for layer in layers { node = try builder.add(layer, name: nil, inputs: [node]) }
  return try Model(graph: builder.build(outputs: [node]), seed: 5)
}

/// Well above the error of the difference quotient, far below that of any wrong formula.
private let tolerance = 1e-6

private let activations: [Activation] = [
  .linear, .relu, .leakyReLU(slope: 0.2), .sigmoid, .tanh, .softmax, .elu(alpha: 0.7), .selu, .softplus, .silu, .gelu,
  .geluTanh, .hardSigmoid, .exponential, .relu6, .hardSwish,
  .clippedReLU(slope: 0.1, maximum: 0.6, threshold: 0), .clippedReLU(slope: 0.1, maximum: 0.7, threshold: 0.2),
]

@Suite struct GradientTests {
  @Test(arguments: activations)
  func activationsInsideDense(_ activation: Activation) throws {
    let model = try chain([5], [Dense(units: 4, activation: activation), Dense(units: 3)])
    let check = try GradientCheck(
      model, LossConfiguration(.sparseCategoricalCrossentropy, fromLogits: true), rows: 6, useLabels: true)
    #expect(try check.largestError() < tolerance)
  }

  @Test(arguments: activations)
  func activationsAsLayers(_ activation: Activation) throws {
    let model = try chain([5], [Dense(units: 4), ActivationLayer(activation), Dense(units: 3)])
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 6, useLabels: false)
    #expect(try check.largestError() < tolerance)
  }

  /// What the derivative is made from must outlive what comes between: other activations, dropout.
  @Test(arguments: [Activation.silu, .gelu, .geluTanh])
  func preActivationsAreKept(_ activation: Activation) throws {
    let model = try chain(
      [5],
      [
        Dense(units: 4, activation: activation), ActivationLayer(activation), Dropout(rate: 0.3),
        ActivationLayer(activation), Dense(units: 4, activation: activation), Dense(units: 3),
      ])
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 6, useLabels: false)
    #expect(try check.largestError() < tolerance)
  }

  @Test(arguments: [
    (Loss.sparseCategoricalCrossentropy, true, Activation.linear), (.sparseCategoricalCrossentropy, false, .softmax),
    (.sparseCategoricalCrossentropy, false, .sigmoid), (.categoricalCrossentropy, false, .softmax),
    (.categoricalCrossentropy, true, .linear), (.categoricalCrossentropy, false, .sigmoid),
    (.meanSquaredError, false, .softmax), (.binaryCrossentropy, false, .sigmoid), (.binaryCrossentropy, true, .tanh),
    (.binaryCrossentropy, false, .softmax), (.categoricalHinge, false, .linear), (.categoricalHinge, false, .tanh),
  ])
  func losses(_ loss: Loss, _ fromLogits: Bool, _ activation: Activation) throws {
    let labelled = loss == .sparseCategoricalCrossentropy
    for asLayer in [false, true] {
      let tail: [any Layer] =
        asLayer ? [Dense(units: 4), ActivationLayer(activation)] : [Dense(units: 4, activation: activation)]
      let model = try chain([3], [Dense(units: 5, activation: .tanh)] + tail)
      let check = try GradientCheck(
        model, LossConfiguration(loss, fromLogits: fromLogits), rows: 7, useLabels: labelled)
      #expect(try check.largestError() < tolerance, "as a layer of its own: \(asLayer)")
    }
  }

  /// With parameters that are none of the defaults; the output's activation puts the predictions where the loss is smooth.
  @Test(arguments: [
    (LossConfiguration(.meanAbsoluteError), Activation.linear), (LossConfiguration(.huber, delta: 0.3), .linear),
    (LossConfiguration(.logCosh), .linear), (LossConfiguration(.poisson), .exponential),
    (LossConfiguration(.klDivergence), .softmax), (LossConfiguration(.cosineSimilarity), .linear),
    (LossConfiguration(.categoricalCrossentropy, labelSmoothing: 0.1), .softmax),
    (LossConfiguration(.categoricalCrossentropy, labelSmoothing: 0.1), .sigmoid),
    (LossConfiguration(.binaryCrossentropy, labelSmoothing: 0.1), .sigmoid),
    (LossConfiguration(.binaryCrossentropy, labelSmoothing: 0.1), .softmax),
    (LossConfiguration(.categoricalFocalCrossentropy, labelSmoothing: 0.1, gamma: 1.5, alpha: 0.6), .softmax),
    (LossConfiguration(.categoricalFocalCrossentropy, labelSmoothing: 0.1, gamma: 1.5, alpha: 0.6), .sigmoid),
    (LossConfiguration(.categoricalFocalCrossentropy, fromLogits: true, gamma: 0.5), .linear),
    (LossConfiguration(.binaryFocalCrossentropy, labelSmoothing: 0.1, gamma: 1.5), .sigmoid),
    (LossConfiguration(.binaryFocalCrossentropy, gamma: 3, alpha: 0.6, appliesClassBalancing: true), .softmax),
    (LossConfiguration(.binaryFocalCrossentropy, fromLogits: true, alpha: 0.6, appliesClassBalancing: true), .linear),
  ])
  func lossesWithParametersAndRowWeights(_ loss: LossConfiguration, _ activation: Activation) throws {
    let model = try chain([3], [Dense(units: 5, activation: .tanh), Dense(units: 4, activation: activation)])
    for useLabels in [false, true] {
      var check = try GradientCheck(model, loss, rows: 7, useLabels: useLabels)
      let plain = try check.loss()
      check.useRowWeights = true
      #expect(try check.loss() != plain)
      #expect(try check.largestError() < tolerance, "labels: \(useLabels)")
    }
  }

  @Test func hingeWithLabels() throws {
    let check = try GradientCheck(
      chain([4], [Dense(units: 5)]), LossConfiguration(.categoricalHinge), rows: 9, useLabels: true)
    #expect(try check.largestError() < tolerance)
  }

  @Test func shapingLayers() throws {
    let mean = (0..<12).map { Float($0) / 10 }
    let variance = (0..<12).map { 0.5 + Float($0) / 10 }
    let layers: [[any Layer]] = [
      [Rescaling(scale: 0.5, offset: -1)],
      [Rescaling(scale: [0.5, -2], offset: [-1, 0.25])],
      [Normalization(mean: [0.3], variance: [2])],
      [Normalization(mean: [0.1, 0.2], variance: [1, 3])],
      [Normalization(mean: mean, variance: variance)],
      [Dense(units: 2, activation: .relu), Rescaling(scale: 0.5)],
      [Dense(units: 2, activation: .tanh), Rescaling(scale: [0.5, -2])],
      [Dense(units: 2, activation: .tanh), Rescaling(scale: [-1], offset: [0.5, 2])],
      [Dense(units: 2, activation: .tanh), Normalization(mean: mean, variance: variance)],
      [Dense(units: 2, activation: .tanh), Normalization(mean: [0.1, 0.2], variance: [1, 3])],
      [Dropout(rate: 0.4)],
      [Dense(units: 3, activation: .sigmoid), Dropout(rate: 0.5)],
      [Dense(units: 3, activation: .sigmoid), Dropout(rate: 0)],
      [GaussianNoise(standardDeviation: 0.5)],
      [Dense(units: 3, activation: .sigmoid), GaussianNoise(standardDeviation: 0.5)],
      [Reshape([4, -1]), Dense(units: 2, activation: .tanh), Reshape([2, 4])],
      [Permute([3, 1, 2])],
      [Dense(units: 2, activation: .tanh), Permute([3, 2, 1]), Dense(units: 2)],
      [Dense(units: 2, activation: .sigmoid), Permute([1, 2, 3])],
    ]
    for front in layers {
      let model = try chain([3, 2, 2], front + [Flatten(), Dense(units: 3)])
      let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 4, useLabels: false)
      #expect(try check.largestError() < tolerance, "\(front)")
    }
  }

  @Test func penaltiesOnActivations() throws {
    let penalty = ActivityRegularization(Regularizer(l1: 0.1, l2: 0.3))
    let layers: [[any Layer]] = [
      [Dense(units: 4, activation: .tanh), penalty, Dense(units: 3)], [penalty, Dense(units: 3)],
      [Dense(units: 3), penalty], [Dense(units: 3, activation: .softmax), penalty],
      [Dense(units: 4, activation: .sigmoid), penalty, penalty, ActivityRegularization(.none), Dense(units: 3)],
    ]
    for layers in layers {
      let check = try GradientCheck(
        chain([4], layers), LossConfiguration(.meanSquaredError), rows: 5, useLabels: false)
      #expect(try check.largestError() < tolerance, "\(layers)")
    }
  }

  /// A penalised node that others read too; and one whose output has no loss, so that only the penalty makes a gradient.
  @Test func penaltiesInGraphs() throws {
    for lossOfSide in [Loss.meanSquaredError, .none] {
      var builder = try GraphBuilder(name: "test")
      let input = try builder.add(InputLayer(shape: Shape(vector: 4)), name: nil, inputs: [])
      let hidden = try builder.add(Dense(units: 3, activation: .tanh), name: nil, inputs: [input])
      let side = try builder.add(Dense(units: 2, activation: .sigmoid), name: nil, inputs: [hidden])
      let penalized = try builder.add(
        ActivityRegularization(Regularizer(l1: 0.2, l2: 0.1)), name: nil, inputs: [side])
      let output = try builder.add(Dense(units: 2), name: nil, inputs: [hidden])
      let model = try Model(graph: builder.build(outputs: [output, penalized]), seed: 5)
      let losses = [LossConfiguration(.meanSquaredError), LossConfiguration(lossOfSide)]
      let check = try GradientCheck(model, losses: losses, rows: 5, useLabels: false)
      #expect(try check.largestError() < tolerance, "\(lossOfSide)")
    }
  }

  @Test func denseOnSequences() throws {
    let model = try chain([3, 4], [Dense(units: 5, activation: .relu), Dense(units: 3)])
    let check = try GradientCheck(
      model, LossConfiguration(.sparseCategoricalCrossentropy, fromLogits: true), rows: 4, useLabels: true)
    #expect(try check.largestError() < tolerance)
  }

  @Test func regularisation() throws {
    let model = try chain(
      [4],
      [
        Dense(
          units: 5, activation: .tanh, kernelRegularizer: Regularizer(l1: 0.01, l2: 0.02),
          biasRegularizer: Regularizer(l2: 0.3)), Dense(units: 2, kernelRegularizer: Regularizer(l1: 0.1)),
      ])
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 4, useLabels: false)
    #expect(try check.largestError() < tolerance)
  }

  @Test func longBatchesCrossChunks() throws {
    // 300 rows: the weight gradient sums over more than one chunk of 256.
    let model = try chain([2], [Dense(units: 2, activation: .tanh), Dense(units: 2)])
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 300, useLabels: false)
    #expect(try check.largestError() < tolerance)
  }
}
