// Convolutions by tiles in plans: which they are, that no cut changes a bit, that they and their gradients compute what
// the same model does in double, and that their kernels follow the weights.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

private func convolution(
  _ filters: Int, size: [Int] = [3, 3], strides: [Int] = [1, 1], dilation: [Int] = [1, 1], groups: Int = 1,
  padding: SlidingWindow.Padding = .same, activation: Activation = .linear
) -> Convolution {
  Convolution(
    rank: 2, filters: filters,
    window: SlidingWindow(size: size, strides: strides, dilation: dilation, padding: padding), groups: groups,
    activation: activation)
}

private func plan(
  _ model: Model, _ purpose: PlanPurpose = .prediction, maximumBatch: Int = 3, keepsValues: Bool = false
) throws -> Plan {
  try Plan(
    graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: maximumBatch, keepsValues: keepsValues,
    transformsKernels: true)
}

private func isWinograd(_ operation: Operation) -> Bool { if case .winograd = operation { true } else { false } }

private func isTransform(_ operation: Operation) -> Bool {
  if case .transformKernel = operation { true } else { false }
}

/// Whether the first layer of a model is computed by tiles.
private func isByTiles(_ input: [Int], _ layer: Convolution) throws -> Bool {
  let plan = try plan(try chain(input, [layer]))
  #expect(plan.transformedKernels.count == plan.forward.filter(isWinograd).count)
  return plan.forward.contains(where: isWinograd)
}

@Suite struct WinogradTests {
  @Test func whichConvolutions() throws {
    #expect(try isByTiles([12, 12, 16], convolution(16)))
    #expect(try isByTiles([14, 14, 64], convolution(32, padding: .valid, activation: .softmax)))
    #expect(try isByTiles([7, 7, 16], convolution(40)))
    // Other windows, few channels or filters, few tiles, many of them half empty.
    #expect(try !isByTiles([12, 12, 16], convolution(16, size: [3, 1])))
    #expect(try !isByTiles([12, 12, 16], convolution(16, size: [5, 5])))
    #expect(try !isByTiles([12, 12, 16], convolution(16, strides: [2, 2])))
    #expect(try !isByTiles([12, 12, 16], convolution(16, dilation: [2, 2])))
    #expect(try !isByTiles([12, 12, 32], convolution(32, groups: 2)))
    #expect(try !isByTiles([12, 12, 15], convolution(16)))
    #expect(try !isByTiles([12, 12, 16], convolution(15)))
    #expect(try !isByTiles([4, 4, 64], convolution(64)))
    #expect(try !isByTiles([1, 64, 64], convolution(64)))
  }

  /// Where the values of all nodes can be read, and where nobody asks for it, nothing is computed by tiles. The kernels
  /// of training and evaluation are transformed in each step, those of a prediction are given.
  @Test func inWhichPlans() throws {
    let model = try chain([8, 8, 16], [convolution(16), convolution(16)])
    let losses = [LossConfiguration(.meanSquaredError)]
    #expect(try plan(model).forward.allSatisfy(isWinograd))
    let evaluation = try plan(model, .evaluation(losses))
    let training = try plan(model, .training(losses, .update))
    for plan in [evaluation, training] {
      #expect(plan.transformedCount == 0 && plan.forward.filter(isWinograd).count == 2)
      #expect(plan.forward.filter(isTransform).count == 2)
    }
    // The gradient by the images, but by the input.
    #expect(training.backward.filter(isWinograd).count == 1 && training.backward.filter(isTransform).count == 1)
    // The patches of a gradient by images lie between its pixels where the convolution has strides.
    for strides in [[2, 2], [3, 3], [1, 2]] {
      let model = try chain([13, 14, 16], [convolution(16), convolution(16, strides: strides)])
      #expect(try !plan(model, .training(losses, .update)).backward.contains(where: isWinograd))
    }
    for other in [
      try plan(model, keepsValues: true),
      try Plan(graph: model.graph, layout: model.layout, purpose: .prediction, maximumBatch: 3),
      try Plan(graph: model.graph, layout: model.layout, purpose: .training(losses, .store), maximumBatch: 3),
    ] {
      #expect(!(other.forward + other.backward).contains(where: isWinograd) && other.transformedCount == 0)
    }
  }

  /// A layer that is applied twice has one transformed kernel, and the cost of a model counts it.
  @Test func sharedKernels() throws {
    var builder = try GraphBuilder(name: "test")
    let input = try builder.add(InputLayer(shape: Shape([8, 6, 16], of: "input")), name: nil, inputs: [])
    let first = try builder.add(convolution(16), name: nil, inputs: [input])
    let second = try builder.apply(layer: builder.nodes[first].layer, inputs: [first])
    let model = try Model(graph: builder.build(outputs: [second]), seed: 1)
    let plan = try plan(model, maximumBatch: 2)
    #expect(plan.forward.filter(isWinograd).count == 2)
    #expect(plan.transformedKernels.count == 1 && plan.transformedCount == 16 * 16 * 16)
    // V and M of the 24 tiles of two images, each with a line after every one of 16 matrices.
    #expect(plan.scratchCount == 2 * 16 * (24 * 16 + 16))
    let cost = try model.cost(rows: 2)
    #expect(cost.predictionBytes == 4 * (plan.arenaCount + plan.transformedCount + plan.scratchCount))
    #expect(cost.predictionFlops == 2 * 2 * 16 * 12 * 16 * 16)
  }

  /// With an epilogue of everything, and an activation that takes longer.
  private func network() throws -> Model {
    var builder = try GraphBuilder(name: "test")
    let input = try builder.add(InputLayer(shape: Shape([13, 14, 20], of: "input")), name: nil, inputs: [])
    let first = try builder.add(convolution(36, padding: .valid, activation: .tanh), name: nil, inputs: [input])
    let sums = try builder.add(convolution(36), name: nil, inputs: [first])
    let normalized = try builder.add(BatchNormalization(), name: nil, inputs: [sums])
    let sum = try builder.add(Merge(.add), name: nil, inputs: [normalized, first])
    let active = try builder.add(ActivationLayer(.relu), name: nil, inputs: [sum])
    let last = try builder.add(convolution(160), name: nil, inputs: [active])
    return try Model(graph: builder.build(outputs: [last]), seed: 3)
  }

  private func predict(_ predictor: Predictor, _ x: [Float], rows: Int, columns: Int, threads: Int) throws -> [Float] {
    var y = [Float](repeating: .nan, count: rows * columns)
    try x.withUnsafeBytes { x in
      try y.withUnsafeMutableBufferPointer { y in
        let input = try InputRows(base: #require(x.baseAddress), type: .float32, elementByteCount: 4)
        try predictor.predict([input], rowCount: rows, into: #require(y.baseAddress), threads: threads)
      }
    }
    return y
  }

  private func predictInDouble(_ predictor: Predictor, _ x: [Float], rows: Int, columns: Int) throws -> [Double] {
    var y = [Double](repeating: .nan, count: rows * columns)
    try x.withUnsafeBytes { x in
      try y.withUnsafeMutableBufferPointer { y in
        let input = try InputRows(base: #require(x.baseAddress), type: .float32, elementByteCount: 4)
        try predictor.predictInDouble(
          [input], rowCount: rows, into: #require(y.baseAddress), reference: .reference, threads: 1)
      }
    }
    return y
  }

  private func images(_ rows: Int) -> [Float] {
    let source = RandomSource(seed: 4, stream: 0)
    return (0..<(rows * 13 * 14 * 20)).map { Float(source.normal(at: UInt64($0))) }
  }

  /// Neither threads nor the batch that a row is in change a bit, and all are near those in double: sums of 180 and 324
  /// products, of order 1 as their terms are, in three layers.
  @Test(arguments: [kernels, .reference]) func bits(_ kernels: KernelTable<Float>) throws {
    let model = try network()
    #expect(try plan(model).forward.filter(isWinograd).count == 3)
    let (rows, columns) = (5, model.graph.outputShapes[0].elementCount)
    let x = images(rows)
    let predictor = Predictor(model: model, kernels: kernels)
    let y = try predict(predictor, x, rows: rows, columns: columns, threads: 1)
    let exact = try predictInDouble(predictor, x, rows: rows, columns: columns)
    let largest = exact.map(abs).max() ?? 0
    #expect(largest > 0.1 && zip(y, exact).allSatisfy { abs(Double($0) - $1) <= 1e-5 * largest })
    for threads in [2, 3] {
      #expect(try predict(predictor, x, rows: rows, columns: columns, threads: threads) == y)
    }
    for row in 0..<rows {
      let image = Array(x[(row * 13 * 14 * 20)..<((row + 1) * 13 * 14 * 20)])
      for threads in [1, 3] {
        let one = try predict(predictor, image, rows: 1, columns: columns, threads: threads)
        #expect(one == Array(y[(row * columns)..<((row + 1) * columns)]))
      }
    }
  }

  @Test func kernelsFollowTheWeights() throws {
    let model = try network()
    let columns = model.graph.outputShapes[0].elementCount
    let predictor = Predictor(model: model, kernels: kernels)
    let before = try predict(predictor, images(1), rows: 1, columns: columns, threads: 1)
    for index in 0..<model.layout.count { model.valuesToChange()[index] *= 1.5 }
    let after = try predict(predictor, images(1), rows: 1, columns: columns, threads: 1)
    #expect(after != before)
    #expect(
      try predict(Predictor(model: model, kernels: kernels), images(1), rows: 1, columns: columns, threads: 1) == after)
  }

  /// Gradients of a step on so many random images, by the sum of all outputs' squares.
  private func gradients<Scalar: BinaryFloatingPoint & BitwiseCopyable & Sendable>(
    _ model: Model, _ kernels: KernelTable<Scalar>, rows: Int, threads: Int, byTiles: Bool
  ) throws -> [Double] {
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .training([LossConfiguration(.meanSquaredError)], .store),
      maximumBatch: rows, transformsKernels: byTiles)
    #expect(plan.backward.filter(isWinograd).count == (byTiles ? 2 : 0))
    let weights = try TensorStorage(count: model.layout.count, of: Scalar.self, purpose: "a test")
    let values = weights.pointer(as: Scalar.self)
    for index in 0..<model.layout.count { values[index] = Scalar(model.values[index]) }
    let executor = try PlanExecutor(plan: plan, parameters: values, kernels: kernels)
    for (index, value) in images(rows).enumerated() { executor.input(0)[index] = Scalar(value) }
    let targets = try #require(executor.targets(0))
    for index in 0..<(rows * model.graph.outputShapes[0].elementCount) { targets[index] = 0 }
    try executor.forward(rows: rows, step: 0, threads: threads)
    _ = executor.computeLoss(output: 0, useLabels: false, useRowWeights: false)
    executor.backward(rule: nil, slots: OptimizerSlots())
    let gradients = try #require(executor.gradients)
    return withExtendedLifetime(weights) { (0..<model.layout.count).map { Double(gradients[$0]) } }
  }

  /// Of the second and third layer they come by tiles, and the first layer's two readers add theirs up. No cut changes
  /// a bit. A gradient of a kernel sums 5 x 11 x 12 products and more, in float with errors of the order of 2^-24 times
  /// the root of their number, 2e-6 of the largest; three layers of them.
  @Test(arguments: [kernels, .reference]) func trainingGradients(_ kernels: KernelTable<Float>) throws {
    let model = try network()
    let exact = try gradients(model, KernelTable<Double>.reference, rows: 5, threads: 1, byTiles: false)
    let found = try gradients(model, kernels, rows: 5, threads: 1, byTiles: true)
    for layer in model.graph.layers.indices {
      // Of a whole layer: the bias before a batch normalisation has the gradient 0, but for rounding.
      let parameters = model.layout.range(ofLayer: layer).filter { model.layout.parameters[$0].isTrainable }
      let indices = parameters.map { model.layout.parameters[$0] }.flatMap { $0.offset..<($0.offset + $0.count) }
      let largest = indices.map { abs(exact[$0]) }.max() ?? 1
      #expect(largest > 0 && indices.allSatisfy { abs(found[$0] - exact[$0]) <= 1e-5 * largest }, "layer \(layer)")
    }
    for threads in [2, 3] {
      #expect(try gradients(model, kernels, rows: 5, threads: threads, byTiles: true) == found)
    }
  }
}
