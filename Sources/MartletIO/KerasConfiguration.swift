// `model_config`, the JSON in which Keras keeps a network: Sequential and Functional models of Keras 2 and 3, to a `Graph`
// and back. The layers themselves are KerasLayer's business.

import MartletCore
import MartletNN

struct KerasConfiguration {
  private let name: String
  private let layers: [KerasLayer]
  private let output: String?

  /// Layers that a file may have. Deep networks have some hundred.
  static let maximumLayerCount = 4096

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
      output = layers.last?.name
    case "Functional", "Model":
      layers = try KerasConfiguration.functionalLayers(config)
      output = try KerasConfiguration.outputLayer(config)
    default: throw MartletError(.unsupported, "a model of class \(className) is not supported")
    }
    guard layers.count <= KerasConfiguration.maximumLayerCount else {
      throw MartletError(
        .unsupported,
        "a model of \(layers.count) layers; at most \(KerasConfiguration.maximumLayerCount) are supported")
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
      var builder = try GraphBuilder(name: name)
      var nodes: [String: Int] = [:]
      var waiting = layers
      while !waiting.isEmpty {
        var stillWaiting: [KerasLayer] = []
        for layer in waiting {
          let inputs = layer.inputs.compactMap { nodes[$0] }
          guard inputs.count == layer.inputs.count else {
            stillWaiting.append(layer)
            continue
          }
          let row = inputs.first.map { builder.nodes[$0].shape }
          nodes[layer.name] = try builder.add(
            try layer.layer(row: row, statistics: statistics[layer.name]), name: layer.name, inputs: inputs,
            isTrainable: layer.isTrainable)
        }
        guard stillWaiting.count < waiting.count else {
          throw stillWaiting[0].error(.formatError, "reads from a layer that is missing or reads from it in turn")
        }
        waiting = stillWaiting
      }
      guard let output, let node = nodes[output] else {
        throw MartletError(.formatError, "the model has no layer that is its output")
      }
      return try builder.build(outputs: [node])
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
      layer.inputs = layers.last.map { [$0.name] } ?? []
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
      try layer.readInputs(json["inbound_nodes"])
      layers.append(layer)
    }
    return layers
  }

  /// `["dense", 0, 0]` or `[["dense", 0, 0]]`.
  private static func outputLayer(_ config: JSON) throws(MartletError) -> String {
    guard let list = config["output_layers"]?.arrayValue, let first = list.first else {
      throw MartletError(.formatError, "the Functional model has no 'output_layers'")
    }
    if let name = first.stringValue { return name }
    guard list.count == 1 else {
      throw MartletError(.unsupported, "a model with \(list.count) outputs is not supported")
    }
    guard let name = first.arrayValue?.first?.stringValue else {
      throw MartletError(.formatError, "the Functional model has 'output_layers' that cannot be understood")
    }
    return name
  }

  // MARK: Writing

  /// A chain becomes a Sequential model, anything else a Functional one.
  ///
  /// - Throws: `unsupported` if Keras has no such layer.
  static func text(_ graph: Graph) throws(MartletError) -> String { try json(graph).text() }

  static func json(_ graph: Graph) throws(MartletError) -> JSON {
    let isInGraph = !graph.isChain
    var layers: [JSON] = []
    for node in graph.nodes {
      let row = node.inputs.first.map { graph.nodes[$0].shape } ?? node.shape
      var layer = try KerasLayer(graph.layers[node.layer], row: row)
      layer.inputs = node.inputs.map { graph.layerName(ofNode: $0) }
      layers.append(layer.json(isInGraph: isInGraph))
    }
    var config: [String: JSON] = ["name": .string(graph.name), "layers": .array(layers)]
    if isInGraph {
      func ends(_ nodes: [Int]) -> JSON {
        .array(nodes.map { .array([.string(graph.layerName(ofNode: $0)), .integer(0), .integer(0)]) })
      }
      config["trainable"] = .bool(true)
      config["input_layers"] = ends(graph.inputs)
      config["output_layers"] = ends(graph.outputs)
    }
    return JSON.keras(isInGraph ? "Functional" : "Sequential", config)
  }
}
