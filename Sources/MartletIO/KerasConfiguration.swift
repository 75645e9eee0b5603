// `model_config`, the JSON in which Keras keeps a network: Sequential and Functional models of Keras 2 and 3, to a
// `Graph`; KerasConfiguration+Writing.swift goes back. The layers themselves are KerasLayer's business, their
// connections that of KerasCalls.swift. A model may be a layer of another.

import MartletCore
import MartletNN

struct KerasConfiguration {
  /// Of models; those of Keras before 2.3 are a `Model`, which later is called Functional.
  static let classes: Set<String> = ["Sequential", "Functional", "Model"]

  let name: String
  let className: String
  private var layers: [KerasLayer]
  private let outputs: [KerasTensor]

  /// Layers that a file may have, and calls of them. Deep networks have some hundred.
  static let maximumLayerCount = GraphBuilder.maximumLayerCount
  private static let maximumCallCount = GraphBuilder.maximumNodeCount

  // MARK: Reading

  /// - Parameter what: what messages call the text.
  /// - Throws: `formatError`; `unsupported` for a kind of model we do not have.
  init(_ text: String, _ what: String = "model_config") throws(MartletError) {
    let json: JSON
    do {
      json = try JSON(text: text)
    } catch {
      throw MartletError(error.code, "\(what): \(error.message)")
    }
    try self.init(json, what)
  }

  /// - Throws: as `init(_:_:)` of a text.
  init(_ json: JSON, _ what: String = "the configuration") throws(MartletError) {
    guard let className = json["class_name"]?.stringValue, let config = json["config"] else {
      throw MartletError(.formatError, "\(what) has no 'class_name' or no 'config'")
    }
    switch className {
    case "Sequential":
      self.className = className
      layers = try KerasConfiguration.sequentialLayers(config)
      outputs = layers.last.map { [KerasTensor(layer: $0.name, call: 0)] } ?? []
    case "Functional", "Model":
      self.className = "Functional"
      var layers = try KerasConfiguration.functionalLayers(config)
      var outputs = try KerasTensor.list(config["output_layers"], "output_layers")
      Self.countCallsFromZero(in: &layers, &outputs)
      (self.layers, self.outputs) = (layers, outputs)
    default: throw MartletError(.unsupported, "a model of class \(className) is not supported")
    }
    guard layers.count <= Self.maximumLayerCount else {
      throw MartletError(
        .unsupported, "a model of \(layers.count) layers; at most \(Self.maximumLayerCount) are supported")
    }
    name = (config["name"] ?? json["name"])?.stringValue ?? className.lowercased()
  }

  /// Another layer in the place of one, reading what it reads.
  ///
  /// - Parameter path: its name, after those of the submodels that it is in.
  /// - Throws: `notFound`.
  mutating func replace(_ path: String, by replacement: KerasLayer) throws(MartletError) {
    let end = path.firstIndex(of: "/") ?? path.endIndex
    guard let place = layers.firstIndex(where: { $0.name == path[..<end] }) else {
      throw MartletError(.notFound, "model '\(name)' has no layer '\(path)' to replace")
    }
    if end == path.endIndex {
      layers[place] = KerasLayer(
        className: replacement.className, name: layers[place].name, config: replacement.config,
        calls: layers[place].calls)
    } else if layers[place].submodel == nil {
      throw MartletError(.notFound, "layer '\(path[..<end])' of model '\(name)' is no submodel")
    } else {
      try layers[place].submodel?.replace(String(path[path.index(after: end)...]), by: replacement)
    }
  }

  /// Layers whose statistics are among the weights, with the path of the submodel they are in.
  var layersWithStatistics: [String] {
    layers.flatMap { layer in
      layer.submodel.map { $0.layersWithStatistics.map { layer.name + "/" + $0 } }
        ?? (layer.keepsStatisticsAsWeights ? [layer.name] : [])
    }
  }

  /// The network, its layers in the order of the file as far as each comes after what it reads from.
  ///
  /// - Parameters:
  ///   - statistics: those of `layersWithStatistics`.
  ///   - place: the path of this model in others, with a "/" at its end.
  /// - Throws: `formatError`; `unsupported` naming layer and class or option.
  func graph(_ statistics: [String: KerasStatistics], in place: String = "") throws(MartletError) -> Graph {
    var layers = layers
    for index in layers.indices { layers[index].place = place }
    do throws(MartletError) {
      let calls = try KerasCallOrder(layers, maximumCount: Self.maximumCallCount)
      var builder = try GraphBuilder(name: name, className: className)
      /// The results of each call.
      var nodes = [[Int]](repeating: [], count: calls.count)
      var members = [Member?](repeating: nil, count: layers.count)
      for call in try calls.sorted() {
        let number = calls.layer(of: call)
        let layer = layers[number]
        var inputs: [Int] = []
        for (source, output) in calls.inputs(of: call) {
          guard nodes[source].indices.contains(output) else {
            throw layer.error(
              .formatError,
              "reads result \(output) of layer '\(layers[calls.layer(of: source)].name)', which has "
                + "\(nodes[source].count)")
          }
          inputs.append(nodes[source][output])
        }
        nodes[call] = try apply(
          layer, &members[number], inputs, isInference: calls.isInference(call), statistics, &builder)
      }
      guard !outputs.isEmpty else { throw MartletError(.formatError, "the model has no layer that is its output") }
      var outputNodes: [Int] = []
      for output in outputs {
        guard let call = calls.call(output), nodes[call].indices.contains(output.output) else {
          throw MartletError(.formatError, "the model has no layer '\(output.layer)' that could be its output")
        }
        outputNodes.append(nodes[call][output.output])
      }
      return try builder.build(outputs: outputNodes)
    } catch {
      // What the builder calls a wrong argument came from the file.
      throw error.code == .invalidArgument ? MartletError(.formatError, error.message) : error
    }
  }

  /// What a layer of the configuration has become in the graph.
  private enum Member {
    case layer(Int)
    case submodel(Int)
  }

  private func apply(
    _ layer: KerasLayer, _ member: inout Member?, _ inputs: [Int], isInference: Bool,
    _ statistics: [String: KerasStatistics], _ builder: inout GraphBuilder
  ) throws(MartletError) -> [Int] {
    switch member {
    case .layer(let index): return [try builder.apply(layer: index, inputs: inputs, isInference: isInference)]
    case .submodel(let index): return try builder.apply(submodel: index, inputs: inputs, isInference: isInference)
    case nil: break
    }
    guard let submodel = layer.submodel else {
      let rows = inputs.map { builder.nodes[$0].shape }
      member = .layer(builder.layers.count)
      return [
        try builder.add(
          try layer.layer(rows: rows, statistics: statistics[layer.name]), name: layer.name, inputs: inputs,
          isTrainable: layer.isTrainable, isInference: isInference)
      ]
    }
    var inside: [String: KerasStatistics] = [:]
    for (path, values) in statistics where path.hasPrefix(layer.name + "/") {
      inside[String(path.dropFirst(layer.name.count + 1))] = values
    }
    var part = try submodel.graph(inside, in: layer.place + layer.name + "/")
    // A frozen model is frozen whatever its layers say.
    if !layer.isTrainable { part = part.frozen }
    member = .submodel(builder.submodels.count)
    return try builder.add(part, name: layer.name, inputs: inputs, isInference: isInference)
  }

  private static func sequentialLayers(_ config: JSON) throws(MartletError) -> [KerasLayer] {
    // The first versions wrote the list itself.
    guard let list = config.arrayValue ?? config["layers"]?.arrayValue else {
      throw MartletError(.formatError, "the Sequential model has no 'layers'")
    }
    var layers: [KerasLayer] = []
    for json in list {
      var layer = try KerasLayer(json)
      if layers.isEmpty, layer.className != "InputLayer" {
        layers.append(try impliedInput(before: layer, modelConfig: config))
      }
      layer.calls = .success(layers.last.map { [KerasCall(tensors: [KerasTensor(layer: $0.name, call: 0)])] } ?? [])
      layers.append(layer)
    }
    return layers
  }

  /// The input of a Sequential model that has no input layer: its first layer or the model tells the shape.
  private static func impliedInput(before layer: KerasLayer, modelConfig: JSON) throws(MartletError) -> KerasLayer {
    let ofLayer = layer.inputShape
    let ofSubmodel = layer.submodel?.layers.first { $0.className == "InputLayer" }?.inputShape
    guard let shape = ofLayer ?? ofSubmodel ?? modelConfig["build_input_shape"] else {
      throw layer.error(.formatError, "is the first layer, and nothing tells its input shape")
    }
    let name = layer.name + "_input"
    return KerasLayer(
      className: "InputLayer", name: name, config: .object(["name": .string(name), "batch_shape": shape]))
  }

  private static func functionalLayers(_ config: JSON) throws(MartletError) -> [KerasLayer] {
    guard let list = config["layers"]?.arrayValue else {
      throw MartletError(.formatError, "the Functional model has no 'layers'")
    }
    var layers: [KerasLayer] = []
    for json in list {
      var layer = try KerasLayer(json)
      if let operation = try KerasOperation(layer, json) {
        layer = try operation.asLayer()
      } else if layer.className != "InputLayer" {
        do throws(MartletError) {
          layer.calls = .success(try layer.calls(json["inbound_nodes"]))
        } catch {
          layer.calls = .failure(error)
        }
      }
      layers.append(layer)
    }
    return try withInputsInOrder(layers, try KerasTensor.list(config["input_layers"], "input_layers"))
  }

  /// Keras lists layers by their distance from the outputs, but `input_layers` in the order of the model's arguments. A
  /// graph has its inputs in the order of their layers.
  private static func withInputsInOrder(
    _ layers: [KerasLayer], _ inputs: [KerasTensor]
  ) throws(MartletError) -> [KerasLayer] {
    var layers = layers
    let places = layers.indices.filter { layers[$0].className == "InputLayer" }
    var byName: [String: KerasLayer] = [:]
    for place in places { byName[layers[place].name] = layers[place] }
    guard inputs.count == places.count, byName.count == places.count, Set(inputs.map(\.layer)).count == inputs.count
    else {
      throw MartletError(
        .formatError, "the Functional model has \(places.count) input layers, 'input_layers' names \(inputs.count)")
    }
    for (place, input) in zip(places, inputs) {
      guard let layer = byName[input.layer] else {
        throw MartletError(.formatError, "'input_layers' names '\(input.layer)', which is not an input layer")
      }
      layers[place] = layer
    }
    return layers
  }
}
