// What the frozen part of a network has computed for a dataset, as a dataset of its own: "x" and, as it was, "y". What
// is trained on it costs the rest of the network only.

import MartletCore
import MartletKernelInterface
import MartletTraining

package enum FeatureFile {
  /// Write the file whole or not at all.
  ///
  /// - Parameters:
  ///   - features: of the rows of `data`.
  ///   - data: has a target or none.
  /// - Throws: `invalidArgument` for targets that are not finite; `unsupported` for whole numbers beyond 2^24;
  ///   `notFound`, `ioError`, `outOfMemory`.
  package static func write(
    _ features: Predictions, of data: Dataset, kernels: KernelTable<Float>, path: String
  ) throws(MartletError) {
    let targets = try data.targets.first.map { target throws(MartletError) in try numbers(target, data.count, kernels) }
    let labels =
      data.targets.first?.elementType.isInteger == true
      ? try targets.map { values throws(MartletError) in try wholeNumbers(values, data) } : nil
    defer { withExtendedLifetime((features, targets, labels)) {} }
    let image = try HDF5Library.exclusively { () throws(MartletError) in
      try HDF5Writer.image { root throws(MartletError) in
        try root.dataset("x", [data.count] + features.rowShape.dimensions, features.values)
        guard let target = data.targets.first, let targets else { return }
        let shape = target.rowShape == Shape(vector: 1) ? [data.count] : [data.count] + target.rowShape.dimensions
        guard let labels else { return try root.dataset("y", shape, targets.pointer(as: Float.self)) }
        try root.dataset("y", shape, labels.pointer(as: Int64.self)) { y throws(MartletError) in
          if !data.classNames.isEmpty { try y.attribute("class_names", data.classNames) }
        }
      }
    }
    defer { withExtendedLifetime(image.storage) {} }
    try AtomicFile.replace(path, with: UnsafeRawBufferPointer(start: image.storage.base, count: image.byteCount))
  }

  /// The rows of a target in their order.
  private static func numbers(
    _ target: DatasetArray, _ count: Int, _ kernels: KernelTable<Float>
  ) throws(MartletError) -> TensorStorage {
    let columns = target.rowShape.elementCount
    let storage = try TensorStorage(count: count * columns, of: Float.self, purpose: "the targets of \(count) rows")
    let order = try TensorStorage(count: count, of: Int.self, purpose: "the numbers of \(count) rows")
    defer { withExtendedLifetime(order) {} }
    let rows = order.pointer(as: Int.self)
    for row in 0..<count { rows[row] = target.selection.sourceRow(row) }
    guard
      try target.gather(UnsafeBufferPointer(start: rows, count: count), kernels, into: storage.pointer(as: Float.self))
    else { throw MartletError(.invalidArgument, "y holds NaN or infinite numbers") }
    return storage
  }

  /// The same as whole numbers, which float has without loss up to 2^24.
  private static func wholeNumbers(_ values: TensorStorage, _ data: Dataset) throws(MartletError) -> TensorStorage {
    let count = data.count * data.targets[0].rowShape.elementCount
    let storage = try TensorStorage(count: count, of: Int64.self, purpose: "the labels of \(data.count) rows")
    for index in 0..<count {
      let value = values.pointer(as: Float.self)[index]
      guard abs(value) < 0x1p24 else {
        throw MartletError(.unsupported, "y holds \(value); whole numbers below 2^24 can be written")
      }
      storage.pointer(as: Int64.self)[index] = Int64(value)
    }
    return storage
  }
}
