// martlet.h: Models: looking inside.

import CMartlet
import MartletCore
import MartletNN

@_cdecl("martlet_model_name") @implementation
public func martlet_model_name(
  _ model: OpaquePointer?, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_name, "out_name")
    result.pointee = model.nameText[0]
  }
}

@_cdecl("martlet_model_summary") @implementation
public func martlet_model_summary(
  _ model: OpaquePointer?, _ out_text: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_text, "out_text")
    result.pointee = try model.requireBuilt().summary[0]
  }
}

@_cdecl("martlet_model_cost") @implementation
public func martlet_model_cost(
  _ model: OpaquePointer?, _ batch_size: Int64, _ out_cost: UnsafeMutablePointer<martlet_cost>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_cost, "out_cost")
    let rows = try count(batch_size, "batch_size", minimum: 1)
    let model = try model.requireBuilt().model
    let cost = try model.cost(rows: rows)
    try fill(
      result, "out_cost",
      with: martlet_cost(
        struct_size: 0, array_count: Int32(clamping: model.layout.parameters.count),
        weight_bytes: Int64(cost.weightBytes), prediction_bytes: Int64(cost.predictionBytes),
        training_bytes: Int64(cost.trainingBytes), prediction_flops: Int64(cost.predictionFlops),
        training_flops: Int64(cost.trainingFlops)))
  }
}

@_cdecl("martlet_model_parameter_count") @implementation
public func martlet_model_parameter_count(
  _ model: OpaquePointer?, _ out_total: UnsafeMutablePointer<Int64>?, _ out_trainable: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let total = try out_total.map { try required($0, "out_total") }
    let trainable = try out_trainable.map { try required($0, "out_trainable") }
    let layout = try model.requireBuilt().model.layout
    total?.pointee = Int64(layout.totalCount)
    trainable?.pointee = Int64(layout.trainableCount)
  }
}

@_cdecl("martlet_model_trainable") @implementation
public func martlet_model_trainable(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ out_trainable: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_trainable, "out_trainable")
    let built = try model.requireBuilt().model
    let layers = try built.layerIndices(named: try string(layer, "layer")).map { built.graph.layers[$0] }
    // Of a submodel, those count that have something to train.
    let counted = layers.count == 1 ? layers : layers.filter { !$0.weights.isEmpty }
    result.pointee = counted.isEmpty || counted.contains(where: \.isTrainable) ? 1 : 0
  }
}

@_cdecl("martlet_model_set_trainable") @implementation
public func martlet_model_set_trainable(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ trainable: Int32
) -> martlet_status {
  withModel(model, .change) { model in
    let built = try model.requireBuilt()
    let isTrainable = try flag(trainable, "trainable")
    let layers =
      try optionalString(layer, "layer").map { name in try built.model.layerIndices(named: name) }
      ?? Array(built.model.graph.layers.indices)
    try built.setTrainable(isTrainable, layers: layers)
  }
}

@_cdecl("martlet_model_input_count") @implementation
public func martlet_model_input_count(
  _ model: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: try model.requireBuilt().model.graph.inputs.count)
  }
}

@_cdecl("martlet_model_output_count") @implementation
public func martlet_model_output_count(
  _ model: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: try model.requireBuilt().model.graph.outputs.count)
  }
}

@_cdecl("martlet_model_input_name") @implementation
public func martlet_model_input_name(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_name, "out_name")
    let names = try model.requireBuilt().inputNames
    result.pointee = names[try checkedIndex(Int64(index), "index", count: names.count, of: "inputs")]
  }
}

@_cdecl("martlet_model_output_name") @implementation
public func martlet_model_output_name(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_name, "out_name")
    let names = try model.requireBuilt().outputNames
    result.pointee = names[try checkedIndex(Int64(index), "index", count: names.count, of: "outputs")]
  }
}

@_cdecl("martlet_model_input_shape") @implementation
public func martlet_model_input_shape(
  _ model: OpaquePointer?, _ index: Int32, _ out_rank: UnsafeMutablePointer<Int32>?,
  _ out_shape: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try ShapeResult(out_rank, out_shape)
    let shapes = try model.requireBuilt().model.graph.inputShapes
    result.write(shapes[try checkedIndex(Int64(index), "index", count: shapes.count, of: "inputs")])
  }
}

@_cdecl("martlet_model_output_shape") @implementation
public func martlet_model_output_shape(
  _ model: OpaquePointer?, _ index: Int32, _ out_rank: UnsafeMutablePointer<Int32>?,
  _ out_shape: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try ShapeResult(out_rank, out_shape)
    let shapes = try model.requireBuilt().model.graph.outputShapes
    result.write(shapes[try checkedIndex(Int64(index), "index", count: shapes.count, of: "outputs")])
  }
}

@_cdecl("martlet_model_layer_count") @implementation
public func martlet_model_layer_count(
  _ model: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: try model.requireBuilt().layerNames.count)
  }
}

@_cdecl("martlet_model_layer") @implementation
public func martlet_model_layer(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_class: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  nameAndText(model, index, out_name, out_class, "out_class", of: "layers") { ($0.layerNames, $0.layerClasses) }
}

@_cdecl("martlet_model_submodel_count") @implementation
public func martlet_model_submodel_count(
  _ model: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: try model.requireBuilt().submodelNames.count)
  }
}

@_cdecl("martlet_model_submodel") @implementation
public func martlet_model_submodel(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_class: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  nameAndText(model, index, out_name, out_class, "out_class", of: "submodels") {
    ($0.submodelNames, $0.submodelClasses)
  }
}

/// An export that passes out a name and a text that belongs to it, such as a Keras class, where they are wanted.
func nameAndText(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_text: UnsafeMutablePointer<UnsafePointer<CChar>?>?, _ textName: String, of things: String,
  _ tables: (BuiltModel) -> (names: StringTable, texts: StringTable)
) -> martlet_status {
  withModel(model, .inspect) { model in
    let name = try out_name.map { try required($0, "out_name") }
    let text = try out_text.map { try required($0, textName) }
    let (names, texts) = tables(try model.requireBuilt())
    let index = try checkedIndex(Int64(index), "index", count: names.count, of: things)
    name?.pointee = names[index]
    text?.pointee = texts[index]
  }
}

@_cdecl("martlet_model_layer_input_count") @implementation
public func martlet_model_layer_input_count(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    let model = try model.requireBuilt().model
    let layer = try model.layerIndex(named: string(layer, "layer"))
    result.pointee = Int32(clamping: model.graph.inputShapes(ofLayer: layer).count)
  }
}

@_cdecl("martlet_model_layer_input_shape") @implementation
public func martlet_model_layer_input_shape(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ index: Int32, _ out_rank: UnsafeMutablePointer<Int32>?,
  _ out_shape: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try ShapeResult(out_rank, out_shape)
    let model = try model.requireBuilt().model
    let layer = try string(layer, "layer")
    let shapes = model.graph.inputShapes(ofLayer: try model.layerIndex(named: layer))
    result.write(shapes[try checkedIndex(Int64(index), "index", count: shapes.count, of: "inputs of layer '\(layer)'")])
  }
}

@_cdecl("martlet_model_weight_count") @implementation
public func martlet_model_weight_count(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    let model = try model.requireBuilt().model
    let layer = try model.layerIndex(named: string(layer, "layer"))
    result.pointee = Int32(clamping: model.layout.range(ofLayer: layer).count)
  }
}

@_cdecl("martlet_model_weight") @implementation
public func martlet_model_weight(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ index: Int32,
  _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?, _ out_rank: UnsafeMutablePointer<Int32>?,
  _ out_shape: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let name = try out_name.map { try required($0, "out_name") }
    let rank = try out_rank.map { try required($0, "out_rank") }
    let dimensions = try out_shape.map { try required($0, "out_shape") }
    let built = try model.requireBuilt()
    let layer = try string(layer, "layer")
    let range = built.model.layout.range(ofLayer: try built.model.layerIndex(named: layer))
    let position = try checkedIndex(Int64(index), "index", count: range.count, of: "weights in layer '\(layer)'")
    let parameter = range.lowerBound + position
    let shape = built.model.layout.parameters[parameter].shape
    name?.pointee = built.weightNames[parameter]
    rank?.pointee = Int32(clamping: shape.rank)
    if let dimensions {
      ShapeResult.write(shape, to: dimensions)
    }
  }
}

@_cdecl("martlet_model_get_weight") @implementation
public func martlet_model_get_weight(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ weight: UnsafePointer<CChar>?,
  _ out_values: UnsafeMutablePointer<Float>?, _ count: Int64
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_values, "out_values")
    let built = try model.requireBuilt()
    let parameter = try built.parameter(layer: layer, weight: weight, count: count)
    result.update(from: built.model.values + parameter.offset, count: parameter.count)
  }
}

@_cdecl("martlet_model_set_weight") @implementation
public func martlet_model_set_weight(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ weight: UnsafePointer<CChar>?,
  _ values: UnsafePointer<Float>?, _ count: Int64
) -> martlet_status {
  withModel(model, .change) { model in
    let values = try required(values, "values")
    let built = try model.requireBuilt()
    let parameter = try built.parameter(layer: layer, weight: weight, count: count)
    try checkFinite(values, "values", count: parameter.count)
    (built.model.valuesToChange() + parameter.offset).update(from: values, count: parameter.count)
  }
}

@_cdecl("martlet_model_set_class_names") @implementation
public func martlet_model_set_class_names(
  _ model: OpaquePointer?, _ count: Int32, _ names: UnsafePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .change) { model in
    let built = try model.requireBuilt()
    let classCount = built.model.graph.outputShapes[0].lastDimension
    guard count == 0 || Int(count) == classCount else {
      throw MartletError(
        .invalidArgument,
        "count is \(count); the first output of \(model.description) has \(classCount) classes, so it must be that or 0"
      )
    }
    try built.setClassNames(try classNames(names, count: Int(count)))
  }
}

@_cdecl("martlet_model_class_count") @implementation
public func martlet_model_class_count(
  _ model: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: try model.requireBuilt().classNames.count)
  }
}

@_cdecl("martlet_model_class_name") @implementation
public func martlet_model_class_name(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_name, "out_name")
    let names = try model.requireBuilt().classNames
    result.pointee = names[try checkedIndex(Int64(index), "index", count: names.count, of: "class names")]
  }
}
