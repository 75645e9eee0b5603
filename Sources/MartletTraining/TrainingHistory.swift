// What a trainer remembers of its epochs.

/// One entry for each complete epoch in each list.
package struct TrainingHistory: Sendable {
  package var epochs: [Progress] = []
  /// For each output; empty lists for a model with one, whose figures are those of the epoch.
  package var outputs: [[OutputMetrics]] = []
  /// For each layer; empty for an epoch that did not ask.
  package var layers: [[LayerStatistics]] = []

  package init() {}

  /// Fill up the lists that were not kept, one entry for each epoch.
  package mutating func complete(outputCount: Int) {
    for epoch in epochs[min(outputs.count, epochs.count)...] {
      var output = OutputMetrics()
      (output.training, output.validation) = (epoch.training, epoch.validation)
      outputs.append(outputCount == 1 ? [output] : .init(repeating: OutputMetrics(), count: outputCount))
    }
    while layers.count < epochs.count { layers.append([]) }
  }
}
