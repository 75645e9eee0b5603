// `model_config`, the JSON in which Keras keeps a network: Sequential and Functional models of Keras 2 and 3, to a
// `Graph` and back. The layers themselves are KerasLayer's business, their connections that of KerasCalls.swift.

import MartletCore
import MartletNN

struct KerasConfiguration {
  private let name: String
  private let layers: [KerasLayer]
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
    guard let className = json["class_name"]?.stringValue, let config = json["config"] else {
      throw MartletError(.formatError, "\(what) has no 'class_name' or no 'config'")
    }
    switch className {
    case "Sequential":
      layers = try KerasConfiguration.sequentialLayers(config)
      outputs = layers.last.map { [KerasTensor(layer: $0.name, call: 0)] } ?? []
    case "Functional", "Model":
      layers = try KerasConfiguration.functionalLayers(config)
      outputs = try KerasTensor.list(config["output_layers"], "output_layers")
    default: throw MartletError(.unsupported, "a model of class \(className) is not supported")
    }
    guard layers.count <= Self.maximumLayerCount else {
      throw MartletError(
        .unsupported, "a model of \(layers.count) layers; at most \(Self.maximumLayerCount) are supported")
    }
    name = config["name"]?.stringValue ?? className.lowercased()
  }

  /// Layers whose statistics are among the weights.
  var layersWithStatistics: [String] { layers.filter(\.keepsStatisticsAsWeights).map(\.name) }

  /// The network, its layers in the order of the file as far as each comes after what it reads from.
  ///
  /// - Parameter statistics: those of `layersWithStatistics`.
  /// - Throws: `formatError`; `unsupported` naming layer and class or option.
  func graph(_ statistics: [String: KerasStatistics]) throws(MartletError) -> Graph {
    do throws(MartletError) {
      let calls = try KerasCallOrder(layers, maximumCount: Self.maximumCallCount)
      var builder = try GraphBuilder(name: name)
      var nodes = [Int](repeating: 0, count: calls.count)
      var layerIndices = [Int?](repeating: nil, count: layers.count)
      for call in try calls.sorted() {
        let layer = layers[calls.layer(of: call)]
        let inputs = calls.inputs(of: call).map { nodes[$0] }
        if let index = layerIndices[calls.layer(of: call)] {
          nodes[call] = try builder.apply(layer: index, inputs: inputs)
        } else {
          let rows = inputs.map { builder.nodes[$0].shape }
          nodes[call] = try builder.add(
            try layer.layer(rows: rows, statistics: statistics[layer.name]), name: layer.name, inputs: inputs,
            isTrainable: layer.isTrainable)
          layerIndices[calls.layer(of: call)] = builder.layers.count - 1
        }
      }
      guard !outputs.isEmpty else { throw MartletError(.formatError, "the model has no layer that is its output") }
      var outputNodes: [Int] = []
      for output in outputs {
        guard let call = calls.call(output) else {
          throw MartletError(.formatError, "the model has no layer '\(output.layer)' that could be its output")
        }
        outputNodes.append(nodes[call])
      }
      return try builder.build(outputs: outputNodes)
    } catch {
      // What the builder calls a wrong argument came from the file.
      throw error.code == .invalidArgument ? MartletError(.formatError, error.message) : error
    }
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
      layer.calls = .success(layers.last.map { [[KerasTensor(layer: $0.name, call: 0)]] } ?? [])
      layers.append(layer)
    }
    return layers
  }

  /// The input of a Sequential model that has no input layer: its first layer or the model tells the shape.
  private static func impliedInput(before layer: KerasLayer, modelConfig: JSON) throws(MartletError) -> KerasLayer {
    let ofLayer = layer.config["batch_input_shape"] ?? layer.config["batch_shape"]
    guard let shape = ofLayer ?? modelConfig["build_input_shape"] else {
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
      if layer.className != "InputLayer" {
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

  // MARK: Writing

  /// A chain becomes a Sequential model, anything else a Functional one.
  ///
  /// - Throws: `unsupported` if Keras has no such layer.
  static func text(_ graph: Graph) throws(MartletError) -> String { try json(graph).text() }

  static func json(_ graph: Graph) throws(MartletError) -> JSON {
    let isInGraph = !graph.isChain
    /// The result of each node, and the calls of each layer.
    var tensors: [KerasTensor] = []
    var calls = [[[KerasTensor]]](repeating: [], count: graph.layers.count)
    var rows = [Shape?](repeating: nil, count: graph.layers.count)
    for node in graph.nodes {
      tensors.append(KerasTensor(layer: graph.layers[node.layer].name, call: calls[node.layer].count))
      calls[node.layer].append(node.inputs.map { tensors[$0] })
      rows[node.layer] = rows[node.layer] ?? node.inputs.first.map { graph.nodes[$0].shape } ?? node.shape
    }
    var layers: [JSON] = []
    for (index, layer) in graph.layers.enumerated() {
      guard let row = rows[index] else { continue }
      layers.append(try KerasLayer(layer, row: row).json(calls: isInGraph ? calls[index] : nil))
    }
    var config: [String: JSON] = ["name": .string(graph.name), "layers": .array(layers)]
    if isInGraph {
      config["trainable"] = .bool(true)
      config["input_layers"] = .array(graph.inputs.map { .array(tensors[$0].json) })
      config["output_layers"] = .array(graph.outputs.map { .array(tensors[$0].json) })
    }
    return JSON.keras(isInGraph ? "Functional" : "Sequential", config)
  }
}
