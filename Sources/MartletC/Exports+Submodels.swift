// martlet.h: Models: building; models as layers.

import CMartlet
import MartletCore
import MartletNN

@_cdecl("martlet_submodel") @implementation
public func martlet_submodel(
  _ model: OpaquePointer?, _ submodel: OpaquePointer?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ options: UnsafePointer<martlet_submodel_options>?, _ output_count: Int32,
  _ out_nodes: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let results = try required(out_nodes, "out_nodes")
    let part = try ModelHandle.object(submodel, "submodel")
    guard part !== model else {
      throw MartletError(.invalidArgument, "submodel is \(model.description) itself; a model cannot be its own layer")
    }
    let inputs = try nodes(inputs, input_count, "input")
    let options = try MartletC.options(options, "martlet_submodel_options")
    let isInference = try options.map { try flag($0.inference, "inference") } ?? false
    let name = try optionalString(options?.name, "name")
    let outputs = try part.with(.read) {
      let part = try part.requireBuilt().model
      try checkOutputs(output_count, part.graph.outputs.count, of: part.graph.name)
      return try model.add(submodel: part, name: name, inputs: inputs, isInference: isInference)
    }
    for (index, node) in outputs.enumerated() { results[index] = node }
  }
}

@_cdecl("martlet_share_submodel") @implementation
public func martlet_share_submodel(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ inference: Int32, _ output_count: Int32, _ out_nodes: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let results = try required(out_nodes, "out_nodes")
    let name = try string(name, "name")
    try checkOutputs(output_count, try model.outputCount(ofSubmodel: name), of: name)
    let outputs = try model.share(
      submodel: name, inputs: try nodes(inputs, input_count, "input"), isInference: try flag(inference, "inference"))
    for (index, node) in outputs.enumerated() { results[index] = node }
  }
}

/// - Throws: `invalidArgument` if the room for results is not what the submodel needs.
private func checkOutputs(_ count: Int32, _ expected: Int, of name: String) throws(MartletError) {
  guard Int(count) == expected else {
    let outputs = expected == 1 ? "output" : "outputs"
    throw MartletError(.invalidArgument, "output_count is \(count); submodel '\(name)' has \(expected) \(outputs)")
  }
}
