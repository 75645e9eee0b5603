// Datasets in HDF5 files: inputs and targets, each a dataset of numbers [N, ...].
//
//     x   attributes scale, offset: training feeds x * scale + offset
//     y   attribute class_names: what labels 0, 1, ... stand for

import MartletCore
import MartletNN
import MartletTraining

package enum DatasetFile {
  /// Read inputs and targets into memory.
  ///
  /// - Parameters:
  ///   - x: path of the inputs inside the file, such as `x_train` or `train/images`; nil for none.
  ///   - y: path of the targets; nil for none.
  /// - Throws: `notFound`, `ioError`, `formatError`, `unsupported`, `outOfMemory`; `invalidArgument` if there are no
  ///   rows, or x and y differ in their number.
  package static func open(path: String, x: String?, y: String?) throws(MartletError) -> Dataset {
    try HDF5Library.exclusively { () throws(MartletError) in
      let file = try HDF5File(path: path)
      let root = try file.root()
      let inputs = try x.map { path throws(MartletError) in try Inputs(try object(path, in: root)) }
      let targets = try y.map { path throws(MartletError) in try Targets(try object(path, in: root)) }
      var dataset = try Dataset(x: inputs?.rows, y: targets?.rows)
      if let inputs { try dataset.setScaling(scale: inputs.scale, offset: inputs.offset) }
      dataset.classNames = targets?.classNames ?? []
      return dataset
    }
  }

  private struct Inputs {
    let rows: MemorySource
    let scale: Float
    let offset: Float

    init(_ object: borrowing HDF5Object) throws(MartletError) {
      rows = try DatasetFile.rows(of: object)
      scale = try DatasetFile.factor("scale", of: object) ?? 1
      offset = try DatasetFile.factor("offset", of: object) ?? 0
    }
  }

  private struct Targets {
    let rows: MemorySource
    let classNames: [String]

    init(_ object: borrowing HDF5Object) throws(MartletError) {
      rows = try DatasetFile.rows(of: object)
      classNames = try object.strings("class_names") ?? []
    }
  }

  private static func object(_ path: String, in root: borrowing HDF5Object) throws(MartletError) -> HDF5Object {
    let names = path.split(separator: "/")
    if !names.isEmpty, let object = try root.object(at: path) { return object }
    throw MartletError(.notFound, "'\(root.file)' has no dataset '\(path)': \(try nearest(names, in: root))")
  }

  /// What is at the deepest place of a path that there is: `of '/train', it holds 'images', 'labels'`.
  private static func nearest(
    _ names: [Substring], in root: borrowing HDF5Object
  ) throws(MartletError) -> String {
    for count in (1..<max(names.count, 1)).reversed() {
      if let object = try root.object(at: names.prefix(count).joined(separator: "/")) {
        return "of '\(object.path)', \(object.contents())"
      }
    }
    return root.contents()
  }

  private static func rows(of object: borrowing HDF5Object) throws(MartletError) -> MemorySource {
    let form = try object.datasetForm()
    guard let rowCount = form.shape.dimensions.first else {
      throw object.error(.invalidArgument, "is a single number; rows [N, ...] are expected")
    }
    guard form.shape.elementCount > 0 else {
      throw object.error(.invalidArgument, "has shape \(form.shape): there are no rows in it")
    }
    // A shape's bytes are countable in any of our types.
    let storage = try TensorStorage(
      byteCount: form.shape.elementCount * form.elementType.byteCount,
      purpose: "dataset '\(object.path)' of '\(object.file)'")
    try object.read(into: storage.base, as: form.elementType)
    return MemorySource(
      owning: storage, type: form.elementType, rowCount: rowCount,
      rowShape: try Shape(Array(form.shape.dimensions.dropFirst()), of: "a row of '\(object.path)'"))
  }

  /// A number that x is scaled by; nil if there is none of that name.
  private static func factor(_ name: String, of x: borrowing HDF5Object) throws(MartletError) -> Float? {
    guard let value = try x.number(name) else { return nil }
    guard Float(value).isFinite else { throw x.error(.formatError, "has the \(name) \(value)") }
    return Float(value)
  }
}
