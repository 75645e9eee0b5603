// The training loop: what is computed, in which order, and when it ends. Agreement with Keras is tested from Python.

import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import MartletTraining
import Testing

/// Points of two overlapping clouds.
func clouds(_ rows: Int, columns: Int = 6, seed: UInt64 = 3) throws -> Dataset {
  let x = try TensorStorage(count: rows * columns, of: Float.self, purpose: "a test")
  let y = try TensorStorage(count: rows, of: Int32.self, purpose: "a test")
  let source = RandomSource(seed: seed, stream: 0)
  for row in 0..<rows {
    let label = row % 2
    y.pointer(as: Int32.self)[row] = Int32(label)
    for column in 0..<columns {
      x.pointer(as: Float.self)[row * columns + column] =
        Float(source.normal(at: UInt64(row * columns + column))) + (label == 0 ? 0.7 : -0.7)
    }
  }
  return try Dataset(
    x: MemorySource(owning: x, type: .float32, rowCount: rows, rowShape: Shape(vector: columns)),
    y: MemorySource(owning: y, type: .int32, rowCount: rows, rowShape: Shape([], of: "y")))
}

func network(_ layers: [any Layer], columns: Int = 6, seed: UInt64 = 1) throws -> Model {
  var builder = try GraphBuilder(name: "test")
  var node = try builder.add(InputLayer(shape: Shape(vector: columns)), name: nil, inputs: [])
  for layer in layers { node = try builder.add(layer, name: nil, inputs: [node]) }
  return try Model(graph: builder.build(outputs: [node]), seed: seed)
}

func weights(_ model: Model) -> [Float] { (0..<model.layout.count).map { model.values[$0] } }

func trainerOptions(_ change: (inout TrainerOptions) -> Void) -> TrainerOptions {
  var options = TrainerOptions()
  change(&options)
  return options
}

func fitOptions(_ change: (inout FitOptions) -> Void) -> FitOptions {
  var options = FitOptions()
  change(&options)
  return options
}

func failure(_ body: () throws -> Void) -> MartletError? {
  do {
    try body()
    return nil
  } catch {
    return error as? MartletError
  }
}

private let layers: [any Layer] = [
  Dense(units: 40, activation: .relu, kernelRegularizer: Regularizer(l2: 1e-3)), Dropout(rate: 0.2), Dense(units: 2),
]
private let adam = Optimizer.Algorithm.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7, amsgrad: false)
private let crossEntropy = OutputLoss(LossConfiguration(.sparseCategoricalCrossentropy, fromLogits: true))

@Suite struct TrainerTests {
  /// All algorithms as they are, and with all that a fused update can do besides.
  private static let fusedOptimizers = algorithms.flatMap { algorithm in
    var all = Optimizer(algorithm, weightDecay: 0.1)
    (all.clipping, all.averaging) = (.value(0.01), .init(momentum: 0.9, overwriteFrequency: 2))
    return [Optimizer(algorithm), all]
  }

  @Test(arguments: fusedOptimizers)
  func fusedAndStoredGradientsTrainAlike(_ optimizer: Optimizer) throws {
    // 300 rows are more than a chunk, 40 are less: both ways of fusing the update. The same sums in the same order: the
    // only difference is where regularisation is added, one rounding per step and weight.
    for rows in [40, 300] {
      let data = try clouds(rows)
      let settings = trainerOptions {
        $0.losses = [crossEntropy]; $0.optimizer = optimizer; $0.learningRate = 0.05
      }
      let model = try network([Dense(units: 40, activation: .tanh), Dense(units: 2)])
      let fused = try Trainer(model: model, options: settings, kernels: kernels)
      let twin = try network([Dense(units: 40, activation: .tanh), Dense(units: 2)])
      let stored = try Trainer(model: twin, options: settings, kernels: kernels)
      var gradient = [Float](repeating: 0, count: rows * 2)
      let shape: [Int64] = [Int64(rows), 6]
      let labelShape: [Int64] = [Int64(rows)]
      try shape.withUnsafeBufferPointer { shape in
        try labelShape.withUnsafeBufferPointer { labelShape in
          let values = try TensorStorage(count: rows * 6, of: Float.self, purpose: "a test")
          let labels = try TensorStorage(count: rows, of: Int32.self, purpose: "a test")
          let order = Array(0..<rows)
          try order.withUnsafeBufferPointer { order in
            _ = try data.inputs[0].source.gather(
              rows: order, scale: 1, offset: 0, kernels: kernels, into: values.pointer(as: Float.self))
            try data.targets[0].source.gatherLabels(
              rows: order, classCount: 2, name: "y", into: labels.pointer(as: Int32.self))
          }
          let x = RowArray(base: UnsafeRawPointer(values.base), type: .float32, shape: shape)
          let y = RowArray(base: UnsafeRawPointer(labels.base), type: .int32, shape: labelShape)
          var outputs = [Float](repeating: 0, count: rows * 2)
          for _ in 0..<5 {
            _ = try fused.trainStep(x: [x], y: [y], sampleWeights: nil, threads: 1)
            try outputs.withUnsafeMutableBufferPointer { buffer in
              try stored.forward(x: [x], into: #require(buffer.baseAddress), threads: 1)
            }
            gradient.withUnsafeMutableBufferPointer { gradient in
              outputs.withUnsafeBufferPointer { outputs in
                var losses = [Double](repeating: 0, count: rows)
                losses.withUnsafeMutableBufferPointer { losses in
                  kernels.loss(
                    LossArguments(
                      kind: .softmaxCrossEntropy, rows: rows, columns: 2, predictions: outputs.baseAddress!,
                      targets: .labels(labels.pointer(as: Int32.self)), rowLosses: losses.baseAddress!,
                      gradient: gradient.baseAddress, gradientScale: 1 / Double(rows)))
                }
              }
            }
            try stored.backward(gradient)
            try stored.apply()
          }
          withExtendedLifetime((values, labels)) {}
        }
      }
      #expect(weights(model) == weights(twin), "\(rows) rows")
    }
  }

  @Test(arguments: [
    Optimizer.Clipping.norm(0.01), .globalNorm(0.01), .norm(1e6), .globalNorm(1e6),
  ])
  func clippedNormsLimitTheStep(_ clipping: Optimizer.Clipping) throws {
    // With rate 1 the step is the gradient.
    func step(_ clipping: Optimizer.Clipping) throws -> (model: Model, steps: [Double]) {
      let model = try network([Dense(units: 40, activation: .tanh), Dense(units: 2)])
      let start = weights(model)
      let trainer = try Trainer(
        model: model,
        options: trainerOptions {
          $0.losses = [crossEntropy]
          $0.optimizer.clipping = clipping
          $0.learningRate = 1
        }, kernels: kernels)
      try trainer.fit(
        clouds(300), validation: nil, options: fitOptions { $0.batchSize = 0 }, threads: 1, progress: nil)
      return (model, zip(weights(model), start).map { Double($0) - Double($1) })
    }
    func norm(_ x: some Sequence<Double>) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let (model, whole) = try step(.none)
    let (_, clipped) = try step(clipping)
    // Weights below 1 are rounded to 2^-24 when the step is added, which leaves 1e-5 of a step of 0.01.
    switch clipping {
    case .norm(let limit):
      for parameter in model.layout.parameters {
        let range = parameter.offset..<(parameter.offset + parameter.count)
        let expected = min(limit, norm(whole[range]))
        #expect(abs(norm(clipped[range]) - expected) < 1e-4 * expected)
      }
    case .globalNorm(let limit):
      let expected = min(limit, norm(whole))
      #expect(abs(norm(clipped) - expected) < 1e-4 * expected)
    case .none, .value: break
    }
    #expect((clipped == whole) == [.norm(1e6), .globalNorm(1e6)].contains(clipping))
  }

  @Test func accumulatedStepsAreOneOfTheWholeBatch() throws {
    // Two halves of 20 rows against one batch of 40, without shuffling: the same mean, summed in another order.
    func trained(batchSize: Int, accumulating: Int) throws -> [Float] {
      let model = try network([Dense(units: 40, activation: .tanh), Dense(units: 2)])
      let trainer = try Trainer(
        model: model,
        options: trainerOptions {
          $0.losses = [crossEntropy]
          $0.optimizer = Optimizer(.sgd(momentum: 0.9, nesterov: true))
          $0.optimizer.accumulationSteps = accumulating
          $0.learningRate = 0.1
        }, kernels: kernels)
      try trainer.fit(
        clouds(80), validation: nil,
        options: fitOptions {
          $0.batchSize = batchSize; $0.epochs = 2; $0.shuffles = false
        }, threads: 1, progress: nil)
      return weights(model)
    }
    let whole = try trained(batchSize: 40, accumulating: 1)
    let halves = try trained(batchSize: 20, accumulating: 2)
    // Four updates of at most 0.1 * 5 each time their sums' error of 80 roundings.
    for (one, two) in zip(whole, halves) { #expect(abs(one - two) < 4 * 0.5 * 80 * 0x1p-24) }
    #expect(try trained(batchSize: 20, accumulating: 1) != halves)
    // The third step of three has not come: nothing was updated.
    let untrained = weights(try network([Dense(units: 40, activation: .tanh), Dense(units: 2)]))
    #expect(try trained(batchSize: 40, accumulating: 5) == untrained)
  }

  @Test func gradientsThatAreNotFiniteChangeNothing() throws {
    for clipping in [Optimizer.Clipping.norm(1), .globalNorm(1), .value(1)] {
      let model = try network([Dense(units: 2)])
      let trainer = try Trainer(
        model: model,
        options: trainerOptions {
          $0.losses = [crossEntropy]
          $0.optimizer = Optimizer(adam)
          $0.optimizer.clipping = clipping
        }, kernels: kernels)
      let start = weights(model)
      let shape: [Int64] = [2, 6]
      let x = [Float](repeating: 3, count: 12)
      var y = [Float](repeating: 0, count: 4)
      // 3 * 2e38 is more than a float can hold.
      let dY: [Float] = [2e38, 2e38, 0, 0]
      try shape.withUnsafeBufferPointer { shape in
        try x.withUnsafeBytes { x in
          let rows = RowArray(base: try #require(x.baseAddress), type: .float32, shape: shape)
          try trainer.forward(x: [rows], into: &y, threads: 1)
        }
      }
      try trainer.backward(dY)
      let error = failure { try trainer.apply() }
      #expect(error?.code == .notFinite)
      #expect(error?.message == "the gradient of weight 'kernel' of layer 'dense' is not finite")
      #expect(weights(model) == start && trainer.iteration == 0)
    }
  }

  @Test func threadsChangeNoBitOfClippedSteps() throws {
    let data = try clouds(512, columns: 256)
    let big: [any Layer] = [Dense(units: 512, activation: .relu), Dense(units: 2, activation: .softmax)]
    var results: [[Float]] = []
    for threads in [1, 2, 4] {
      let model = try network(big, columns: 256)
      let trainer = try Trainer(
        model: model,
        options: trainerOptions {
          $0.optimizer = Optimizer(.nadam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7), weightDecay: 0.01)
          $0.optimizer.clipping = .globalNorm(0.1)
          $0.optimizer.accumulationSteps = 2
          $0.optimizer.averaging = .init(momentum: 0.9)
        }, kernels: kernels)
      try trainer.fit(
        data, validation: nil,
        options: fitOptions {
          $0.batchSize = 200; $0.epochs = 2
        }, threads: threads,
        progress: nil)
      results.append(weights(model))
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  @Test func threadsChangeNoBit() throws {
    // Wide enough that products are really cut.
    let data = try clouds(512, columns: 256)
    let big: [any Layer] = [
      Dense(units: 512, activation: .relu, kernelRegularizer: Regularizer(l2: 1e-4)), Dropout(rate: 0.3),
      Dense(units: 128, activation: .sigmoid), Dense(units: 2, activation: .softmax),
    ]
    var results: [[Float]] = []
    for threads in [1, 2, 4] {
      let model = try network(big, columns: 256)
      let trainer = try Trainer(
        model: model,
        options: trainerOptions { $0.optimizer = Optimizer(adam) }, kernels: kernels)
      try trainer.fit(
        data, validation: data,
        options: fitOptions {
          $0.batchSize = 200; $0.epochs = 2
        }, threads: threads,
        progress: nil)
      results.append(weights(model))
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  @Test func learnsAndRecords() throws {
    let data = try clouds(400)
    let model = try network(layers)
    let trainer = try Trainer(
      model: model,
      options: trainerOptions {
        $0.losses = [crossEntropy]
        $0.learningRate = 0.1
        $0.learningRateDecay = 0.5
      }, kernels: kernels)
    let threeEpochs = fitOptions { $0.epochs = 3 }
    let (training, validation) = try data.split(fraction: 0.25, shuffle: true, seed: 1)
    #expect((training.count, validation.count) == (300, 100))
    try trainer.fit(training, validation: validation, options: threeEpochs, threads: 1, progress: nil)
    try trainer.fit(training, validation: validation, options: threeEpochs, threads: 1, progress: nil)
    #expect(trainer.history.epochs.map(\.epoch) == [0, 1, 2, 3, 4, 5])
    #expect(trainer.history.epochs.map(\.learningRate) == [0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125])
    #expect(trainer.history.epochs.allSatisfy { $0.samples == 300 && $0.batch == 10 && $0.event == .epochEnd })
    #expect(trainer.history.epochs.last?.iteration == 60)
    // Two clouds at distance 2 * 0.7 * sqrt(6) = 3.4: a perfect classifier reaches Phi(1.71) = 0.957.
    let accuracy = try #require(trainer.history.epochs.last).validation.accuracy
    #expect(accuracy > 0.88 && accuracy < 1)
    let metrics = try trainer.evaluate(validation, threads: 2)
    #expect(metrics.accuracy == accuracy)
    #expect(metrics.regularizationLoss > 0)
    #expect(metrics.loss == metrics.dataLoss + metrics.regularizationLoss)
    #expect(metrics.topKAccuracy == 1)
  }

  @Test func sameSeedSameBits() throws {
    let data = try clouds(100)
    func run(_ seed: UInt64) throws -> [Float] {
      let model = try network(layers)
      let trainer = try Trainer(
        model: model,
        options: trainerOptions {
          $0.losses = [crossEntropy]; $0.seed = seed
        }, kernels: kernels)
      try trainer.fit(data, validation: nil, options: fitOptions { $0.epochs = 2 }, threads: 1, progress: nil)
      return weights(model)
    }
    #expect(try run(1) == run(1))
    #expect(try run(1) != run(2))
  }

  @Test func budgets() throws {
    let data = try clouds(100)
    func steps(_ change: (inout FitOptions) -> Void) throws -> (Int, [Progress]) {
      let trainer = try Trainer(
        model: network(layers), options: trainerOptions { $0.losses = [crossEntropy] }, kernels: kernels)
      try trainer.fit(data, validation: nil, options: fitOptions(change), threads: 1, progress: nil)
      return (trainer.history.epochs.last?.iteration ?? 0, trainer.history.epochs)
    }
    #expect(try steps { $0.batchSize = 32 }.0 == 4)
    #expect(
      try steps {
        $0.batchSize = 32; $0.dropsLast = true
      }.0 == 3)
    #expect(
      try steps {
        $0.batchSize = 0; $0.epochs = 5
      }.0 == 5)
    let (count, history) = try steps {
      $0.batchSize = 32; $0.epochs = 10; $0.iterations = 6
    }
    #expect(count == 6)
    #expect(history.map(\.samples) == [100, 64])
  }

  @Test func earlyStoppingRestoresTheBest() throws {
    // Few rows and a large network: it overfits, so that the validation loss rises again.
    let data = try clouds(12)
    let other = try clouds(200, seed: 4)
    let model = try network([Dense(units: 40, activation: .tanh), Dense(units: 2)])
    let trainer = try Trainer(
      model: model,
      options: trainerOptions {
        $0.losses = [crossEntropy]; $0.learningRate = 0.5
      }, kernels: kernels)
    let settings = fitOptions {
      $0.batchSize = 4
      $0.epochs = 500
      $0.earlyStopping = EarlyStopping(monitor: .validationLoss, patience: 3, restoresBest: true)
    }
    try trainer.fit(data, validation: other, options: settings, threads: 1, progress: nil)
    let losses = trainer.history.epochs.map(\.validation.loss)
    let best = try #require(losses.min())
    #expect(trainer.bestEpoch == losses.firstIndex(of: best))
    #expect(losses.count < 500)
    #expect(losses.count == (trainer.bestEpoch ?? 0) + 1 + 3)
    #expect(try trainer.evaluate(other, threads: 1).loss == best)
  }

  @Test func stopsBeforeNotFinite() throws {
    let data = try clouds(64)
    let model = try network([Dense(units: 2)])
    for index in 0..<model.layout.count { model.valuesToChange()[index] = 3e38 }
    let before = weights(model)
    let trainer = try Trainer(
      model: model, options: trainerOptions { $0.losses = [crossEntropy] }, kernels: kernels)
    let error = failure { try trainer.fit(data, validation: nil, options: FitOptions(), threads: 1, progress: nil) }
    #expect(error?.code == .notFinite)
    #expect(error?.message.contains("epoch 0, step 0") == true)
    #expect(weights(model) == before)
    try trainer.fit(
      data, validation: nil, options: fitOptions { $0.stopsOnNotFinite = false }, threads: 1, progress: nil)
    #expect(weights(model) == before)
    #expect(trainer.history.epochs.last?.iteration == 0)
  }

  @Test func callbacksStopAndInterruptionsToo() throws {
    let data = try clouds(96)
    let trainer = try Trainer(
      model: network(layers), options: trainerOptions { $0.losses = [crossEntropy] }, kernels: kernels)
    let settings = fitOptions {
      $0.epochs = 4; $0.reportsEveryBatch = true
    }
    var events: [(Progress.Event, Int, Int)] = []
    let error = failure {
      try trainer.fit(data, validation: nil, options: settings, threads: 1) {
        events.append(($0.event, $0.epoch, $0.batch))
        return $0.epoch == 1 && $0.batch == 2
      }
    }
    #expect(error?.code == .stopped)
    #expect(events.map(\.1) == [0, 0, 0, 0, 1, 1])
    #expect(events.map(\.2) == [1, 2, 3, 3, 1, 2])
    #expect(events[3].0 == .epochEnd)
    #expect(trainer.history.epochs.count == 1)
    trainer.interrupt()
    let interrupted = failure { try trainer.fit(data, validation: nil, options: settings, threads: 1, progress: nil) }
    #expect(interrupted?.code == .interrupted)
    try trainer.fit(data, validation: nil, options: settings, threads: 1, progress: nil)
    #expect(trainer.history.epochs.count == 5)
  }

  @Test func regressionHasNoAccuracyToMonitor() throws {
    let x = try clouds(8).inputs[0].source
    let trainer = try Trainer(
      model: network([Dense(units: 6)]),
      options: trainerOptions { $0.losses = [OutputLoss(LossConfiguration(.meanSquaredError))] },
      kernels: kernels)
    let settings = fitOptions {
      $0.batchSize = 4
      $0.earlyStopping = EarlyStopping(monitor: .accuracy, patience: 1)
    }
    let error = failure {
      try trainer.fit(Dataset(x: x, y: x), validation: nil, options: settings, threads: 1, progress: nil)
    }
    #expect(error?.message == "early stopping monitors accuracy, which loss 'mean_squared_error' does not have")
    #expect(trainer.iteration == 0)
  }

  @Test func badDataAreRefusedBeforeTraining() throws {
    let model = try network(layers)
    let before = weights(model)
    func fails(
      _ x: [Float], _ y: [Int32], rows: Int, columns: Int = 6, loss: LossConfiguration = crossEntropy.configuration,
      rate: Double = 0.1, _ change: (inout FitOptions) -> Void = { _ in }
    ) -> String {
      x.withUnsafeBytes { x in
        y.withUnsafeBytes { y in
          failure {
            let data = try Dataset(
              x: MemorySource(
                borrowing: x.baseAddress!, type: .float32, rowCount: rows, rowShape: Shape(vector: columns)),
              y: MemorySource(
                borrowing: y.baseAddress!, type: .int32, rowCount: y.count / 4, rowShape: Shape([], of: "y")))
            let trainer = try Trainer(
              model: model,
              options: trainerOptions {
                $0.losses = [OutputLoss(loss)]; $0.learningRate = rate
              }, kernels: kernels)
            let settings = fitOptions {
              $0.batchSize = 2; change(&$0)
            }
            try trainer.fit(data, validation: nil, options: settings, threads: 1, progress: nil)
          }?.message ?? "no error"
        }
      }
    }
    var x = [Float](repeating: 0.5, count: 18)
    #expect(fails(x, [0, 1, 0], rows: 3) == "no error")
    let trained = weights(model)
    #expect(trained != before)
    #expect(fails(x, [0, 1, 2], rows: 3) == "y has label 2 in row 2; the model has classes 0 to 1")
    #expect(fails(x, [0, -1, 1], rows: 3) == "y has label -1 in row 1; the model has classes 0 to 1")
    #expect(fails(x, [0, 1], rows: 3) == "x has 3 rows and y has 2")
    #expect(fails(x, [0, 1], rows: 2, columns: 9) == "x has rows of shape [9]; the model expects [6]")
    #expect(
      fails(x, [0, 1, 0], rows: 3) { $0.batchSize = 4 }
        == "batch_size is 4, but the training data have 3 rows (0 means all rows)")
    #expect(
      fails(x, [0, 1, 0], rows: 3, loss: LossConfiguration(.meanSquaredError))
        == "y has rows of shape [] and type int32; loss 'mean_squared_error' expects rows of shape [2]")
    #expect(
      fails(x, [0, 1, 0], rows: 3) { $0.earlyStopping = EarlyStopping(monitor: .validationLoss, patience: 1) }
        .contains("validation is NULL"))
    #expect(fails(x, [0, 1, 0], rows: 3, rate: -1) == "learning_rate is -1.0; it must be finite and >= 0")
    x[7] = .nan
    #expect(fails(x, [0, 1, 0], rows: 3) == "x has a value that is NaN, infinite or too large for float32 in row 1")
    #expect(weights(model) == trained)
  }

  @Test func badRowsAreNamedByTheirPlaceInTheArray() throws {
    let trainer = try Trainer(
      model: network(layers), options: trainerOptions { $0.losses = [crossEntropy] }, kernels: kernels)
    func message(_ x: [Float], _ y: [Int32]) -> String? {
      x.withUnsafeBytes { x in
        y.withUnsafeBytes { y in
          failure {
            let all = try Dataset(
              x: MemorySource(
                borrowing: #require(x.baseAddress), type: .float32, rowCount: 5, rowShape: Shape(vector: 6)),
              y: MemorySource(
                borrowing: #require(y.baseAddress), type: .int32, rowCount: 5, rowShape: Shape([], of: "y")))
            _ = try trainer.evaluate(all.rows(2, 5), threads: 1)
          }?.message
        }
      }
    }
    var x = [Float](repeating: 0, count: 30)
    #expect(message(x, [0, 1, 0, 7, 1]) == "y has label 7 in row 3; the model has classes 0 to 1")
    x[3 * 6 + 5] = .infinity
    #expect(message(x, [0, 1, 0, 1, 1]) == "x has a value that is NaN, infinite or too large for float32 in row 3")
  }
}
