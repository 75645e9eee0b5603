// Models with several inputs and outputs, and the weights of outputs, rows and classes. What they must come to follows
// from losses being sums: rows that count twice, rows that do not count, and gradients that add.

import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import Testing

@testable import MartletTraining

/// Inputs [2] and [3], a shared hidden layer, outputs of three classes and of one number.
func twoOutputs(seed: UInt64 = 5) throws -> Model {
  var builder = try GraphBuilder(name: "two")
  let a = try builder.add(InputLayer(shape: Shape(vector: 2)), name: nil, inputs: [])
  let b = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
  let both = try builder.add(Concatenate(axis: -1), name: nil, inputs: [a, b])
  let hidden = try builder.add(Dense(units: 8, activation: .tanh), name: nil, inputs: [both])
  let classes = try builder.add(Dense(units: 3, activation: .softmax), name: nil, inputs: [hidden])
  let number = try builder.add(Dense(units: 1), name: nil, inputs: [hidden])
  return try Model(graph: builder.build(outputs: [classes, number]), seed: seed)
}

private func source(_ count: Int, _ row: [Int], seed: UInt64) throws -> MemorySource {
  let shape = try Shape(row, of: "a test")
  let storage = try TensorStorage(count: count * shape.elementCount, of: Float.self, purpose: "a test")
  RandomSource(seed: seed, stream: 0).fill(storage.pointer(as: Float.self), count: count * shape.elementCount)
  return MemorySource(owning: storage, type: .float32, rowCount: count, rowShape: shape)
}

extension RandomSource {
  fileprivate func fill(_ values: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { values[index] = Float(normal(at: UInt64(index))) }
  }
}

private func numbers(_ values: [Float]) throws -> MemorySource {
  let storage = try TensorStorage(count: values.count, of: Float.self, purpose: "a test")
  for (index, value) in values.enumerated() { storage.pointer(as: Float.self)[index] = value }
  return MemorySource(owning: storage, type: .float32, rowCount: values.count, rowShape: try Shape([], of: "a test"))
}

private func labels(_ values: [Int32]) throws -> MemorySource {
  let storage = try TensorStorage(count: values.count, of: Int32.self, purpose: "a test")
  for (index, value) in values.enumerated() { storage.pointer(as: Int32.self)[index] = value }
  return MemorySource(owning: storage, type: .int32, rowCount: values.count, rowShape: try Shape([], of: "a test"))
}

private let classesOfRows: [Int32] = [0, 1, 2, 2, 1, 0, 2, 1]

/// Eight rows for `twoOutputs`; an output without a target is left out.
private func rows(targets: [Int] = [0, 1], weights: [Float]? = nil) throws -> Dataset {
  var parts = [
    try Dataset(x: source(8, [2], seed: 1), y: nil), try Dataset(x: source(8, [3], seed: 2), y: nil),
  ]
  if targets.contains(0) { parts.append(try Dataset(x: nil, y: labels(classesOfRows))) }
  if targets.contains(1) { parts.append(try Dataset(x: nil, y: source(8, [], seed: 3))) }
  var data = try Dataset.zip(parts)
  if let weights { try data.setSampleWeights(numbers(weights)) }
  return data
}

private func losses(_ first: Double?, _ second: Double?) -> [OutputLoss] {
  [(Loss.sparseCategoricalCrossentropy, first), (.meanSquaredError, second)].map { loss, weight in
    OutputLoss(LossConfiguration(weight == nil ? .none : loss, weight: weight ?? 1))
  }
}

/// How far one step of gradient descent at rate 1 over all rows moves each weight: minus the gradient.
private func gradient(_ data: Dataset, _ losses: [OutputLoss]) throws -> (change: [Float], trainer: Trainer) {
  let model = try twoOutputs()
  let before = weights(model)
  let trainer = try Trainer(
    model: model,
    options: trainerOptions {
      $0.losses = losses; $0.learningRate = 1
    }, kernels: kernels)
  try trainer.fit(
    data, validation: nil,
    options: fitOptions {
      $0.batchSize = 0; $0.shuffles = false
    }, threads: 1, progress: nil)
  return (zip(weights(model), before).map { $0 - $1 }, trainer)
}

/// The changes are differences of weights below 2 in magnitude, each rounded to float once more than the gradient:
/// 2^-23 each; sums of eight rows in another order add a few units of 2^-24 of gradients below 1. 1e-6 covers both.
private let tolerance: Float = 1e-6

private func areClose(_ a: [Float], _ b: [Float]) -> Bool {
  zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
}

@Suite struct SeveralOutputsTests {
  @Test func gradientsOfOutputsAdd() throws {
    let both = try gradient(rows(), losses(2, 0.5))
    let first = try gradient(rows(targets: [0]), losses(1, nil))
    let second = try gradient(rows(targets: [1]), losses(nil, 1))
    #expect(first.change != second.change)
    #expect(areClose(both.change, zip(first.change, second.change).map { 2 * $0 + 0.5 * $1 }))
    let metrics = try #require(both.trainer.history.epochs.first?.training)
    let outputs = try #require(both.trainer.history.outputs.first)
    #expect(outputs[0].training.dataLoss == first.trainer.history.epochs[0].training.dataLoss)
    #expect(outputs[1].training.dataLoss == second.trainer.history.epochs[0].training.dataLoss)
    #expect(metrics.dataLoss == 2 * outputs[0].training.dataLoss + 0.5 * outputs[1].training.dataLoss)
    #expect(
      metrics.accuracy.isNaN && outputs[0].training.accuracy == first.trainer.history.outputs[0][0].training.accuracy)
    #expect(outputs[0].validation.loss.isNaN && outputs[1].training.accuracy.isNaN)
  }

  @Test func theStepCallsDoTheSame() throws {
    let data = try rows(weights: [1, 0, 2, 1, 3, 1, 0.5, 1])
    let expected = try gradient(data, losses(2, 0.5)).change
    let model = try twoOutputs()
    let before = weights(model)
    let trainer = try Trainer(
      model: model,
      options: trainerOptions {
        $0.losses = losses(2, 0.5); $0.learningRate = 1
      }, kernels: kernels)
    let values = try (data.inputs + data.targets + [#require(data.sampleWeights)]).map { array in
      let storage = try TensorStorage(count: 8 * array.rowShape.elementCount, of: Float.self, purpose: "a test")
      try Array(0..<8).withUnsafeBufferPointer {
        _ = try array.gather($0, kernels, into: storage.pointer(as: Float.self))
      }
      return storage
    }
    var label = classesOfRows
    let shapes: [[Int64]] = [[8, 2], [8, 3], [8], [8]]
    try shapes[0].withUnsafeBufferPointer { a in
      try shapes[1].withUnsafeBufferPointer { b in
        try shapes[2].withUnsafeBufferPointer { c in
          try label.withUnsafeMutableBytes { label in
            let metrics = try trainer.trainStep(
              x: [
                RowArray(base: values[0].base, type: .float32, shape: a),
                RowArray(base: values[1].base, type: .float32, shape: b),
              ],
              y: [
                RowArray(base: #require(label.baseAddress), type: .int32, shape: c),
                RowArray(base: values[3].base, type: .float32, shape: c),
              ], sampleWeights: values[4].pointer(as: Float.self), threads: 1)
            let outputs = trainer.outputMetrics.map(\.training.dataLoss)
            #expect(metrics.dataLoss == 2 * outputs[0] + 0.5 * outputs[1])
          }
        }
      }
    }
    #expect(zip(weights(model), before).map { $0 - $1 } == expected)
  }

  @Test func rowsCountByTheirWeights() throws {
    // Keras divides the sum of the weighted losses by the rows, whatever their weights.
    let two = Array(repeating: Float(2), count: 8)
    let plain = try gradient(rows(), losses(1, 1))
    let doubled = try gradient(rows(weights: two), losses(1, 1))
    #expect(areClose(doubled.change, plain.change.map { 2 * $0 }))
    #expect(
      doubled.trainer.history.epochs[0].training.dataLoss == 2 * plain.trainer.history.epochs[0].training.dataLoss)

    let halves = try [[0, 1, 2, 3], [4, 5, 6, 7]].map { kept in
      try gradient(rows(weights: (0..<8).map { kept.contains($0) ? 1 : 0 }), losses(1, 1)).change
    }
    #expect(areClose(plain.change, zip(halves[0], halves[1]).map { $0 + $1 }))
    let alone = try gradient(rows().rows(0, 4), losses(1, 1)).change
    #expect(areClose(alone, halves[0].map { 2 * $0 }))
  }

  @Test func weightsFollowTheirRows() throws {
    let weighted = try rows(weights: [1, 2, 3, 4, 5, 6, 7, 8])
    let parts = try weighted.split(fraction: 0.5, shuffle: true, seed: 8)
    let all = try gradient(weighted, losses(1, 1)).change
    let first = try gradient(parts.first, losses(1, 1)).change
    let second = try gradient(parts.second, losses(1, 1)).change
    // Means over half the rows are twice as large.
    #expect(areClose(all.map { 2 * $0 }, zip(first, second).map { $0 + $1 }))
  }

  @Test func classesCountByTheirWeights() throws {
    let weightsOfClasses: [Float] = [0.5, 3, 0]
    var weighted = losses(1, nil)
    weighted[0].classWeights = try ClassWeights(copying: weightsOfClasses, count: 3)
    let byClass = try gradient(rows(targets: [0]), weighted)
    let ofRows = classesOfRows.map { weightsOfClasses[Int($0)] }
    let byRow = try gradient(rows(targets: [0], weights: ofRows), losses(1, nil))
    #expect(byClass.change == byRow.change)
    #expect(byClass.trainer.history.epochs[0].training.dataLoss == byRow.trainer.history.epochs[0].training.dataLoss)
    // Together they multiply.
    let both = try gradient(rows(targets: [0], weights: ofRows), weighted)
    let squared = try gradient(rows(targets: [0], weights: ofRows.map { $0 * $0 }), losses(1, nil))
    #expect(both.change == squared.change)
    // As in Keras they count in training only.
    let data = try rows(targets: [0])
    let plain = try Trainer(
      model: byClass.trainer.model, options: trainerOptions { $0.losses = losses(1, nil) }, kernels: kernels)
    #expect(try byClass.trainer.evaluate(data, threads: 1).loss == plain.evaluate(data, threads: 1).loss)
  }

  @Test func everyPlaceOfARowHasItsWeight() throws {
    // Rows [2, 4] with a class for each place train a Dense layer like twice as many rows [4].
    func change(_ rowShape: [Int], _ places: [Int], _ sampleWeights: [Float]) throws -> [Float] {
      var builder = try GraphBuilder(name: "places")
      let x = try builder.add(InputLayer(shape: Shape(rowShape, of: "x")), name: nil, inputs: [])
      let y = try builder.add(Dense(units: 3, activation: .softmax), name: nil, inputs: [x])
      let model = try Model(graph: builder.build(outputs: [y]), seed: 2)
      let before = weights(model)
      let labelStorage = try TensorStorage(count: 8, of: Int32.self, purpose: "a test")
      for (index, label) in classesOfRows.enumerated() { labelStorage.pointer(as: Int32.self)[index] = label }
      var data = try Dataset(
        x: source(sampleWeights.count, rowShape, seed: 6),
        y: MemorySource(
          owning: labelStorage, type: .int32, rowCount: sampleWeights.count, rowShape: Shape(places, of: "y")))
      try data.setSampleWeights(numbers(sampleWeights))
      var loss = OutputLoss(LossConfiguration(.sparseCategoricalCrossentropy))
      loss.classWeights = try ClassWeights(copying: [1, 2, 4], count: 3)
      let trainer = try Trainer(
        model: model,
        options: trainerOptions {
          $0.losses = [loss]; $0.learningRate = 1
        }, kernels: kernels)
      try trainer.fit(
        data, validation: nil,
        options: fitOptions {
          $0.batchSize = 0; $0.shuffles = false
        }, threads: 1, progress: nil)
      return zip(weights(model), before).map { $0 - $1 }
    }
    let wide = try change([2, 4], [2], [1, 0, 3, 0.5])
    let flat = try change([4], [], [1, 1, 0, 0, 3, 3, 0.5, 0.5])
    #expect(areClose(wide, flat))
    #expect(wide.contains { abs($0) > 0.1 })
  }

  @Test func classesOfNumbersAreTheLargest() throws {
    let weights = try ClassWeights(copying: [2, 3, 5], count: 3)
    var rows: [Float] = [1, 1, 10]
    weights.multiply(&rows, byTargets: [0, 1, 0, 0.2, 0.2, 0.1, 0, 0.4, 0.6], rows: 3, columns: 3)
    #expect(rows == [3, 2, 50])
    let two = try ClassWeights(copying: [2, 3], count: 2)
    rows = [1, 1, 10]
    two.multiply(&rows, byTargets: [0.5, 1, 0.4], rows: 3, columns: 1)
    #expect(rows == [2, 3, 20])
  }

  @Test func threadsChangeNoBit() throws {
    var results: [[Float]] = []
    for threads in [1, 4] {
      let model = try twoOutputs()
      let trainer = try Trainer(model: model, options: trainerOptions { $0.losses = losses(1, 0.3) }, kernels: kernels)
      let data = try rows(weights: [1, 2, 3, 4, 5, 6, 7, 8])
      try trainer.fit(
        data, validation: data,
        options: fitOptions {
          $0.batchSize = 3; $0.epochs = 3
        }, threads: threads, progress: nil)
      results.append(weights(model))
    }
    #expect(results[0] == results[1])
  }

  @Test func accuracyOfSeveralOutputsCannotBeMonitored() throws {
    let trainer = try Trainer(
      model: twoOutputs(), options: trainerOptions { $0.losses = losses(1, 1) }, kernels: kernels)
    let settings = fitOptions {
      $0.batchSize = 4; $0.earlyStopping = EarlyStopping(monitor: .validationAccuracy, patience: 1)
    }
    let error = failure { try trainer.fit(rows(), validation: rows(), options: settings, threads: 1, progress: nil) }
    #expect(
      error?.message
        == "early stopping monitors accuracy, which is that of one output; model 'two' has 2")
    #expect(trainer.iteration == 0)
  }

  @Test func optionsThatDoNotFitAreNamed() throws {
    func refusal(_ losses: [OutputLoss]) -> String? {
      failure {
        _ = try Trainer(model: twoOutputs(), options: trainerOptions { $0.losses = losses }, kernels: kernels)
      }?.message
    }
    let good = losses(1, 1)
    #expect(refusal(good) == nil)
    #expect(refusal(good + good) == "loss_count is 4; it must be 1 or the number of outputs of model 'two', 2")
    #expect(
      refusal([good[0]])
        == "loss 'sparse_categorical_crossentropy' needs at least 2 classes; rows of output 1 have shape [1]")
    var bad = good
    bad[1].classWeights = try ClassWeights(copying: [1, 1, 1], count: 3)
    #expect(refusal(bad) == "losses[1].class_count is 3; this output has 2 classes")
    bad[1].classWeights = try ClassWeights(copying: [1, .infinity], count: 2)
    #expect(refusal(bad) == "losses[1].class_weights[1] is inf; it must be finite and >= 0")
    bad = good
    bad[0].configuration.weight = -1
    #expect(refusal(bad) == "losses[0].weight is -1.0; it must be finite and >= 0")
  }
}
