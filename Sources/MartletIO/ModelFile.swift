// A model as a Keras HDF5 file (docs/file-format.md):
//
//     /                       keras_version, backend, model_config
//     /model_weights          layer_names
//     /model_weights/LAYER    weight_names, and the datasets they name: LAYER/kernel:0
//     /martlet                schema_version, seed, class_names: what Keras has no place for, and ignores
//
// Files of Keras 2 and 3 have the same layout without /martlet, with names such as `sequential/dense/kernel`. Keras 3's
// own `.keras` archives are read, too.

import MartletCore
import MartletNN

package enum ModelFile {
  /// The version of what is in /martlet. A file of a later one is not read: it might mean something else.
  private static let schemaVersion: Int32 = 1

  /// The version whose JSON and layout are written; Keras 3 reads them too.
  static let kerasVersion = "2.15.0"
  static let kerasBackend = "tensorflow"

  // MARK: Loading

  /// Another layer in the place of one of a file.
  package struct Replacement {
    let layer: String
    let json: String

    /// - Parameters:
    ///   - layer: its name, after those of the submodels it is in.
    ///   - json: class and configuration, as Keras writes a layer.
    package init(layer: String, json: String) {
      self.layer = layer
      self.json = json
    }
  }

  /// - Throws: `notFound`, `ioError`, `formatError`, `unsupported`, `outOfMemory`; the message names the file and what
  ///   in it is wrong.
  package static func load(path: String, replacing: [Replacement] = []) throws(MartletError) -> Model {
    try HDF5Library.exclusively { () throws(MartletError) in
      if let archive = try KerasArchive(try InputFile(path: path)) { return try model(of: archive, path, replacing) }
      return try model(of: try HDF5File(path: path), replacing)
    }
  }

  /// Load what `bytes(of:)` gave, or the bytes of any file that `load(path:)` would.
  ///
  /// - Parameter name: what messages call the memory.
  /// - Throws: as `load(path:)`.
  package static func load(memory: UnsafeRawBufferPointer, name: String) throws(MartletError) -> Model {
    try HDF5Library.exclusively { () throws(MartletError) in
      if let archive = try KerasArchive(InputMemory(path: name, buffer: memory)) {
        return try model(of: archive, name, [])
      }
      return try model(of: try HDF5File(memory: memory, name: name), [])
    }
  }

  private static func model(
    of file: consuming HDF5File, _ replacing: [Replacement]
  ) throws(MartletError) -> Model {
    let root = try file.root()
    guard let text = try root.string("model_config") else { throw try missingConfiguration(root) }
    guard let weights = try root.object(at: "model_weights"), weights.isGroup else {
      throw root.error(.formatError, "has no group 'model_weights'; \(root.contents())")
    }
    let configuration = try configuration(text, in: weights.file, replacing)
    var statistics: [String: KerasStatistics] = [:]
    for layer in configuration.layersWithStatistics {
      statistics[layer] = try KerasWeights.ofStatistics(layer, in: weights).statistics()
    }
    let graph = try naming(weights.file) { () throws(MartletError) in try configuration.graph(statistics) }
    let extras = try Extras(root)
    let outputs = graph.outputShapes[0].lastDimension
    guard extras.classNames.isEmpty || extras.classNames.count == outputs else {
      throw root.error(.formatError, "names \(extras.classNames.count) classes for \(outputs) outputs")
    }
    let stored = StoredWeights(ofModel: weights)
    let model = try model(graph, stored, try stored.placesInModel(graph), seed: extras.seed)
    model.classNames = extras.classNames
    // Nothing of it is needed to predict: what is wrong with it is for who asks for it to find.
    model.trainingConfiguration = (try? root.string("training_config")) ?? ""
    return model
  }

  private static func model(
    of archive: KerasArchive, _ path: String, _ replacing: [Replacement]
  ) throws(MartletError) -> Model {
    let text = try archive.text(KerasArchive.configuration)
    let configuration = try configuration(text, in: path, replacing)
    let stored = try StoredWeights(try HDF5File(try archive.member(KerasArchive.weights)).root())
    // Where the statistics are is known once there is a graph: any do for the first.
    var statistics: [String: KerasStatistics] = [:]
    for layer in configuration.layersWithStatistics { statistics[layer] = ([0], [1]) }
    var graph = try naming(path) { () throws(MartletError) in try configuration.graph(statistics) }
    if !statistics.isEmpty {
      let groups = graph.kerasGroupNames
      for layer in configuration.layersWithStatistics {
        guard let index = graph.layerIndex(named: layer) else { continue }
        statistics[layer] = try stored.weights(StoredWeights.Place(layer: index, group: groups[index])).statistics()
      }
      graph = try naming(path) { () throws(MartletError) in try configuration.graph(statistics) }
    }
    let model = try model(graph, stored, try stored.placesByOrder(graph), seed: 0)
    model.trainingConfiguration = KerasTraining.configuration(ofArchive: text)
    return model
  }

  private static func model(
    _ graph: Graph, _ stored: borrowing StoredWeights, _ places: [StoredWeights.Place], seed: UInt64
  ) throws(MartletError) -> Model {
    // All shapes are compared before memory is asked for: a configuration costs nothing, an array has been written.
    for place in places { try stored.weights(place).check(graph.layers[place.layer]) }
    let model = try Model(graph: graph, seed: seed)
    for place in places {
      let parameters = model.layout.parameters[model.layout.range(ofLayer: place.layer)]
      try stored.weights(place).read(parameters, into: model.valuesToChange())
    }
    return model
  }

  private static func configuration(
    _ text: String, in file: String, _ replacing: [Replacement]
  ) throws(MartletError) -> KerasConfiguration {
    var configuration = try naming(file) { () throws(MartletError) in try KerasConfiguration(text) }
    for replacement in replacing {
      let layer = try KerasLayer(try JSON(text: replacement.json), defaultName: Submodel.name(replacement.layer))
      try naming(file) { () throws(MartletError) in try configuration.replace(replacement.layer, by: layer) }
    }
    return configuration
  }

  /// Errors of a configuration do not know the file.
  private static func naming<Result>(
    _ file: String, _ body: () throws(MartletError) -> Result
  ) throws(MartletError) -> Result {
    do {
      return try body()
    } catch {
      throw MartletError(error.code, "'\(file)': \(error.message)")
    }
  }

  private static func missingConfiguration(_ root: borrowing HDF5Object) throws(MartletError) -> MartletError {
    guard try StoredWeights.areIn(root) else {
      return root.error(
        .formatError, "has no attribute 'model_config': this is not a Keras model file; \(root.contents())")
    }
    return root.error(
      .unsupported,
      "has weights but no 'model_config', as files of save_weights do: load it into a model that has these layers, with "
        + "martlet_model_load_weights")
  }

  /// What /martlet holds.
  private struct Extras {
    var seed: UInt64 = 0
    var classNames: [String] = []

    init(_ root: borrowing HDF5Object) throws(MartletError) {
      guard let group = try root.object(at: "martlet") else { return }
      guard let version = try group.number("schema_version") else {
        throw group.error(.formatError, "has no attribute 'schema_version'")
      }
      guard version == Double(ModelFile.schemaVersion) else {
        throw group.error(
          .unsupported, "has schema version \(version); this version of Martlet reads \(ModelFile.schemaVersion)")
      }
      seed = try group.unsignedInteger("seed") ?? 0
      classNames = try group.strings("class_names") ?? []
    }
  }

  // MARK: Saving

  /// Write a model so that the file appears whole or not at all. Same model, same bytes.
  ///
  /// - Throws: `notFound` (no such folder), `ioError`, `outOfMemory`, `unsupported`.
  package static func save(_ model: Model, path: String) throws(MartletError) {
    let image = try bytes(of: model)
    defer { withExtendedLifetime(image.storage) {} }
    try AtomicFile.replace(
      path, with: UnsafeRawBufferPointer(start: image.storage.base, count: image.byteCount))
  }

  /// The bytes that `save` writes.
  ///
  /// - Throws: `outOfMemory`, `unsupported`.
  package static func bytes(of model: Model) throws(MartletError) -> (storage: TensorStorage, byteCount: Int) {
    try bytes(of: model, training: nil)
  }

  /// - Parameter training: what goes beside the model, if anything does.
  static func bytes(
    of model: Model, training: TrainerFile.Training?
  ) throws(MartletError) -> (storage: TensorStorage, byteCount: Int) {
    let configuration = try KerasConfiguration.text(model.graph)
    return try HDF5Library.exclusively { () throws(MartletError) in
      try HDF5Writer.image { root throws(MartletError) in
        try root.attribute("keras_version", kerasVersion)
        try root.attribute("backend", kerasBackend)
        try root.attribute("model_config", configuration)
        try WeightsFile.writeNamed(model, to: try root.group("model_weights"))
        let extras = try root.group("martlet")
        try extras.attribute("schema_version", schemaVersion)
        try extras.attribute("seed", model.seed)
        try extras.attribute("class_names", model.classNames)
        try training?.write(to: root, extras: extras)
      }
    }
  }
}
