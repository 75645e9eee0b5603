// martlet.h: Models: files; Prediction.

import CMartlet
import MartletCore
import MartletIO
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

@_cdecl("martlet_predict") @implementation
public func martlet_predict(
  _ model: OpaquePointer?, _ x: UnsafePointer<martlet_array>?, _ out_y: UnsafeMutablePointer<Float>?, _ y_count: Int64
) -> martlet_status {
  withModel(model, .inspect) { model in
    let x = try ArrayArgument(x, "x")
    let y = try required(out_y, "out_y")
    let built = try model.requireBuilt()
    try x.checkRows(built.inputShape, ofModel: model.name)
    try built.checkOutputCount(y_count, "y_count", rows: x.rowCount)
    try built.predictor.predict(
      x.data, type: x.type.sourceType, elementByteCount: x.type.byteCount, rowCount: x.rowCount, into: y,
      threads: Engine.threads)
  }
}
