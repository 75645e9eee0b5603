// The table a person reads: layers, shapes, parameters, and what the model costs.

import MartletCore

extension Model {
  /// One line per application of a layer with its class, output shape and parameters, and what it reads unless that is
  /// the line before; then the totals. The parameters of a shared layer are counted where it is applied first.
  ///
  /// - Throws: `outOfMemory` if a batch of `rows` cannot be addressed.
  package func summary(rows batch: Int = 32) throws(MartletError) -> String {
    var rows = [["Layer", "Class", "Output shape", "Parameters"]]
    if !graph.isChain { rows[0].append("Reads") }
    for (index, node) in graph.nodes.enumerated() {
      let layer = graph.layers[node.layer]
      let isFirst = graph.nodes.firstIndex { $0.layer == node.layer } == index
      let count = layout.range(ofLayer: node.layer).reduce(0) { $0 + layout.parameters[$1].count }
      rows.append([
        layer.name, layer.layer.className, node.shape.batchDescription, isFirst ? "\(count)" : "shared",
      ])
      if !graph.isChain {
        rows[index + 1].append(node.inputs.map { graph.layerName(ofNode: $0) }.joined(separator: ", "))
      }
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      row.enumerated().map { column, text in
        let padding = String(repeating: " ", count: widths[column] - text.count)
        return column == 3 ? padding + text : text + padding
      }.joined(separator: "  ")
    }
    let rule = String(repeating: "-", count: lines[0].count)
    let total = layout.totalCount
    let trainable = layout.trainableCount
    let totals = "Parameters: \(total) (\(trainable) trainable, \(total - trainable) not)"
    let cost = try cost(rows: batch)
    let flops = "Flops per sample: \(cost.predictionFlops) to predict, \(cost.trainingFlops) to train"
    let memory =
      "Memory: \(megabytes(cost.weightBytes)) of weights; for a batch of \(batch) besides "
      + "\(megabytes(cost.predictionBytes)) to predict, \(megabytes(cost.trainingBytes)) to train"
    let text = ["Model '\(graph.name)'", lines[0], rule] + lines.dropFirst() + [rule, totals, flops, memory]
    return text.map { $0 + "\n" }.joined()
  }

  /// `1.23 MB`, in millions of bytes.
  private func megabytes(_ bytes: Int) -> String {
    let hundredths = bytes / 10_000 + (bytes % 10_000 >= 5_000 ? 1 : 0)
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) MB"
  }
}
