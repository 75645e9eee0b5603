// What products take into their epilogue: which operations a graph lowers to, and that they compute what the operations
// of its nodes one by one do, which a plan that keeps all values still has.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

private let same = SlidingWindow(size: [3, 3], strides: [1, 1], dilation: [1, 1], padding: .same)
private let losses = [LossConfiguration(.meanSquaredError)]

private func convolution(_ filters: Int, groups: Int = 1, activation: Activation = .linear) -> Convolution {
  Convolution(rank: 2, filters: filters, window: same, groups: groups, activation: activation)
}

/// A graph with an input of 6 x 5 pixels of 4 channels, and random weights and statistics.
private func model(_ nodes: (inout GraphBuilder, _ input: Int) throws -> [Int]) throws -> Model {
  var builder = try GraphBuilder(name: "test")
  let input = try builder.add(InputLayer(shape: Shape([6, 5, 4], of: "input")), name: nil, inputs: [])
  let outputs = try nodes(&builder, input)
  let model = try Model(graph: builder.build(outputs: outputs), seed: 7)
  let source = RandomSource(seed: 11, stream: 0)
  for i in 0..<model.layout.count {
    // Variances are positive; so are all others, but every third.
    model.valuesToChange()[i] = Float(source.uniform(at: UInt64(i))) + 0.1
  }
  for parameter in model.layout.parameters where !parameter.name.hasSuffix("moving_variance") {
    for i in 0..<parameter.count where i % 3 == 0 { model.valuesToChange()[parameter.offset + i] *= -1 }
  }
  return model
}

extension GraphBuilder {
  /// Layers one after the other.
  fileprivate mutating func add(_ layers: [any Layer], to input: Int) throws -> Int {
    try layers.reduce(input) { try add($1, name: nil, inputs: [$0]) }
  }
}

/// Convolution, normalisation, addition of what the first one makes, ReLU: as in a residual network.
private func residual(_ builder: inout GraphBuilder, _ input: Int) throws -> [Int] {
  let first = try builder.add([convolution(8), BatchNormalization(), ActivationLayer(.relu)], to: input)
  let second = try builder.add([convolution(8), BatchNormalization()], to: first)
  let sum = try builder.add(Merge(.add), name: nil, inputs: [second, first])
  return [try builder.add(ActivationLayer(.relu), name: nil, inputs: [sum])]
}

@Suite struct FusionTests {
  private func plan(
    _ model: Model, _ purpose: PlanPurpose = .prediction, keepsValues: Bool = false
  ) throws -> Plan {
    try Plan(
      graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: 3, keepsValues: keepsValues)
  }

  private func name(_ operation: Operation) -> String { String("\(operation)".prefix { $0 != "(" }) }

  private func names(_ plan: Plan) -> [String] { plan.forward.map { name($0) } }

  /// The outputs of three rows one after the other.
  private func outputs<Scalar>(
    _ model: Model, _ plan: Plan, _ kernels: KernelTable<Scalar>, threads: Int = 1
  ) throws -> [Scalar] where Scalar: BinaryFloatingPoint & BitwiseCopyable & Sendable {
    let weights = UnsafeMutablePointer<Scalar>.allocate(capacity: model.layout.count)
    defer { weights.deallocate() }
    for i in 0..<model.layout.count { weights[i] = Scalar(model.values[i]) }
    let executor = try PlanExecutor(plan: plan, parameters: weights, kernels: kernels)
    let source = RandomSource(seed: 5, stream: 0)
    for i in 0..<(3 * plan.inputShapes[0].elementCount) {
      executor.input(0)[i] = Scalar(Float(source.normal(at: UInt64(i))))
    }
    try executor.forward(rows: 3, step: 0, threads: threads)
    return plan.outputShapes.enumerated().flatMap { index, shape in
      (0..<(3 * shape.elementCount)).map { executor.output(index)[$0] }
    }
  }

  /// Expect a graph's fused plan to have some operations, and to compute what its nodes one by one do.
  private func check(_ model: Model, _ expected: [String]) throws {
    let (fused, plain) = (try plan(model), try plan(model, keepsValues: true))
    #expect(names(fused) == expected)
    let reference = KernelTable<Double>.reference
    let (found, exact) = (try outputs(model, fused, reference), try outputs(model, plain, reference))
    // Sums of some hundred products in double, in a few layers.
    let largest = exact.map(abs).max() ?? 0
    #expect(zip(found, exact).allSatisfy { abs($0 - $1) <= 1e-12 * largest })
    #expect(largest > 0)
    // The bits are the same for any number of threads.
    let single = try outputs(model, fused, kernels)
    #expect(try outputs(model, fused, kernels, threads: 3) == single)
    #expect(zip(single, exact).allSatisfy { abs(Double($0) - $1) <= 1e-4 * largest })
  }

  private let normalized = ["normalizationScale", "normalizationOffset", "matrixProduct"]

  @Test func residualBlock() throws {
    try check(try model(residual), normalized + normalized)
  }

  @Test func trainingIsAsItWas() throws {
    let model = try model(residual)
    let training = try plan(model, .training(losses, .update))
    #expect(
      names(training) == [
        "matrixProduct", "columnMoments", "normalizationScale", "normalizeColumns", "activation", "matrixProduct",
        "columnMoments", "normalizationScale", "normalizeColumns", "combine", "activation",
      ])
    #expect(try names(plan(model, .evaluation(losses))) == normalized + normalized)
  }

  @Test func frozenLayersAreFusedInTraining() throws {
    let whole = try model { builder, input in
      let frozen = try builder.add(residual(&builder, input)[0], flattenedInto: Dense(units: 2))
      return [frozen]
    }
    let frozen = whole.graph.settingTrainable(false, layers: Set(whole.graph.layers.indices.dropLast()))
    let part = try Model(graph: frozen, seed: 7)
    #expect(try names(plan(part, .training(losses, .update))) == normalized + normalized + ["matrixProduct"])
  }

  @Test func productsOfAllKinds() throws {
    let depthwise = DepthwiseConvolution(window: same, multiplier: 2)
    let separable = SeparableConvolution(depthwise: DepthwiseConvolution(window: same), filters: 6, useBias: false)
    let transposed = TransposedConvolution(filters: 3, window: same)
    for (layer, operations) in [
      (convolution(6, groups: 2) as any Layer, normalized),
      (depthwise, ["normalizationScale", "normalizationOffset", "depthwise"]),
      (separable, ["depthwise"] + normalized), (transposed, normalized), (Dense(units: 5), normalized),
    ] {
      for activation in [Activation.relu, .relu6, .tanh] {
        let followers: [any Layer] = [BatchNormalization(), ActivationLayer(activation)]
        try check(try model { builder, input in [try builder.add([layer] + followers, to: input)] }, operations)
      }
      // An addition alone takes no scale.
      try check(
        try model { builder, input in
          let shape = try layer.outputShape(of: [builder.nodes[input].shape])
          let other = try builder.add(Dense(units: shape.lastDimension, activation: .relu), name: nil, inputs: [input])
          let product = try builder.add(layer, name: nil, inputs: [input])
          return [try builder.add(Merge(.add), name: nil, inputs: [other, product])]
        }, ["matrixProduct"] + operations.filter { !$0.hasPrefix("normalization") })
    }
  }

  @Test func normalizationWithoutGammaOrBeta() throws {
    let plain = BatchNormalization(beta: nil, gamma: nil)
    for layer in [BatchNormalization(beta: nil), BatchNormalization(gamma: nil), plain] {
      try check(try model { builder, input in [try builder.add([convolution(5), layer], to: input)] }, normalized)
    }
  }

  @Test func bothOperandsOfAnAddition() throws {
    // The later one takes it, whichever it is in the addition, and waits for nothing.
    for isSwapped in [false, true] {
      let model = try model { builder, input in
        let first = try builder.add([convolution(6), BatchNormalization()], to: input)
        let second = try builder.add([convolution(6), BatchNormalization()], to: input)
        return [try builder.add(Merge(.add), name: nil, inputs: isSwapped ? [second, first] : [first, second])]
      }
      try check(model, normalized + normalized)
    }
    // The product waits for the other operand, which is computed after it.
    try check(
      try model { builder, input in
        let first = try builder.add(convolution(4), name: nil, inputs: [input])
        let second = try builder.add(ActivationLayer(.tanh), name: nil, inputs: [input])
        return [try builder.add(Merge(.add), name: nil, inputs: [first, second])]
      }, ["activation", "matrixProduct"])
  }

  @Test func whatOthersReadIsWritten() throws {
    let apart = ["matrixProduct", "normalizationScale", "normalizeColumns"]
    // The convolution is an output; then another layer reads it, too.
    try check(
      try model { builder, input in
        let sums = try builder.add(convolution(4), name: nil, inputs: [input])
        return [sums, try builder.add(BatchNormalization(), name: nil, inputs: [sums])]
      }, apart)
    try check(
      try model { builder, input in
        let sums = try builder.add(convolution(4), name: nil, inputs: [input])
        let y = try builder.add(BatchNormalization(), name: nil, inputs: [sums])
        return [try builder.add(Merge(.multiply), name: nil, inputs: [sums, y])]
      }, apart + ["combine"])
    // One layer reads it twice.
    try check(
      try model { builder, input in
        let sums = try builder.add(convolution(4), name: nil, inputs: [input])
        return [try builder.add(Merge(.add), name: nil, inputs: [sums, sums])]
      }, ["matrixProduct", "combine"])
  }

  @Test func layersAppliedTwice() throws {
    let model = try model { builder, input in
      let first = try builder.add(convolution(4), name: nil, inputs: [input])
      let normalized = try builder.add(BatchNormalization(), name: nil, inputs: [first])
      let active = try builder.add(ActivationLayer(.relu), name: nil, inputs: [normalized])
      let second = try builder.apply(layer: builder.nodes[first].layer, inputs: [active])
      return [try builder.apply(layer: builder.nodes[normalized].layer, inputs: [second])]
    }
    try check(model, normalized + normalized)
  }

  @Test func whatIsNoStepOfAnEpilogue() throws {
    func check(_ layers: [any Layer], _ expected: [String]) throws {
      try self.check(try model { builder, input in [try builder.add(layers, to: input)] }, expected)
    }
    let apart = ["normalizationScale", "normalizeColumns"]
    try check([BatchNormalization(), ActivationLayer(.relu)], apart + ["activation"])
    try check([convolution(4, activation: .relu), BatchNormalization()], ["matrixProduct"] + apart)
    try check([convolution(4), ActivationLayer(.relu), BatchNormalization()], ["matrixProduct"] + apart)
    try check([convolution(4), BatchNormalization(), BatchNormalization()], normalized + apart)
    try check([convolution(4), BatchNormalization(), ActivationLayer(.softmax)], normalized + ["softmax"])
    try check([convolution(4), ActivationLayer(.relu), ActivationLayer(.tanh)], ["matrixProduct", "activation"])
    // Operands of an addition of other shapes, and more than two.
    try self.check(
      try model { builder, input in
        let pooling = Pooling(.max, rank: 2, window: nil, keepsDimensions: true)
        let column = try builder.add(pooling, name: nil, inputs: [input])
        let sums = try builder.add(convolution(4), name: nil, inputs: [input])
        return [try builder.add(Merge(.add), name: nil, inputs: [sums, column])]
      }, ["maxPooling", "matrixProduct", "resize", "combine"])
    try self.check(
      try model { builder, input in
        let sums = try builder.add(convolution(4), name: nil, inputs: [input])
        return [try builder.add(Merge(.add), name: nil, inputs: [sums, input, input])]
      }, ["matrixProduct", "combine", "combine"])
  }

  @Test func anActivationThatTheLossTakes() throws {
    let model = try model { builder, input in
      [try builder.add([Flatten(), Dense(units: 3), BatchNormalization(), ActivationLayer(.sigmoid)], to: input)]
    }
    let loss = LossConfiguration(.binaryCrossentropy)
    let evaluation = try plan(model, .evaluation([loss]))
    #expect(evaluation.losses[0].holdsLogits && names(evaluation) == normalized)
    #expect(try names(plan(model)) == normalized)
  }

  @Test func fusedNodesNeedNoMemory() throws {
    let model = try model(residual)
    let (fused, plain) = (try plan(model), try plan(model, keepsValues: true))
    // Input, the first block and the output: 3 rows of 6 x 5 pixels; and vectors of 8 columns, of a cache line each.
    let pixels = 3 * 6 * 5
    #expect(fused.arenaCount <= pixels * (4 + 8 + 8) + 6 * 16)
    #expect(plain.arenaCount > 2 * fused.arenaCount)
  }
}

extension GraphBuilder {
  /// A layer that reads the elements of a node as one row.
  fileprivate mutating func add(_ node: Int, flattenedInto layer: any Layer) throws -> Int {
    try add([Flatten(), layer], to: node)
  }
}
