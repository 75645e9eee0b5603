// Prediction for the rows of a dataset, scaled as the dataset says.

import MartletCore
import MartletKernelInterface
import MartletNN

extension Predictor {
  /// Compute all outputs for the inputs of a dataset; its targets and sample weights are not looked at.
  ///
  /// - Parameter y: the outputs one after the other, each [rowCount, …] floats; written.
  /// - Throws: `invalidArgument` if the inputs do not fit the model, or a value is not finite; `outOfMemory`.
  package func predict(
    _ data: Dataset, of graph: Graph, kernels: KernelTable<Float>, into y: UnsafeMutablePointer<Float>, threads: Int
  ) throws(MartletError) {
    let fit = BatchFit(graph: graph, losses: graph.outputs.map { _ in .none })
    guard data.inputs.count == fit.inputs.count else {
      throw MartletError(
        .invalidArgument,
        "the dataset has \(data.inputs.count) x; model '\(graph.name)' has \(fit.inputs.count) "
          + (fit.inputs.count == 1 ? "input" : "inputs"))
    }
    for (array, input) in zip(data.inputs, fit.inputs) { try input.check(array.rowShape.dimensions) }
    let indices = try TensorStorage(count: Predictor.batch, of: Int.self, purpose: "the numbers of a block's rows")
    defer { withExtendedLifetime(indices) {} }
    let sourceRows = indices.pointer(as: Int.self)
    try predict(
      rowCount: data.count, into: y, threads: threads, checksInput: { _ in true }
    ) { index, rows, _, destination throws(MartletError) in
      let array = data.inputs[index]
      for row in rows { sourceRows[row - rows.lowerBound] = array.selection.sourceRow(row) }
      return try array.gather(UnsafeBufferPointer(start: sourceRows, count: rows.count), kernels, into: destination)
    }
  }
}
