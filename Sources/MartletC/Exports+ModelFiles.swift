// martlet.h: Models: files.

import CMartlet
import MartletCore
import MartletIO
import MartletNN
import MartletTraining

@_cdecl("martlet_model_save") @implementation
public func martlet_model_save(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> martlet_status {
  withModel(model, .inspect) { model in
    let path = try nonEmptyString(path, "path")
    try ModelFile.save(try model.requireBuilt().model, path: path)
  }
}

@_cdecl("martlet_model_load") @implementation
public func martlet_model_load(
  _ path: UnsafePointer<CChar>?, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_model, "out_model")
    let path = try nonEmptyString(path, "path")
    let model = try ModelFile.load(path: path)
    result.pointee = try naming(path) { () throws(MartletError) in try ModelHandle(model) }.passToC()
  }
}

@_cdecl("martlet_model_load_replacing") @implementation
public func martlet_model_load_replacing(
  _ path: UnsafePointer<CChar>?, _ count: Int32, _ layers: UnsafePointer<UnsafePointer<CChar>?>?,
  _ json: UnsafePointer<UnsafePointer<CChar>?>?, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_model, "out_model")
    let path = try nonEmptyString(path, "path")
    let layers = try required(layers, "layers")
    let json = try required(json, "json")
    guard (1...GraphBuilder.maximumLayerCount).contains(Int(count)) else {
      throw MartletError(.invalidArgument, "count is \(count); it must be 1 to \(GraphBuilder.maximumLayerCount)")
    }
    var replacing: [ModelFile.Replacement] = []
    for index in 0..<Int(count) {
      let text = try longText(json[index], "json[\(index)]", maximumLength: ModelText.maximumByteCount)
      replacing.append(ModelFile.Replacement(layer: try string(layers[index], "layers[\(index)]"), json: text))
    }
    let model = try ModelFile.load(path: path, replacing: replacing)
    result.pointee = try naming(path) { () throws(MartletError) in try ModelHandle(model) }.passToC()
  }
}

@_cdecl("martlet_model_save_memory") @implementation
public func martlet_model_save_memory(
  _ model: OpaquePointer?, _ out_bytes: UnsafeMutableRawPointer?, _ room: Int64,
  _ out_count: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_count, "out_count")
    let room = try count(room, "room", minimum: 0)
    let image = try ModelFile.bytes(of: try model.requireBuilt().model)
    if let out_bytes {
      guard room >= image.byteCount else {
        throw MartletError(
          .invalidArgument, "room is \(room); the file of \(model.description) has \(image.byteCount) bytes")
      }
      withExtendedLifetime(image.storage) {
        out_bytes.copyMemory(from: image.storage.base, byteCount: image.byteCount)
      }
    }
    result.pointee = Int64(image.byteCount)
  }
}

@_cdecl("martlet_model_load_memory") @implementation
public func martlet_model_load_memory(
  _ bytes: UnsafeRawPointer?, _ count: Int64, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_model, "out_model")
    guard let bytes else { throw MartletError(.invalidArgument, "bytes is NULL") }
    let count = try MartletC.count(count, "count", minimum: 1)
    let model = try ModelFile.load(memory: UnsafeRawBufferPointer(start: bytes, count: count), name: "bytes")
    result.pointee = try naming("bytes") { () throws(MartletError) in try ModelHandle(model) }.passToC()
  }
}

@_cdecl("martlet_model_save_weights") @implementation
public func martlet_model_save_weights(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> martlet_status {
  withModel(model, .inspect) { model in
    let path = try nonEmptyString(path, "path")
    try WeightsFile.save(try model.requireBuilt().model, path: path)
  }
}

@_cdecl("martlet_model_load_weights") @implementation
public func martlet_model_load_weights(
  _ model: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ by_name: Int32, _ skip_mismatch: Int32,
  _ out_skipped: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withModel(model, .change) { model in
    let path = try nonEmptyString(path, "path")
    let byName = try flag(by_name, "by_name")
    let skipMismatch = try flag(skip_mismatch, "skip_mismatch")
    let count = try out_skipped.map { try required($0, "out_skipped") }
    let built = try model.requireBuilt()
    let weights = try WeightsFile.read(path: path, for: built.model, byName: byName, skipMismatch: skipMismatch)
    try built.replaceWeights(by: weights)
    count?.pointee = Int32(clamping: weights.skipped.count)
  }
}

@_cdecl("martlet_model_skipped_layer") @implementation
public func martlet_model_skipped_layer(
  _ model: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ out_reason: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  nameAndText(model, index, out_name, out_reason, "out_reason", of: "layers that were skipped") {
    ($0.skippedNames, $0.skippedReasons)
  }
}

@_cdecl("martlet_model_training_config") @implementation
public func martlet_model_training_config(
  _ model: OpaquePointer?, _ out_text: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let result = try required(out_text, "out_text")
    result.pointee = try model.requireBuilt().trainingConfiguration[0]
  }
}

@_cdecl("martlet_model_to_json") @implementation
public func martlet_model_to_json(
  _ model: OpaquePointer?, _ out_text: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withModel(model, .adjust) { model in
    let result = try required(out_text, "out_text")
    result.pointee = try model.requireBuilt().text()
  }
}

@_cdecl("martlet_model_from_json") @implementation
public func martlet_model_from_json(
  _ text: UnsafePointer<CChar>?, _ seed: UInt64, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_model, "out_model")
    let text = try longText(text, "text", maximumLength: ModelText.maximumByteCount)
    let model = try ModelText.model(text, "text", seed: seed)
    result.pointee = try naming("text") { () throws(MartletError) in try ModelHandle(model) }.passToC()
  }
}
