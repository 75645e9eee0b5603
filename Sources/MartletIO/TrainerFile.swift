// A model with what is needed to go on with its training, in one file (docs/file-format.md):
//
//     /                     training_config, beside what ModelFile writes
//     /optimizer_weights    weight_names: Keras' variables of the optimiser in its order, and the datasets they name
//     /martlet/optimizer    learning_rate, momentum_product: Keras keeps them in float32, here they are exact; seed
//     /martlet/history      what each epoch ended with: HistoryFile

import MartletCore
import MartletNN
import MartletTraining

package enum TrainerFile {
  /// Arrays that a file may list for an optimiser: several for each weight of thousands of layers.
  private static let maximumVariableCount = 1 << 18

  // MARK: Saving

  /// Write model and trainer so that the file appears whole or not at all.
  ///
  /// - Parameter metrics: a JSON list of Keras' metrics, for who compiles the model anew; nil for none.
  /// - Throws: `formatError` for metrics that are no such list; as `ModelFile.save`.
  package static func save(_ trainer: Trainer, metrics: String?, path: String) throws(MartletError) {
    let image = try ModelFile.bytes(of: trainer.model, training: Training(trainer, metrics))
    defer { withExtendedLifetime(image.storage) {} }
    try AtomicFile.replace(path, with: UnsafeRawBufferPointer(start: image.storage.base, count: image.byteCount))
  }

  /// What a file says about training, ready to be written.
  struct Training {
    private let trainer: Trainer
    private let configuration: String

    init(_ trainer: Trainer, _ metrics: String?) throws(MartletError) {
      self.trainer = trainer
      configuration = try KerasTraining.text(trainer, metrics: try metrics.map(Self.list) ?? .null)
    }

    private static func list(_ text: String) throws(MartletError) -> JSON {
      do throws(MartletError) {
        let json = try JSON(text: text)
        guard json.arrayValue != nil else { throw MartletError(.formatError, "not a list") }
        return json
      } catch {
        throw MartletError(.invalidArgument, "metrics must be a list of Keras' metrics as JSON: \(error.message)")
      }
    }

    /// - Parameters:
    ///   - root: of the file.
    ///   - extras: the group /martlet.
    func write(to root: borrowing HDF5Writer, extras: borrowing HDF5Writer) throws(MartletError) {
      try root.attribute("training_config", configuration)
      let variables = KerasOptimizerVariable.all(trainer.options.optimizer, trainer.model)
      let group = try root.group("optimizer_weights")
      try group.attribute("weight_names", variables.map(\.path))
      for variable in variables { try write(variable.content, variable.path, to: group) }
      let exact = try extras.group("optimizer")
      try exact.attribute("learning_rate", trainer.learningRate)
      try exact.attribute("momentum_product", trainer.optimizerState.momentumProduct)
      try exact.attribute("seed", trainer.seed)
      try HistoryFile.write(trainer.history, of: trainer.model.graph, to: extras)
    }

    private func write(
      _ content: KerasOptimizerVariable.Content, _ name: String, to group: borrowing HDF5Writer
    ) throws(MartletError) {
      let state = trainer.optimizerState
      func number(_ value: Double) throws(MartletError) {
        var value = Float(value)
        try group.dataset(name, [], &value)
      }
      switch content {
      case .iteration:
        var iteration = Int64(trainer.iteration)
        try group.dataset(name, [], &iteration) { _ in }
      case .learningRate: try number(trainer.learningRate)
      case .momentumProduct: try number(state.momentumProduct)
      case .average(let parameter), .accumulator(let parameter), .slot(_, let parameter):
        guard let array = state.array(of: content) else { return }
        let weight = trainer.model.layout.parameters[parameter]
        try group.dataset(name, weight.shape.dimensions, array.pointer(as: Float.self) + weight.offset)
      }
    }
  }

  // MARK: Loading

  /// Give a trainer the optimiser's state of a file: all of it, or nothing changes. Model and options stay.
  ///
  /// - Throws: `notFound`, `ioError`, `formatError`, `unsupported`, `outOfMemory`, naming the file and what does not
  ///   fit.
  package static func loadState(path: String, into trainer: Trainer) throws(MartletError) {
    let optimizer = trainer.options.optimizer
    let variables = KerasOptimizerVariable.all(optimizer, trainer.model)
    let saved = try HDF5Library.exclusively { () throws(MartletError) in
      let root = try HDF5File.ofWeights(path: path).root()
      let group = try stateGroup(root)
      if let text = try root.string("training_config"), let kind = KerasTraining.optimizerClass(text),
        kind != optimizer.kerasClassName
      {
        throw root.error(
          .formatError, "holds the state of an optimiser \(kind); the trainer's is \(optimizer.kerasClassName)")
      }
      var names = try group.strings("weight_names") ?? []
      // Those of Keras 3's own layout are numbered.
      if names.isEmpty { names = try group.childNames(limit: maximumVariableCount).indices.map { String($0) } }
      guard names.count <= maximumVariableCount, names.count == variables.count else {
        throw group.error(
          .formatError,
          "lists \(names.count) variables (\(quotedList(names))); optimiser \(optimizer.kerasClassName) of model "
            + "'\(trainer.model.graph.name)' has \(variables.count) (\(quotedList(variables.map(\.path))))")
      }
      var reader = try StateReader(optimizer, trainer.model)
      for (name, variable) in zip(names, variables) {
        guard let array = try group.object(at: name) else {
          throw group.error(.formatError, "lists '\(name)' but does not hold it; \(group.contents())")
        }
        try reader.check(array, variable)
      }
      try reader.allocate()
      for (name, variable) in zip(names, variables) {
        if let array = try group.object(at: name) { try reader.read(array, variable.content) }
      }
      if let exact = try root.object(at: "martlet/optimizer") { try reader.readOurs(exact) }
      reader.history = try HistoryFile.read(root, of: trainer.model.graph)
      return reader
    }
    if let state = saved.state {
      trainer.resume(
        state, iteration: saved.iteration, learningRate: saved.learningRate, seed: saved.seed, history: saved.history)
    }
  }
}

extension TrainerFile {
  /// The group of an optimiser's arrays, in the layout of Keras 2 or of Keras 3.
  ///
  /// - Throws: `formatError` if there is none.
  private static func stateGroup(_ root: borrowing HDF5Object) throws(MartletError) -> HDF5Object {
    for path in ["optimizer_weights", "optimizer/vars"] {
      if let group = try root.object(at: path), group.isGroup { return group }
    }
    throw root.error(
      .formatError, "has no group 'optimizer_weights': it holds no state of an optimiser; \(root.contents())")
  }
}

/// What is read before any of it is used.
private struct StateReader {
  private let optimizer: Optimizer
  private let model: Model
  private(set) var state: OptimizerState?
  private(set) var iteration = 0
  private(set) var learningRate = 0.0
  /// Files of Keras have none.
  private(set) var seed: UInt64?
  var history = TrainingHistory()

  init(_ optimizer: Optimizer, _ model: Model) throws(MartletError) {
    self.optimizer = optimizer
    self.model = model
  }

  func check(_ array: borrowing HDF5Object, _ variable: KerasOptimizerVariable) throws(MartletError) {
    let shape = try array.datasetForm().shape
    switch variable.content {
    case .iteration, .learningRate, .momentumProduct:
      guard shape.elementCount == 1 else {
        throw array.error(.formatError, "has shape \(shape); expected one number, '\(variable.path)'")
      }
    case .average(let parameter), .accumulator(let parameter), .slot(_, let parameter):
      let expected = model.layout.parameters[parameter].shape
      guard shape == expected else {
        throw array.error(.formatError, "has shape \(shape); expected \(expected), that of '\(variable.path)'")
      }
    }
  }

  /// Once the file has shown that it holds what it declares.
  mutating func allocate() throws(MartletError) { state = try OptimizerState(optimizer, model.layout) }

  mutating func read(
    _ array: borrowing HDF5Object, _ content: KerasOptimizerVariable.Content
  ) throws(MartletError) {
    switch content {
    case .iteration:
      var value: Int64 = 0
      try array.read(into: &value, as: .int64)
      guard value >= 0, value <= Int64(Int32.max) * Int64(Int32.max) else {
        throw array.error(.formatError, "is \(value); steps are counted from 0")
      }
      iteration = Int(value)
    case .learningRate:
      learningRate = try number(array)
      guard learningRate >= 0 else { throw array.error(.formatError, "is \(learningRate); it must be >= 0") }
    case .momentumProduct:
      let product = try number(array)
      state?.momentumProduct = product
    case .average(let parameter), .accumulator(let parameter), .slot(_, let parameter):
      guard let destination = state?.array(of: content) else { return }
      let weight = model.layout.parameters[parameter]
      let values = destination.pointer(as: Float.self) + weight.offset
      try array.read(into: values, as: .float32)
      guard (0..<weight.count).allSatisfy({ values[$0].isFinite }) else {
        throw array.error(.formatError, "holds NaN or infinite numbers")
      }
    }
  }

  /// What Keras has no place for: the seed; and the numbers as doubles if they are the same as those in float32, which
  /// Keras may have changed since.
  mutating func readOurs(_ group: borrowing HDF5Object) throws(MartletError) {
    seed = try group.unsignedInteger("seed")
    if let rate = try group.number("learning_rate"), Float(rate) == Float(learningRate) { learningRate = rate }
    if let product = try group.number("momentum_product"), let read = state?.momentumProduct,
      Float(product) == Float(read)
    {
      state?.momentumProduct = product
    }
  }

  private func number(_ array: borrowing HDF5Object) throws(MartletError) -> Double {
    var value = 0.0
    try array.read(into: &value, as: .float64)
    guard value.isFinite else { throw array.error(.formatError, "is \(value); it must be finite") }
    return value
  }
}

extension OptimizerState {
  /// The flat array in which a variable lies.
  fileprivate func array(of content: KerasOptimizerVariable.Content) -> TensorStorage? {
    switch content {
    case .average: average
    case .accumulator: accumulator
    case .slot(let index, _): slotArrays.indices.contains(index) ? slotArrays[index] : nil
    case .iteration, .learningRate, .momentumProduct: nil
    }
  }
}
