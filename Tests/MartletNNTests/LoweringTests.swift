// Fusions and gradients of graphs that are no chains.

import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import Testing

@Suite struct LoweringTests {
  /// x -> a -> (b, flatten) -> b + flatten -> c: `a` has two readers, one of which only passes it on.
  private func diamond() throws -> Model {
    var builder = try GraphBuilder(name: "diamond")
    let x = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let a = try builder.add(Dense(units: 4, activation: .tanh), name: "a", inputs: [x])
    let b = try builder.add(Dense(units: 4, activation: .sigmoid), name: "b", inputs: [a])
    let flat = try builder.add(Flatten(), name: nil, inputs: [a])
    let sum = try builder.add(Merge(.add), name: nil, inputs: [b, flat])
    let c = try builder.add(Dense(units: 2), name: "c", inputs: [sum])
    return try Model(graph: builder.build(outputs: [c]), seed: 3)
  }

  @Test func gradientsOfSeveralReadersAdd() throws {
    let check = try GradientCheck(diamond(), LossConfiguration(.meanSquaredError), rows: 5, useLabels: false)
    #expect(try check.largestError() < 1e-6)
  }

  @Test func aLayerReadTwiceByOne() throws {
    var builder = try GraphBuilder(name: "twice")
    let x = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let a = try builder.add(Dense(units: 4, activation: .relu), name: nil, inputs: [x])
    let sum = try builder.add(Merge(.add), name: nil, inputs: [a, a])
    let c = try builder.add(Dense(units: 2), name: nil, inputs: [sum])
    let model = try Model(graph: builder.build(outputs: [c]), seed: 3)
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 5, useLabels: false)
    #expect(try check.largestError() < 1e-6)
  }

  private func plan(_ model: Model, _ purpose: PlanPurpose, batch: Int = 32) throws -> Plan {
    try Plan(graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: batch)
  }

  @Test func firstLayerMakesNoInputGradient() throws {
    let model = try chain([20], [Dense(units: 8, activation: .relu), Dense(units: 4)])
    let plan = try plan(model, .training([LossConfiguration(.meanSquaredError)], .update))
    let products = plan.backward.filter { if case .matrixProduct = $0 { true } else { false } }
    // dW of both layers and dX of the second.
    #expect(products.count == 3)
    // The ReLU's derivative is part of the product that makes dX.
    #expect(!plan.backward.contains { if case .activationGradient = $0 { true } else { false } })
  }

  @Test func productsAreAddedOnTheirWayToMemory() throws {
    var builder = try GraphBuilder(name: "twins")
    let x = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let a = try builder.add(Dense(units: 4, activation: .tanh), name: nil, inputs: [x])
    let readers = try (0..<2).map { _ in try builder.add(Dense(units: 4), name: nil, inputs: [a]) }
    let c = try builder.add(Merge(.multiply), name: nil, inputs: readers)
    let model = try Model(graph: builder.build(outputs: [c]), seed: 3)
    let plan = try plan(model, .training([LossConfiguration(.meanSquaredError)], .update))
    let isAdded: (Operation) -> Bool = {
      if case .matrixProduct(let product) = $0, case .store(adds: true) = product.epilogue { true } else { false }
    }
    #expect(plan.backward.filter(isAdded).count == 1)
    #expect(!plan.backward.contains { if case .combine(.add, _, _, _, _) = $0 { true } else { false } })
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 5, useLabels: false)
    #expect(try check.largestError() < 1e-6)
  }

  @Test func rowsThatOnlyProductsReadAreConvertedThere() throws {
    func converts(_ layers: [any Layer], keepsValues: Bool = false) throws -> [Bool] {
      let model = try chain([4, 3], layers)
      return try Plan(
        graph: model.graph, layout: model.layout, purpose: .training([LossConfiguration(.meanSquaredError)], .update),
        maximumBatch: 8, keepsValues: keepsValues
      ).convertsInput
    }
    #expect(try converts([Flatten(), Dense(units: 5), Dense(units: 2)]) == [true])
    #expect(try converts([Flatten(), Dense(units: 5)], keepsValues: true) == [false])
    #expect(try converts([Dense(units: 5)]) == [false], "four rows of a product for each row of the batch")
    #expect(try converts([Flatten(), ActivationLayer(.relu), Dense(units: 5)]) == [false])
    #expect(try converts([Flatten(), ActivityRegularization(Regularizer(l1: 0, l2: 1)), Dense(units: 5)]) == [false])

    var builder = try GraphBuilder(name: "reader")
    let x = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let z = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let a = try builder.add(Dense(units: 3), name: nil, inputs: [x])
    let b = try builder.add(Dense(units: 3), name: nil, inputs: [z])
    let sum = try builder.add(Merge(.add), name: nil, inputs: [a, b, z])
    let model = try Model(graph: builder.build(outputs: [sum]), seed: 3)
    #expect(try plan(model, .prediction).convertsInput == [true, false])
  }

  @Test func softmaxGoesIntoTheLoss() throws {
    let model = try chain([6], [Dense(units: 4, activation: .softmax)])
    let isSoftmax: (Operation) -> Bool = { if case .softmax = $0 { true } else { false } }
    let loss = LossConfiguration(.sparseCategoricalCrossentropy)
    let training = try plan(model, .training([loss], .update))
    #expect(training.losses[0].holdsLogits && !training.forward.contains(where: isSoftmax))
    #expect(training.losses[0].kernel == .softmaxCrossEntropy)
    let prediction = try plan(model, .prediction)
    #expect(prediction.losses.isEmpty && prediction.forward.contains(where: isSoftmax))
    let squares = try plan(model, .training([LossConfiguration(.meanSquaredError)], .update))
    #expect(!squares.losses[0].holdsLogits && squares.forward.contains(where: isSoftmax))
  }

  @Test func frozenLayersComputeNoGradient() throws {
    var builder = try GraphBuilder(name: "frozen")
    let x = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let a = try builder.add(Dense(units: 4), name: nil, inputs: [x], isTrainable: false)
    let b = try builder.add(Dense(units: 2), name: nil, inputs: [a])
    let model = try Model(graph: builder.build(outputs: [b]), seed: 3)
    let plan = try plan(model, .training([LossConfiguration(.meanSquaredError)], .store))
    // The weight gradient of the second layer, and its bias.
    #expect(plan.backward.count == 2)
  }

  @Test func buffersOfPredictionShareMemory() throws {
    let wide: [any Layer] = (0..<10).map { _ in Dense(units: 1024, activation: .relu) }
    let model = try chain([1024], wide)
    // Input and output are held throughout; of the nine between, two are alive at a time.
    #expect(try plan(model, .prediction, batch: 16).arenaCount == 4 * 16 * 1024)
    // Training keeps every activation for the backward pass.
    let training = try plan(model, .training([LossConfiguration(.meanSquaredError)], .update), batch: 16)
    #expect(training.arenaCount >= 11 * 16 * 1024)
  }

  @Test func hugeBatchesAreRefused() throws {
    let model = try chain([1024], [Dense(units: 1024)])
    let error = message { _ = try plan(model, .prediction, batch: Int.max / 512) }
    #expect(error.contains("more than memory can hold"))
  }
}
