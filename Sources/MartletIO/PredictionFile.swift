// Predictions as files: CSV, as competitions and spreadsheets take them, or HDF5, for programs. Both are written whole
// or not at all, and the same predictions give the same bytes.

import MartletCore
import MartletTraining

/// What a model has computed for rows: one of its outputs, [rowCount, rowShape…] floats, and what stands for its
/// classes.
package struct Predictions {
  private let storage: TensorStorage
  private let first: Int
  package let rowCount: Int
  package let rowShape: Shape
  /// Of the last axis; empty if classes are called by their numbers.
  package let classNames: [String]

  /// - Parameter first: where in `storage` the output begins, in floats.
  package init(storage: TensorStorage, first: Int, rowCount: Int, rowShape: Shape, classNames: [String]) {
    precondition(storage.byteCount >= (first + rowCount * rowShape.elementCount) * MemoryLayout<Float>.stride)
    self.storage = storage
    self.first = first
    self.rowCount = rowCount
    self.rowShape = rowShape
    self.classNames = classNames
  }

  /// Valid as long as this value.
  var values: UnsafeMutablePointer<Float> { storage.pointer(as: Float.self) + first }

  /// The class of each vector along the last axis: the first of the largest; of a vector of one, 1 above 0.5.
  ///
  /// - Throws: `outOfMemory`.
  fileprivate func labels() throws(MartletError) -> TensorStorage {
    let columns = rowShape.lastDimension
    let count = rowCount * (rowShape.elementCount / columns)
    let result = try TensorStorage(count: count, of: Int64.self, purpose: "the labels of \(rowCount) rows")
    let labels = result.pointer(as: Int64.self)
    let values = values
    defer { withExtendedLifetime(storage) {} }
    for vector in 0..<count {
      let outputs = values + vector * columns
      labels[vector] = columns == 1 ? (outputs[0] > 0.5 ? 1 : 0) : Int64(firstLargest(outputs, columns))
    }
    return result
  }
}

package enum PredictionFile {
  /// - Parameters:
  ///   - path: ends in `.csv`, or in `.h5` or `.hdf5`.
  ///   - firstID: what CSV calls the first row.
  /// - Throws: `invalidArgument` for another ending; `unsupported` for CSV of more than one class to a row; `notFound`,
  ///   `ioError`, `outOfMemory`.
  package static func write(_ predictions: Predictions, path: String, firstID: Int64) throws(MartletError) {
    let ending = path.split(separator: "/").last?.split(separator: ".").dropFirst().last?.lowercased()
    let image =
      switch ending {
      case "csv": try csv(predictions, path: path, firstID: firstID)
      case "h5", "hdf5": try hdf5(predictions)
      default: throw MartletError(.invalidArgument, "path is '\(path)'; it must end in .csv, .h5 or .hdf5")
      }
    defer { withExtendedLifetime(image.storage) {} }
    try AtomicFile.replace(path, with: UnsafeRawBufferPointer(start: image.storage.base, count: image.byteCount))
  }

  // MARK: HDF5

  private static func hdf5(
    _ predictions: Predictions
  ) throws(MartletError) -> (storage: TensorStorage, byteCount: Int) {
    let labels = try predictions.labels()
    defer { withExtendedLifetime((predictions, labels)) {} }
    let dimensions = [predictions.rowCount] + predictions.rowShape.dimensions
    return try HDF5Library.exclusively { () throws(MartletError) in
      try HDF5Writer.image { root throws(MartletError) in
        try root.dataset("predictions", dimensions, predictions.values)
        try root.dataset("labels", dimensions.dropLast(), labels.pointer(as: Int64.self)) {
          dataset throws(MartletError) in
          if !predictions.classNames.isEmpty { try dataset.attribute("class_names", predictions.classNames) }
        }
      }
    }
  }

  // MARK: CSV

  private static let header = Array("Id,Category\n".utf8)

  private static func csv(
    _ predictions: Predictions, path: String, firstID: Int64
  ) throws(MartletError) -> (storage: TensorStorage, byteCount: Int) {
    guard predictions.rowShape.rank == 1 else {
      throw MartletError(
        .unsupported,
        "cannot write '\(path)': CSV has one category for each row, the output has rows of shape "
          + "\(predictions.rowShape); write HDF5")
    }
    let count = predictions.rowCount
    guard firstID <= Int64.max - Int64(count) else {
      throw MartletError(.invalidArgument, "first_id is \(firstID); the ids of \(count) rows would exceed 64 bits")
    }
    let storage = try predictions.labels()
    defer { withExtendedLifetime(storage) {} }
    let labels = storage.pointer(as: Int64.self)
    let names = predictions.classNames.map(field)
    func category(_ row: Int) -> [UInt8] {
      let label = Int(labels[row])
      return names.indices.contains(label) ? names[label] : digits(labels[row])
    }

    var byteCount = header.count
    for row in 0..<count { byteCount += digits(firstID + Int64(row)).count + category(row).count + 2 }
    let text = try TensorStorage(byteCount: byteCount, purpose: "the text of \(count) predictions")
    var end = text.base
    func append(_ bytes: [UInt8]) {
      bytes.withUnsafeBytes { end.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(end), byteCount: $0.count) }
      end += bytes.count
    }
    append(header)
    for row in 0..<count {
      append(digits(firstID + Int64(row)))
      append([UInt8(ascii: ",")])
      append(category(row))
      append([UInt8(ascii: "\n")])
    }
    return (text, byteCount)
  }

  private static func digits(_ number: Int64) -> [UInt8] { Array(String(number).utf8) }

  /// A field of a CSV file; RFC 4180 puts one with a comma, quote or line end in quotes, and doubles its quotes.
  private static func field(_ text: String) -> [UInt8] {
    let special = text.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
    guard special else { return Array(text.utf8) }
    let quote = UInt8(ascii: "\"")
    return [quote] + text.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
  }
}
