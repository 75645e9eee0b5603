// The state of optimisers in files. That it is where Keras expects it is tested in Tests/python.

import MartletCore
import MartletKernels
import MartletNN
import MartletTraining
import Testing

@testable import MartletIO

struct TrainerFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Two layers, of which the second is not trained.
  private func trainer(_ optimizer: Optimizer) throws -> Trainer {
    var builder = try GraphBuilder(name: "test")
    var node = try builder.add(InputLayer(shape: Shape(vector: 2)), name: "x", inputs: [])
    node = try builder.add(Dense(units: 3), name: "a", inputs: [node])
    node = try builder.add(Dense(units: 2, useBias: false), name: "b", inputs: [node], isTrainable: false)
    let model = try Model(graph: builder.build(outputs: [node]), seed: 1)
    var options = TrainerOptions()
    options.optimizer = optimizer
    options.losses = [OutputLoss(LossConfiguration(.meanSquaredError))]
    return try Trainer(model: model, options: options, kernels: kernels)
  }

  private var everything: Optimizer {
    var optimizer = Optimizer(.nadam(beta1: 0.9, beta2: 0.999, epsilon: 1e-7), weightDecay: 0.01)
    (optimizer.accumulationSteps, optimizer.clipping) = (2, .norm(1))
    optimizer.averaging = .init(momentum: 0.9, overwriteFrequency: 3)
    return optimizer
  }

  @Test func variablesAreThoseOfTrainedWeightsInKerasOrder() throws {
    func names(_ optimizer: Optimizer) throws -> [String] {
      KerasOptimizerVariable.all(optimizer, try trainer(optimizer).model).map(\.path)
    }
    #expect(
      try names(everything) == [
        "nadam/iteration", "nadam/learning_rate", "nadam/a_kernel_average", "nadam/a_bias_average",
        "nadam/a_kernel_gradient_accumulator", "nadam/a_bias_gradient_accumulator", "nadam/a_kernel_momentum",
        "nadam/a_kernel_velocity", "nadam/a_bias_momentum", "nadam/a_bias_velocity", "variable",
      ])
    let centered = Optimizer(.rmsprop(rho: 0.9, momentum: 0.5, epsilon: 1e-7, centered: true))
    #expect(
      try names(centered) == [
        "rm_sprop/iteration", "rm_sprop/learning_rate", "rm_sprop/a_kernel_velocity", "rm_sprop/a_bias_velocity",
        "rm_sprop/a_kernel_momentum", "rm_sprop/a_bias_momentum", "rm_sprop/a_kernel_average_gradient",
        "rm_sprop/a_bias_average_gradient",
      ])
    let adamW = Optimizer(.adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-7, amsgrad: true))
    #expect(
      try names(adamW).suffix(4) == [
        "adam_w/a_bias_momentum", "adam_w/a_bias_velocity", "adam_w/a_kernel_velocity_hat",
        "adam_w/a_bias_velocity_hat",
      ])
  }

  @Test func theStateComesBack() throws {
    let saved = try trainer(everything)
    let layout = saved.model.layout
    var state = try OptimizerState(everything, layout)
    state.momentumProduct = 1.0 / 3
    let arrays = state.slotArrays + [state.average, state.accumulator].compactMap { $0 }
    #expect(arrays.count == 4)
    for (number, array) in arrays.enumerated() {
      for parameter in layout.parameters where parameter.isTrainable {
        for index in 0..<parameter.count {
          array.pointer(as: Float.self)[parameter.offset + index] = Float(100 * number + index)
        }
      }
    }
    saved.resume(state, iteration: 77, learningRate: 1.0 / 7, seed: .max, history: TrainingHistory())
    let path = folder.path("trained.h5")
    try TrainerFile.save(saved, metrics: nil, path: path)

    let loaded = try trainer(everything)
    try TrainerFile.loadState(path: path, into: loaded)
    // Not as float32 holds them.
    #expect(loaded.learningRate == 1.0 / 7 && loaded.optimizerState.momentumProduct == 1.0 / 3)
    #expect(loaded.iteration == 77 && loaded.seed == .max)
    let found = loaded.optimizerState
    for (one, other) in zip(arrays, found.slotArrays + [found.average, found.accumulator].compactMap { $0 }) {
      for index in 0..<layout.count {
        #expect(one.pointer(as: Float.self)[index] == other.pointer(as: Float.self)[index])
      }
    }
    // A model file with more in it.
    #expect(try ModelFile.load(path: path).trainingConfiguration.contains("\"class_name\":\"Nadam\""))
    withExtendedLifetime((saved, state, loaded)) {}
  }
}
