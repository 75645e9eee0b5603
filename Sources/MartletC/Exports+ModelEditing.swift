// martlet.h: Models: copies and changes.

import CMartlet
import MartletCore
import MartletIO
import MartletNN

@_cdecl("martlet_model_copy") @implementation
public func martlet_model_copy(
  _ model: OpaquePointer?, _ out_copy: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_copy, "out_copy")
    result.pointee = try ModelHandle(try model.requireBuilt().model.copy()).passToC()
  }
}

@_cdecl("martlet_model_clone") @implementation
public func martlet_model_clone(
  _ model: OpaquePointer?, _ seed: UInt64, _ out_clone: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_clone, "out_clone")
    result.pointee = try ModelHandle(try model.requireBuilt().model.clone(seed: seed)).passToC()
  }
}

@_cdecl("martlet_model_copy_submodel") @implementation
public func martlet_model_copy_submodel(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ out_copy: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_copy, "out_copy")
    let name = try string(name, "name")
    result.pointee = try ModelHandle(try model.requireBuilt().model.submodel(named: name)).passToC()
  }
}

@_cdecl("martlet_model_cut") @implementation
public func martlet_model_cut(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ out_lower: UnsafeMutablePointer<OpaquePointer?>?,
  _ out_upper: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let lowerResult = try out_lower.map { try required($0, "out_lower") }
    let upperResult = try out_upper.map { try required($0, "out_upper") }
    let (lower, upper) = try model.requireBuilt().model.cut(after: try string(layer, "layer"))
    let (first, second) = (try ModelHandle(lower), try ModelHandle(upper))
    lowerResult?.pointee = first.passToC()
    upperResult?.pointee = second.passToC()
  }
}

@_cdecl("martlet_model_rename_layer") @implementation
public func martlet_model_rename_layer(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ name: UnsafePointer<CChar>?
) -> martlet_status {
  withModel(model, .change) { model in
    let index = try model.requireBuilt().model.layerIndex(named: try string(layer, "layer"))
    let name = try string(name, "name")
    try model.edit { graph throws(MartletError) in try graph.renaming(layer: index, to: name) }
  }
}

@_cdecl("martlet_model_remove_layer") @implementation
public func martlet_model_remove_layer(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?
) -> martlet_status {
  withModel(model, .change) { model in
    let index = try model.requireBuilt().model.layerIndex(named: try string(layer, "layer"))
    try model.edit { graph throws(MartletError) in try graph.removing(layer: index) }
  }
}

@_cdecl("martlet_model_replace_layer") @implementation
public func martlet_model_replace_layer(
  _ model: OpaquePointer?, _ layer: UnsafePointer<CChar>?, _ json: UnsafePointer<CChar>?
) -> martlet_status {
  withModel(model, .change) { model in
    let layer = try string(layer, "layer")
    let index = try model.requireBuilt().model.layerIndex(named: layer)
    let json = try longText(json, "json", maximumLength: ModelText.maximumByteCount)
    try model.edit { graph throws(MartletError) in
      let new = try ModelText.layer(json, "json", name: Submodel.name(layer), rows: graph.inputShapes(ofLayer: index))
      return try graph.replacing(layer: index, with: new.layer, name: new.name, isTrainable: new.isTrainable)
    }
  }
}
