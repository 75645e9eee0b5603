// martlet.h: Datasets.

import CMartlet
import MartletCore
import MartletIO
import MartletTraining

@_cdecl("martlet_dataset_create") @implementation
public func martlet_dataset_create(
  _ x: UnsafePointer<martlet_array>?, _ y: UnsafePointer<martlet_array>?, _ copy: Int32,
  _ out_dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_dataset, "out_dataset")
    guard x != nil || y != nil else { throw MartletError(.invalidArgument, "x and y are both NULL") }
    let x = try x.map { try ArrayArgument($0, "x") }
    let y = try y.map { try ArrayArgument($0, "y") }
    if let x, let y, y.rowCount != x.rowCount {
      throw MartletError(.invalidArgument, "x has \(x.rowCount) rows and y has \(y.rowCount)")
    }
    let isCopied = try flag(copy, "copy")
    let dataset = try Dataset(x: x?.source(isCopied: isCopied), y: y?.source(isCopied: isCopied))
    result.pointee = try DatasetHandle(dataset).passToC()
  }
}

@_cdecl("martlet_dataset_open") @implementation
public func martlet_dataset_open(
  _ path: UnsafePointer<CChar>?, _ x_name: UnsafePointer<CChar>?, _ y_name: UnsafePointer<CChar>?,
  _ out_dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_dataset, "out_dataset")
    let path = try nonEmptyString(path, "path")
    guard x_name != nil || y_name != nil else {
      throw MartletError(.invalidArgument, "x_name and y_name are both NULL")
    }
    let x = try x_name.map { try nonEmptyString($0, "x_name") }
    let y = try y_name.map { try nonEmptyString($0, "y_name") }
    result.pointee = try DatasetHandle(DatasetFile.open(path: path, x: x, y: y)).passToC()
  }
}

@_cdecl("martlet_dataset_destroy") @implementation
public func martlet_dataset_destroy(_ dataset: OpaquePointer?) {
  DatasetHandle.destroy(dataset)
}

@_cdecl("martlet_dataset_rows") @implementation
public func martlet_dataset_rows(
  _ dataset: OpaquePointer?, _ begin: Int64, _ end: Int64, _ out_dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try required(out_dataset, "out_dataset")
    let rows = Int64(dataset.dataset.count)
    guard begin >= 0, begin < end, end <= rows else {
      throw MartletError(
        .invalidArgument,
        "begin is \(begin) and end is \(end); 0 <= begin < end <= \(rows), the number of rows, must hold")
    }
    result.pointee = try DatasetHandle(dataset.dataset.rows(Int(begin), Int(end))).passToC()
  }
}

@_cdecl("martlet_dataset_split") @implementation
public func martlet_dataset_split(
  _ dataset: OpaquePointer?, _ fraction: Double, _ shuffle: Int32, _ seed: UInt64,
  _ out_first: UnsafeMutablePointer<OpaquePointer?>?, _ out_second: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let firstResult = try required(out_first, "out_first")
    let secondResult = try required(out_second, "out_second")
    guard firstResult != secondResult else {
      throw MartletError(.invalidArgument, "out_first and out_second are the same pointer")
    }
    let (first, second) = try dataset.dataset.split(
      fraction: fraction, shuffle: flag(shuffle, "shuffle"), seed: seed)
    let handles = (try DatasetHandle(first), try DatasetHandle(second))
    firstResult.pointee = handles.0.passToC()
    secondResult.pointee = handles.1.passToC()
  }
}

@_cdecl("martlet_dataset_zip") @implementation
public func martlet_dataset_zip(
  _ datasets: UnsafePointer<OpaquePointer?>?, _ count: Int32, _ out_dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_dataset, "out_dataset")
    let count = try MartletC.count(Int64(count), "count", minimum: 1)
    let datasets = try required(datasets, "datasets")
    var parts: [Dataset] = []
    for index in 0..<count {
      let part = try DatasetHandle.object(datasets[index], "datasets[\(index)]")
      try part.with(.read) { parts.append(part.dataset) }
    }
    result.pointee = try DatasetHandle(Dataset.zip(parts)).passToC()
  }
}

@_cdecl("martlet_dataset_set_sample_weights") @implementation
public func martlet_dataset_set_sample_weights(
  _ dataset: OpaquePointer?, _ weights: UnsafePointer<martlet_array>?, _ copy: Int32
) -> martlet_status {
  withDataset(dataset, .change) { dataset in
    let isCopied = try flag(copy, "copy")
    let weights = try weights.map { try ArrayArgument($0, "weights") }
    try dataset.dataset.setSampleWeights(weights?.source(isCopied: isCopied))
  }
}

@_cdecl("martlet_dataset_length") @implementation
public func martlet_dataset_length(
  _ dataset: OpaquePointer?, _ out_length: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try required(out_length, "out_length")
    result.pointee = Int64(dataset.dataset.count)
  }
}

@_cdecl("martlet_dataset_x_count") @implementation
public func martlet_dataset_x_count(
  _ dataset: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: dataset.dataset.inputs.count)
  }
}

@_cdecl("martlet_dataset_y_count") @implementation
public func martlet_dataset_y_count(
  _ dataset: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: dataset.dataset.targets.count)
  }
}

@_cdecl("martlet_dataset_x_shape") @implementation
public func martlet_dataset_x_shape(
  _ dataset: OpaquePointer?, _ index: Int32, _ out_rank: UnsafeMutablePointer<Int32>?,
  _ out_shape: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try ShapeResult(out_rank, out_shape)
    result.write(try rowShape(index, of: dataset.dataset.inputs, "x"))
  }
}

@_cdecl("martlet_dataset_y_shape") @implementation
public func martlet_dataset_y_shape(
  _ dataset: OpaquePointer?, _ index: Int32, _ out_rank: UnsafeMutablePointer<Int32>?,
  _ out_shape: UnsafeMutablePointer<Int64>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try ShapeResult(out_rank, out_shape)
    result.write(try rowShape(index, of: dataset.dataset.targets, "y"))
  }
}

/// - Throws: `notFound` if there are none of these arrays, `invalidArgument` for an index out of range.
private func rowShape(_ index: Int32, of arrays: [DatasetArray], _ name: String) throws(MartletError) -> Shape {
  guard !arrays.isEmpty else { throw MartletError(.notFound, "the dataset has no \(name)") }
  return arrays[try checkedIndex(Int64(index), "index", count: arrays.count, of: name)].rowShape
}

@_cdecl("martlet_dataset_set_scaling") @implementation
public func martlet_dataset_set_scaling(
  _ dataset: OpaquePointer?, _ scale: Double, _ offset: Double
) -> martlet_status {
  withDataset(dataset, .change) { dataset in
    let scale = try finiteFloat(scale, "scale")
    let offset = try finiteFloat(offset, "offset")
    try dataset.dataset.setScaling(scale: scale, offset: offset)
  }
}

@_cdecl("martlet_dataset_statistics") @implementation
public func martlet_dataset_statistics(
  _ dataset: OpaquePointer?, _ count: Int64, _ out_mean: UnsafeMutablePointer<Float>?,
  _ out_variance: UnsafeMutablePointer<Float>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    try dataset.dataset.statistics(
      count: Int(clamping: count), kernels: Engine.kernels,
      mean: out_mean.map { try required($0, "out_mean") },
      variance: out_variance.map { try required($0, "out_variance") })
  }
}

@_cdecl("martlet_dataset_set_class_names") @implementation
public func martlet_dataset_set_class_names(
  _ dataset: OpaquePointer?, _ count: Int32, _ names: UnsafePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withDataset(dataset, .change) { dataset in
    guard count >= 0 else { throw MartletError(.invalidArgument, "count is \(count); it must be 0 or more") }
    try dataset.setClassNames(try classNames(names, count: Int(count)))
  }
}

@_cdecl("martlet_dataset_class_count") @implementation
public func martlet_dataset_class_count(
  _ dataset: OpaquePointer?, _ out_count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try required(out_count, "out_count")
    result.pointee = Int32(clamping: dataset.classNames.count)
  }
}

@_cdecl("martlet_dataset_class_name") @implementation
public func martlet_dataset_class_name(
  _ dataset: OpaquePointer?, _ index: Int32, _ out_name: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> martlet_status {
  withDataset(dataset, .read) { dataset in
    let result = try required(out_name, "out_name")
    let names = dataset.classNames
    result.pointee = names[try checkedIndex(Int64(index), "index", count: names.count, of: "class names")]
  }
}
