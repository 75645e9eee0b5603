// From a `Graph` to the JSON of Keras 2, which Keras 3 reads as well.

import MartletNN
import MartletCore

extension KerasConfiguration {
  /// - Throws: `unsupported` if Keras has no such layer.
  static func text(_ graph: Graph) throws(MartletError) -> String { try json(graph).text() }

  static func json(_ graph: Graph) throws(MartletError) -> JSON {
    let isInGraph = graph.className != "Sequential"
    let level = KerasLevel(graph)
    let names = level.members.map { member in
      switch member {
      case .layer(let index): graph.layers[index].name
      case .submodel(let index): graph.submodels[index].name
      }
    }
    func tensor(_ tensor: KerasLevel.Tensor) -> KerasTensor {
      let call = level.calls[tensor.call]
      return KerasTensor(layer: names[call.member], call: call.number, output: tensor.output)
    }
    var calls = [[KerasCall]](repeating: [], count: level.members.count)
    for call in level.calls {
      calls[call.member].append(KerasCall(tensors: call.inputs.map(tensor), isInference: call.isInference))
    }
    var layers: [JSON] = []
    for (number, member) in level.members.enumerated() {
      var json: JSON
      switch member {
      case .layer(let index):
        let row = graph.inputShapes(ofLayer: index).first ?? graph.outputShapes[0]
        json = try KerasLayer(graph.layers[index], row: row).json
      case .submodel(let index): json = try self.json(graph.graph(ofSubmodel: index).graph)
      }
      if isInGraph { json = json.called(names[number], calls[number]) }
      layers.append(json)
    }
    var config: [String: JSON] = ["name": .string(graph.name), "layers": .array(layers)]
    if isInGraph {
      // Keras 3 gives all layers what it finds here, so that it is left out where they differ.
      if graph.isFrozen { config["trainable"] = .bool(false) }
      config["input_layers"] = oneOrAll(level.inputs.map(tensor))
      config["output_layers"] = oneOrAll(
        level.outputs.map { output in
          var tensor = tensor(output)
          if case .submodel(let index) = level.members[level.calls[output.call].member],
            graph.submodels[index].className != "Sequential"
          {
            tensor.call += 1
          }
          return tensor
        })
    }
    return JSON.keras(graph.className, config)
  }

  /// Keras 3 takes a list of one for a model whose result is a list.
  private static func oneOrAll(_ tensors: [KerasTensor]) -> JSON {
    tensors.count == 1 ? .array(tensors[0].json) : .array(tensors.map { .array($0.json) })
  }
}

extension JSON {
  /// A member of a Functional model's `layers`.
  fileprivate func called(_ name: String, _ calls: [KerasCall]) -> JSON {
    guard case .object(var members) = self else { return self }
    members["name"] = .string(name)
    members["inbound_nodes"] = .array(
      calls.filter { !$0.tensors.isEmpty }.map { call in
        let arguments: [String: JSON] = call.isInference ? ["training": .bool(false)] : [:]
        return .array(call.tensors.map { .array($0.json + [.object(arguments)]) })
      })
    return .object(members)
  }
}
