// The table a person reads: layers, shapes, parameters.

import MartletCore

extension Model {
  /// One line per layer with its class, output shape and parameters, then the totals.
  package func summary() -> String {
    var rows = [["Layer", "Class", "Output shape", "Parameters"]]
    for (index, layer) in graph.layers.enumerated() {
      let shape = graph.nodes.first { $0.layer == index }?.shape.batchDescription ?? ""
      let count = layout.range(ofLayer: index).reduce(0) { $0 + layout.parameters[$1].count }
      rows.append([layer.name, layer.layer.className, shape, "\(count)"])
    }
    let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
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
    let text = ["Model '\(graph.name)'", lines[0], rule] + lines.dropFirst() + [rule, totals]
    return text.map { $0 + "\n" }.joined()
  }
}
