// The object behind a martlet_model: a graph that grows until it is built, then a model with its weights.

import MartletCore
import MartletIO
import MartletNN
import MartletTraining
import Synchronization

final class ModelHandle: Handle {
  let usage = Usage()
  let name: String
  /// The name as C borrows it.
  let nameText: StringTable
  private let seed: UInt64
  private var builder: GraphBuilder?
  /// The weights that layers of submodels start with.
  private var given: [Int: (model: Model, layer: Int)] = [:]
  private var built: BuiltModel?

  /// An empty model.
  init(name: String, seed: UInt64) throws(MartletError) {
    builder = try GraphBuilder(name: name)
    self.name = name
    nameText = try StringTable([name])
    self.seed = seed
  }

  /// A model that is built, such as one from a file.
  init(_ model: Model) throws(MartletError) {
    built = try BuiltModel(model)
    name = model.graph.name
    nameText = try StringTable([name])
    seed = model.seed
  }

  var description: String { "model '\(name)'" }

  /// Adds a layer and gives its node.
  ///
  /// - Throws: `invalidState` if the model is built; what `GraphBuilder.add` throws.
  func add(_ layer: any Layer, name: String?, inputs: [Int]) throws(MartletError) -> Int32 {
    _ = try unbuilt()
    return try number(ofNode: try builder?.add(layer, name: name, inputs: inputs))
  }

  /// Applies the layer of a node once more.
  ///
  /// - Throws: `invalidState` if the model is built; `invalidArgument` for an unknown node; what `GraphBuilder.apply`
  ///   throws.
  func share(layerOf node: Int32, inputs: [Int]) throws(MartletError) -> Int32 {
    let graph = try unbuilt()
    guard graph.nodes.indices.contains(Int(node)) else {
      throw MartletError(.invalidArgument, "node is \(node), which is not a node of \(description)")
    }
    let layer = graph.nodes[Int(node)].layer
    guard Submodel.place(graph.layers[layer].name).isEmpty else {
      throw MartletError(
        .invalidArgument,
        "node is \(node), a result of layer '\(graph.layers[layer].name)' in a submodel; martlet_share_submodel applies "
          + "a submodel once more")
    }
    return try number(ofNode: try builder?.apply(layer: layer, inputs: inputs))
  }

  /// Applies a model as a new layer, which starts with copies of its weights.
  ///
  /// - Throws: `invalidState` if this model is built; `outOfMemory`; what `GraphBuilder.add` throws.
  func add(
    submodel: Model, name: String?, inputs: [Int], isInference: Bool
  ) throws(MartletError) -> [Int32] {
    let firstLayer = try unbuilt().layers.count
    let copy = try submodel.copy()
    let outputs =
      try builder?.add(submodel.graph, name: name, inputs: inputs, isInference: isInference) ?? []
    for layer in submodel.graph.layers.indices { given[firstLayer + layer] = (copy, layer) }
    return try numbers(ofNodes: outputs)
  }

  /// Applies a submodel once more.
  ///
  /// - Throws: `invalidState` if the model is built; `notFound`; what `GraphBuilder.apply` throws.
  func share(submodel name: String, inputs: [Int], isInference: Bool) throws(MartletError) -> [Int32] {
    let index = try submodelIndex(named: name)
    return try numbers(
      ofNodes: try builder?.apply(submodel: index, inputs: inputs, isInference: isInference) ?? [])
  }

  /// - Throws: `invalidState` if the model is built; `notFound`.
  func outputCount(ofSubmodel name: String) throws(MartletError) -> Int {
    let index = try submodelIndex(named: name)
    return try unbuilt().submodels[index].calls[0].outputs.count
  }

  private func submodelIndex(named name: String) throws(MartletError) -> Int {
    guard let index = try unbuilt().submodels.firstIndex(where: { $0.path == name }) else {
      throw MartletError(.notFound, "\(description) has no submodel '\(name)'")
    }
    return index
  }

  private func numbers(ofNodes nodes: [Int]) throws(MartletError) -> [Int32] {
    var numbers: [Int32] = []
    for node in nodes { numbers.append(try number(ofNode: node)) }
    return numbers
  }

  private func number(ofNode node: Int?) throws(MartletError) -> Int32 {
    guard let node, let result = Int32(exactly: node) else {
      throw MartletError(.invalidArgument, "\(description) has too many layers")
    }
    return result
  }

  /// Shape of one row of a node.
  ///
  /// - Throws: `invalidArgument` for an unknown node; `invalidState` if the model is built.
  func shape(ofNode node: Int32) throws(MartletError) -> Shape {
    let nodes = try unbuilt().nodes
    guard nodes.indices.contains(Int(node)) else {
      throw MartletError(.invalidArgument, "input is \(node), which is not a node of \(description)")
    }
    return nodes[Int(node)].shape
  }

  /// - Throws: `invalidState` if the model is built already; what the graph's check and the weights' memory throw. The
  ///   graph is then as before.
  func build(outputs: [Int]) throws(MartletError) {
    let builder = try unbuilt()
    let graph = try naming("outputs") { () throws(MartletError) in try builder.build(outputs: outputs) }
    built = try BuiltModel(Model(graph: graph, seed: seed, keeping: given))
    self.builder = nil
    given = [:]
  }

  /// Gives the model other layers. Trainers of the ones before are told so when they are used next.
  ///
  /// - Throws: `invalidState` if the model is not built; what the change throws. The model is then as before.
  func edit(_ change: (Graph) throws(MartletError) -> GraphEdit) throws(MartletError) {
    let model = try requireBuilt().model
    built = try BuiltModel(try model.edited(try change(model.graph)))
  }

  /// - Throws: `invalidState` if the model is not built.
  func requireBuilt() throws(MartletError) -> BuiltModel {
    guard let built else {
      throw MartletError(.invalidState, "\(description) is not built; call martlet_model_build first")
    }
    return built
  }

  private func unbuilt() throws(MartletError) -> GraphBuilder {
    guard let builder else {
      throw MartletError(.invalidState, "\(description) is built already; no layer can be added")
    }
    return builder
  }
}

/// A model with what C borrows from it.
final class BuiltModel {
  let model: Model
  let predictor: Predictor
  private(set) var summary: StringTable
  let layerNames: StringTable
  let layerClasses: StringTable
  let submodelNames: StringTable
  let submodelClasses: StringTable
  let inputNames: StringTable
  let outputNames: StringTable
  /// Of all parameters, in the order of the model's layout.
  let weightNames: StringTable
  /// One text, empty if the model came from no file that says anything.
  let trainingConfiguration: StringTable
  private(set) var classNames: StringTable
  /// The layers that kept their weights when others were last loaded, and why.
  private(set) var skippedNames: StringTable
  private(set) var skippedReasons: StringTable
  /// The layers as text, from when C first asks for it.
  /// Made when first asked for, which callbacks in two threads may do at once.
  private let json = Mutex<StringTable?>(nil)

  /// - Throws: `outOfMemory`.
  init(_ model: Model) throws(MartletError) {
    let graph = model.graph
    self.model = model
    predictor = Predictor(model: model, kernels: Engine.kernels)
    summary = try StringTable([try model.summary()])
    layerNames = try StringTable(graph.layers.map(\.name))
    layerClasses = try StringTable(graph.layers.map(\.layer.className))
    submodelNames = try StringTable(graph.submodels.map(\.path))
    submodelClasses = try StringTable(graph.submodels.map(\.className))
    inputNames = try StringTable(graph.inputs.map(graph.layerName))
    outputNames = try StringTable(graph.outputs.map(graph.layerName))
    weightNames = try StringTable(model.layout.parameters.map(\.name))
    trainingConfiguration = try StringTable([model.trainingConfiguration])
    classNames = try StringTable(model.classNames)
    skippedNames = try StringTable([])
    skippedReasons = skippedNames
  }

  /// The layers as JSON; the same text for the life of this object.
  ///
  /// - Throws: `unsupported`, `outOfMemory`.
  func text() throws(MartletError) -> UnsafePointer<CChar> {
    if let table = json.withLock({ $0 }) { return table[0] }
    let new = try StringTable([try ModelText.text(of: model.graph)])
    // What another thread has handed out meanwhile must stay.
    let kept = json.withLock { table in
      table = table ?? new
      return table ?? new
    }
    return kept[0]
  }

  /// Have the weights of some layers trained, or left as they are. What C has borrowed of summary and JSON ends.
  ///
  /// - Throws: `outOfMemory`, and nothing is changed.
  func setTrainable(_ isTrainable: Bool, layers: [Int]) throws(MartletError) {
    let before = layers.filter { model.graph.layers[$0].isTrainable }
    try model.setTrainable(isTrainable, layers: layers)
    do throws(MartletError) {
      summary = try StringTable([try model.summary()])
    } catch {
      try model.setTrainable(!isTrainable, layers: isTrainable ? layers.filter { !before.contains($0) } : before)
      throw error
    }
    json.withLock { $0 = nil }
  }

  /// - Throws: `outOfMemory`.
  func setClassNames(_ names: [String]) throws(MartletError) {
    classNames = try StringTable(names)
    model.classNames = names
  }

  /// - Throws: `outOfMemory`, and nothing is changed.
  func replaceWeights(by content: WeightsFile.Content) throws(MartletError) {
    let names = try StringTable(content.skipped.map { model.graph.layers[$0.layer].name })
    let reasons = try StringTable(content.skipped.map(\.reason))
    content.replaceWeights(of: model)
    (skippedNames, skippedReasons) = (names, reasons)
  }

  /// A weight array that C names, and the size of the buffer it came with.
  ///
  /// - Returns: the array's index, and its place in the flat arrays of weights and gradients.
  /// - Throws: `notFound`, or `invalidArgument` if `count` is not the number of elements.
  func parameter(
    layer: UnsafePointer<CChar>?, weight: UnsafePointer<CChar>?, count: Int64
  ) throws(MartletError) -> (index: Int, offset: Int, count: Int) {
    let layer = try string(layer, "layer")
    let weight = try string(weight, "weight")
    let index = try model.parameterIndex(layer: layer, weight: weight)
    let parameter = model.layout.parameters[index]
    guard count == Int64(parameter.count) else {
      throw MartletError(
        .invalidArgument,
        "count is \(count); '\(weight)' of layer '\(layer)' has \(parameter.count) elements, shape \(parameter.shape)")
    }
    return (index, parameter.offset, parameter.count)
  }

  /// Floats of all outputs for so many rows.
  ///
  /// - Throws: `invalidArgument` if memory cannot hold them.
  func outputCount(rows: Int) throws(MartletError) -> Int {
    var perRow = 0
    for shape in model.graph.outputShapes {
      // A shape has at most 2^56 elements: only absurdly many outputs overflow.
      let (sum, overflow) = perRow.addingReportingOverflow(shape.elementCount)
      perRow = overflow ? Int.max : sum
    }
    let (count, overflow) = rows.multipliedReportingOverflow(by: perRow)
    guard !overflow else {
      throw MartletError(.invalidArgument, "\(rows) rows of the output are more than memory can hold")
    }
    return count
  }

  /// Checks the size of a buffer for the model's outputs, one after the other.
  ///
  /// - Throws: `invalidArgument`.
  func checkOutputCount(_ count: Int64, _ name: String, rows: Int) throws(MartletError) {
    let expected = try naming("\(name) is \(count)") { () throws(MartletError) in try outputCount(rows: rows) }
    guard count == Int64(expected) else {
      throw MartletError(
        .invalidArgument,
        "\(name) is \(count); it must be \(expected), for \(rows) rows of shape "
          + model.graph.outputShapes.map(\.description).joined(separator: " and "))
    }
  }

  /// Compute all outputs for a dataset.
  ///
  /// - Throws: `invalidArgument`, `outOfMemory`.
  func predict(_ data: Dataset, into y: UnsafeMutablePointer<Float>) throws(MartletError) {
    try predictor.predict(data, of: model.graph, kernels: Engine.kernels, into: y, threads: Engine.threads)
  }
}
