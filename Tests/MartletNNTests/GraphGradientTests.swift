// Gradients of graphs that are no chains: merging layers, layers applied more than once, several inputs and outputs.

import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import Testing

@Suite struct GraphGradientTests {
  private let squares = LossConfiguration(.meanSquaredError)
  /// As in GradientTests.
  private let tolerance = 1e-6

  private func input(_ builder: inout GraphBuilder, _ shape: [Int]) throws -> Int {
    try builder.add(InputLayer(shape: Shape(shape, of: "input")), name: nil, inputs: [])
  }

  @Test(arguments: Merge.Kind.allCases)
  func merges(_ kind: Merge.Kind) throws {
    for count in kind == .subtract ? [2] : [2, 3, 4] {
      var builder = try GraphBuilder(name: "merge")
      let x = try input(&builder, [5])
      var branches: [Int] = []
      for index in 0..<count {
        let activation: Activation = index == 1 ? .linear : .tanh
        branches.append(try builder.add(Dense(units: 4, activation: activation), name: nil, inputs: [x]))
      }
      let merged = try builder.add(Merge(kind), name: nil, inputs: branches)
      let y = try builder.add(Dense(units: 2), name: nil, inputs: [merged])
      let model = try Model(graph: builder.build(outputs: [y]), seed: 3)
      let check = try GradientCheck(model, squares, rows: 6, useLabels: false)
      #expect(try check.largestError() < tolerance, "\(count) inputs")
    }
  }

  @Test(arguments: Merge.Kind.allCases)
  func mergingANodeWithItself(_ kind: Merge.Kind) throws {
    var builder = try GraphBuilder(name: "twice")
    let x = try input(&builder, [3])
    let a = try builder.add(Dense(units: 4, activation: .tanh), name: nil, inputs: [x])
    let merged = try builder.add(Merge(kind), name: nil, inputs: [a, a])
    let y = try builder.add(Dense(units: 2), name: nil, inputs: [merged])
    let model = try Model(graph: builder.build(outputs: [y]), seed: 3)
    let check = try GradientCheck(model, squares, rows: 5, useLabels: false)
    #expect(try check.largestError() < tolerance)
  }

  @Test func skipConnectionFromAnInputThatNeedsNoGradient() throws {
    for kind in Merge.Kind.allCases {
      var builder = try GraphBuilder(name: "skip")
      let x = try input(&builder, [4])
      let a = try builder.add(Dense(units: 4, activation: .sigmoid), name: nil, inputs: [x])
      for inputs in [[x, a], [a, x]] {
        var builder = builder
        let merged = try builder.add(Merge(kind), name: nil, inputs: inputs)
        let y = try builder.add(Dense(units: 2), name: nil, inputs: [merged])
        let model = try Model(graph: builder.build(outputs: [y]), seed: 3)
        let check = try GradientCheck(model, squares, rows: 5, useLabels: false)
        #expect(try check.largestError() < tolerance, "\(kind)")
      }
    }
  }

  @Test(arguments: [-1, -2, 1, 2])
  func concatenations(_ axis: Int) throws {
    var builder = try GraphBuilder(name: "concatenate")
    let x = try input(&builder, [3, 4])
    let a = try builder.add(Dense(units: 2, activation: .tanh), name: nil, inputs: [x])
    let other = axis == -1 || axis == 2 ? 5 : 2
    let b = try builder.add(Dense(units: other, activation: .sigmoid), name: nil, inputs: [x])
    let joined = try builder.add(Concatenate(axis: axis), name: nil, inputs: [a, b, a])
    let y = try builder.add(Dense(units: 2), name: nil, inputs: [joined])
    let model = try Model(graph: builder.build(outputs: [y]), seed: 3)
    #expect(builder.nodes[joined].shape.dimensions == (other == 5 ? [3, 9] : [9, 2]))
    let check = try GradientCheck(model, squares, rows: 4, useLabels: false)
    #expect(try check.largestError() < tolerance)
  }

  @Test func sharedLayers() throws {
    var builder = try GraphBuilder(name: "siamese")
    let (left, right) = (try input(&builder, [3]), try input(&builder, [3]))
    let layer = Dense(units: 3, activation: .tanh, kernelRegularizer: Regularizer(l1: 0.01, l2: 0.1))
    let a = try builder.add(layer, name: nil, inputs: [left])
    let index = builder.nodes[a].layer
    let b = try builder.apply(layer: index, inputs: [right])
    // And a third time, on top of itself.
    let c = try builder.apply(layer: index, inputs: [b])
    let merged = try builder.add(Merge(.multiply), name: nil, inputs: [a, b, c])
    let y = try builder.add(Dense(units: 2), name: nil, inputs: [merged])
    let model = try Model(graph: builder.build(outputs: [y]), seed: 3)
    #expect(model.layout.totalCount == 3 * 3 + 3 + 3 * 2 + 2)
    for rows in [5, 300] {
      let check = try GradientCheck(model, squares, rows: rows, useLabels: false)
      #expect(try check.largestError() < tolerance, "\(rows) rows")
    }
  }

  @Test func severalOutputsWithWeights() throws {
    var builder = try GraphBuilder(name: "heads")
    let x = try input(&builder, [4])
    let body = try builder.add(Dense(units: 5, activation: .relu), name: "body", inputs: [x])
    let first = try builder.add(Dense(units: 3, activation: .softmax), name: "first", inputs: [body])
    let second = try builder.add(Dense(units: 3, activation: .tanh), name: "second", inputs: [first])
    // The body is an output itself, and `first` has a reader beside its loss, so that its softmax must stay.
    let model = try Model(graph: builder.build(outputs: [first, second, body]), seed: 3)
    let check = try GradientCheck(
      model,
      losses: [
        LossConfiguration(.categoricalCrossentropy, weight: 0.5), LossConfiguration(.meanSquaredError, weight: 2),
        LossConfiguration(.meanSquaredError, weight: 0.1),
      ], rows: 6, useLabels: false)
    #expect(try check.largestError() < tolerance)
    #expect(check.executor.plan.losses.allSatisfy { !$0.holdsLogits })
  }

  /// In the sink that updates, a shared layer's weights change by the sum of the gradients that the other sink stores.
  @Test func sharedLayersUpdateOnce() throws {
    var builder = try GraphBuilder(name: "shared")
    let x = try input(&builder, [3])
    let a = try builder.add(Dense(units: 3, activation: .tanh), name: nil, inputs: [x])
    let b = try builder.apply(layer: builder.nodes[a].layer, inputs: [a])
    let graph = try builder.build(outputs: [b])
    func trained(_ sink: GradientSink) throws -> [Float] {
      let model = try Model(graph: graph, seed: 3)
      let plan = try Plan(graph: graph, layout: model.layout, purpose: .training([squares], sink), maximumBatch: 4)
      let executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: kernels)
      for index in 0..<12 { executor.input(0)[index] = Float(index) / 10 }
      let rule = UpdateRule(.gradientDescent, rate: 0.1)
      try executor.forward(rows: 4, step: 0, threads: 1)
      _ = executor.computeLoss(output: 0, useLabels: false)
      executor.backward(rule: rule, slots: OptimizerSlots())
      if sink == .store { executor.apply(rule: rule, slots: OptimizerSlots()) }
      return (0..<model.layout.count).map { model.values[$0] }
    }
    let updated = try trained(.update)
    let stored = try trained(.store)
    #expect(updated == stored)
    let untrained = try Model(graph: graph, seed: 3)
    #expect(updated != (0..<untrained.layout.count).map { untrained.values[$0] })
  }
}
