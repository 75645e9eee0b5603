// The history of a trainer as tables of float64 in a model file's group /martlet/history (docs/file-format.md):
//
//     epochs     [epochs, columns]             attribute columns: what each epoch ended with
//     outputs    [epochs, outputs, columns]    attribute columns: the same of each output, of a model with several
//     layers     [epochs, layers, figures]     attributes layers, figures: NaN in epochs that were not asked for them
//
// Keras does not look there. What does not apply is NaN. Times are left out: the same training gives the same bytes.

import MartletCore
import MartletNN
import MartletTraining

/// The history becomes Swift arrays, whose memory is not checked: so its tables stay small, at most 32 MB.
private let maximumHistoryCount = 1 << 22

enum HistoryFile {
  private static let metricNames = ["data_loss", "regularization_loss", "accuracy", "top_k_accuracy"]
  private static let outputColumns = metricNames + metricNames.map { "val_" + $0 }
  private static let epochColumns =
    ["iteration", "batches", "samples", "learning_rate"] + outputColumns
  private static let figures = [
    "activation_mean", "activation_deviation", "dead_share", "saturated_share", "gradient_norm", "update_ratio",
  ]

  // MARK: Writing

  /// - Parameter extras: the group /martlet.
  static func write(_ history: TrainingHistory, of graph: Graph, to extras: borrowing HDF5Writer) throws(MartletError) {
    guard !history.epochs.isEmpty else { return }
    let group = try extras.group("history")
    let epochs = history.epochs.flatMap { row(of: $0) }
    try group.table("epochs", [history.epochs.count, epochColumns.count], epochs) { table throws(MartletError) in
      try table.attribute("columns", epochColumns)
    }
    if graph.outputs.count > 1 {
      let outputs = history.outputs.flatMap { $0.flatMap { row(of: $0.training) + row(of: $0.validation) } }
      let shape = [history.epochs.count, graph.outputs.count, outputColumns.count]
      try group.table("outputs", shape, outputs) { table throws(MartletError) in
        try table.attribute("columns", outputColumns)
      }
    }
    guard history.layers.contains(where: { !$0.isEmpty }) else { return }
    let none = graph.layers.map { _ in LayerStatistics() }
    let layers = history.layers.flatMap { ($0.isEmpty ? none : $0).flatMap { row(of: $0) } }
    let shape = [history.epochs.count, graph.layers.count, figures.count]
    try group.table("layers", shape, layers) { table throws(MartletError) in
      try table.attribute("layers", graph.layers.map(\.name))
      try table.attribute("figures", figures)
    }
  }

  private static func row(of metrics: Metrics) -> [Double] {
    [metrics.dataLoss, metrics.regularizationLoss, metrics.accuracy, metrics.topKAccuracy]
  }

  private static func row(of epoch: Progress) -> [Double] {
    [Double(epoch.iteration), Double(epoch.batches), Double(epoch.samples), epoch.learningRate]
      + row(of: epoch.training) + row(of: epoch.validation)
  }

  private static func row(of layer: LayerStatistics) -> [Double] {
    [
      layer.activationMean, layer.activationDeviation, layer.deadShare, layer.saturatedShare, layer.gradientNorm,
      layer.updateRatio,
    ]
  }

  // MARK: Reading

  /// - Parameter root: of a model file.
  /// - Returns: an empty history if the file has none.
  /// - Throws: `formatError` for tables that are not as this version writes them for this graph.
  static func read(_ root: borrowing HDF5Object, of graph: Graph) throws(MartletError) -> TrainingHistory {
    var history = TrainingHistory()
    guard let epochs = try root.object(at: "martlet/history/epochs") else { return history }
    let rows = try epochs.table([epochColumns.count])
    for (index, row) in rows.enumerated() { history.epochs.append(try epoch(index, of: rows.count, row, epochs)) }
    if graph.outputs.count > 1 {
      let sizes = [graph.outputs.count, outputColumns.count]
      for row in try table("outputs", sizes, rows.count, root) ?? [] {
        history.outputs.append(
          stride(from: 0, to: row.count, by: outputColumns.count).map { first in
            var output = OutputMetrics()
            output.training = metrics(row[first...])
            output.validation = metrics(row[(first + metricNames.count)...])
            return output
          })
      }
    }
    for row in try table("layers", [graph.layers.count, figures.count], rows.count, root) ?? [] {
      history.layers.append(
        stride(from: 0, to: row.count, by: figures.count).map { first in
          var layer = LayerStatistics()
          (layer.activationMean, layer.activationDeviation) = (row[first], row[first + 1])
          (layer.deadShare, layer.saturatedShare) = (row[first + 2], row[first + 3])
          (layer.gradientNorm, layer.updateRatio) = (row[first + 4], row[first + 5])
          return layer
        })
    }
    history.complete(outputCount: graph.outputs.count)
    return history
  }

  private static func table(
    _ name: String, _ sizes: [Int], _ epochs: Int, _ root: borrowing HDF5Object
  ) throws(MartletError) -> [[Double]]? {
    guard let object = try root.object(at: "martlet/history/\(name)") else { return nil }
    let rows = try object.table(sizes)
    guard rows.count == epochs else {
      throw object.error(.formatError, "is of \(rows.count) epochs; 'epochs' beside it is of \(epochs)")
    }
    return rows
  }

  private static func metrics(_ row: ArraySlice<Double>) -> Metrics {
    let first = row.startIndex
    return Metrics(
      dataLoss: row[first], regularizationLoss: row[first + 1], accuracy: row[first + 2],
      topKAccuracy: row[first + 3])
  }

  private static func epoch(
    _ index: Int, of count: Int, _ row: [Double], _ table: borrowing HDF5Object
  ) throws(MartletError) -> Progress {
    func counter(_ column: Int) throws(MartletError) -> Int {
      // Doubles count exactly up to 2^53.
      guard row[column] >= 0, row[column] <= 0x1p53, let value = Int(exactly: row[column]) else {
        throw table.error(.formatError, "has \(row[column]) as \(epochColumns[column]) of epoch \(index)")
      }
      return value
    }
    let metricsStart = epochColumns.count - outputColumns.count
    return Progress(
      event: .epochEnd, epoch: index, epochs: count, batch: try counter(1), batches: try counter(1),
      iteration: try counter(0), samples: try counter(2), seconds: .nan, samplesPerSecond: .nan,
      learningRate: row[3], training: metrics(row[metricsStart...]),
      validation: metrics(row[(metricsStart + metricNames.count)...]))
  }
}

extension HDF5Writer {
  /// A new dataset of float64.
  fileprivate func table(
    _ name: String, _ dimensions: [Int], _ values: [Double],
    attributes: (borrowing HDF5Writer) throws(MartletError) -> Void
  ) throws(MartletError) {
    let storage = try TensorStorage(count: values.count, of: Double.self, purpose: "table '\(name)'")
    defer { withExtendedLifetime(storage) {} }
    let copy = storage.pointer(as: Double.self)
    for (index, value) in values.enumerated() { copy[index] = value }
    try dataset(name, dimensions, UnsafePointer(copy), attributes: attributes)
  }
}

extension HDF5Object {
  /// The rows of a table with rows of these dimensions.
  fileprivate func table(_ sizes: [Int]) throws(MartletError) -> [[Double]] {
    let form = try datasetForm()
    guard form.shape.rank == sizes.count + 1, Array(form.shape.dimensions.dropFirst()) == sizes else {
      throw error(
        .formatError, "has shape \(form.shape); expected [epochs, \(sizes.map(String.init).joined(separator: ", "))]")
    }
    guard form.shape.elementCount <= maximumHistoryCount else {
      throw error(.unsupported, "has \(form.shape.elementCount) numbers; at most \(maximumHistoryCount) are read")
    }
    let storage = try TensorStorage(count: form.shape.elementCount, of: Double.self, purpose: "a history")
    defer { withExtendedLifetime(storage) {} }
    let values = storage.pointer(as: Double.self)
    try read(into: values, as: .float64)
    let width = sizes.reduce(1, *)
    return (0..<form.shape.dimensions[0]).map { row in (0..<width).map { values[row * width + $0] } }
  }
}
