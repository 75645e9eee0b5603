// martlet.h: Prediction; Prediction for datasets.

import CMartlet
import MartletCore
import MartletIO
import MartletKernels
import MartletNN
import MartletTraining

@_cdecl("martlet_predict") @implementation
public func martlet_predict(
  _ model: OpaquePointer?, _ x: UnsafePointer<martlet_array>?, _ x_count: Int32,
  _ out_y: UnsafeMutablePointer<Float>?, _ y_count: Int64
) -> martlet_status {
  withModel(model, .inspect) { model in
    let y = try required(out_y, "out_y")
    let built = try model.requireBuilt()
    let x = try ArrayArgument.inputs(x, x_count, "x", of: built.model)
    let rowCount = x[0].rowCount
    try built.checkOutputCount(y_count, "y_count", rows: rowCount)
    try built.predictor.predict(x.map(\.inputRows), rowCount: rowCount, into: y, threads: Engine.threads)
  }
}

@_cdecl("martlet_predict_double") @implementation
public func martlet_predict_double(
  _ model: OpaquePointer?, _ x: UnsafePointer<martlet_array>?, _ x_count: Int32,
  _ out_y: UnsafeMutablePointer<Double>?, _ y_count: Int64
) -> martlet_status {
  withModel(model, .inspect) { model in
    let y = try required(out_y, "out_y")
    let built = try model.requireBuilt()
    let x = try ArrayArgument.inputs(x, x_count, "x", of: built.model)
    let rowCount = x[0].rowCount
    try built.checkOutputCount(y_count, "y_count", rows: rowCount)
    try built.predictor.predictInDouble(
      x.map(\.inputRows), rowCount: rowCount, into: y, reference: .reference, threads: Engine.threads)
  }
}

@_cdecl("martlet_predict_dataset") @implementation
public func martlet_predict_dataset(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ out_y: UnsafeMutablePointer<Float>?, _ y_count: Int64
) -> martlet_status {
  withModel(model, .inspect) { model in
    let y = try required(out_y, "out_y")
    let built = try model.requireBuilt()
    let dataset = try DatasetHandle.object(dataset, "dataset")
    try dataset.with(.read) {
      try built.checkOutputCount(y_count, "y_count", rows: dataset.dataset.count)
      try built.predict(dataset.dataset, into: y)
    }
  }
}

@_cdecl("martlet_write_predictions") @implementation
public func martlet_write_predictions(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ output: Int32, _ path: UnsafePointer<CChar>?,
  _ first_id: Int64
) -> martlet_status {
  withModel(model, .inspect) { model in
    let path = try nonEmptyString(path, "path")
    let built = try model.requireBuilt()
    let shapes = built.model.graph.outputShapes
    let output = try checkedIndex(Int64(output), "output", count: shapes.count, of: "outputs")
    let dataset = try DatasetHandle.object(dataset, "dataset")
    let classNames = output == 0 ? built.model.classNames : []
    try dataset.with(.read) {
      let data = dataset.dataset
      let values = try TensorStorage(
        count: try built.outputCount(rows: data.count), of: Float.self, purpose: "predictions of \(data.count) rows")
      try built.predict(data, into: values.pointer(as: Float.self))
      let predictions = Predictions(
        storage: values, first: shapes[..<output].reduce(0) { $0 + $1.elementCount } * data.count,
        rowCount: data.count, rowShape: shapes[output], classNames: classNames)
      try PredictionFile.write(predictions, path: path, firstID: first_id)
    }
  }
}

@_cdecl("martlet_write_features") @implementation
public func martlet_write_features(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> martlet_status {
  withModel(model, .inspect) { model in
    let path = try nonEmptyString(path, "path")
    let built = try model.requireBuilt()
    try checkFeatures(built.model.graph)
    let dataset = try DatasetHandle.object(dataset, "dataset")
    try dataset.with(.read) {
      let data = dataset.dataset
      guard data.targets.count <= 1 else {
        throw MartletError(
          .invalidArgument, "the dataset has \(data.targets.count) y; features are written with 1 or none")
      }
      let values = try TensorStorage(
        count: try built.outputCount(rows: data.count), of: Float.self, purpose: "features of \(data.count) rows")
      try built.predict(data, into: values.pointer(as: Float.self))
      let features = Predictions(
        storage: values, first: 0, rowCount: data.count, rowShape: built.model.graph.outputShapes[0], classNames: [])
      try FeatureFile.write(features, of: data, kernels: Engine.kernels, path: path)
    }
  }
}

/// Features that are computed once for all epochs must be the same in each.
private func checkFeatures(_ graph: Graph) throws(MartletError) {
  guard graph.outputs.count == 1 else {
    throw MartletError(
      .invalidArgument, "model '\(graph.name)' has \(graph.outputs.count) outputs; features are those of 1")
  }
  if let layer = graph.randomLayer {
    throw MartletError(
      .invalidArgument,
      "layer '\(layer.name)' (\(layer.layer.className)) of model '\(graph.name)' is random in training: its features differ "
        + "from epoch to epoch; remove it, cut the model before it, or train the whole")
  }
  if let layer = graph.trainedLayer {
    throw MartletError(
      .invalidArgument,
      "layer '\(layer.name)' (\(layer.layer.className)) of model '\(graph.name)' is trained, so that its features change; "
        + "freeze it with martlet_model_set_trainable")
  }
}
