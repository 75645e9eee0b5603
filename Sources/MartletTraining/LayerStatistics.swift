// What each layer does in the last step of an epoch: the figures by which one sees a network that is frozen, dying or
// about to overflow.

import MartletCore
import MartletKernelInterface
import MartletNN

/// One layer in one step. NaN where a figure does not apply.
package struct LayerStatistics: Sendable, Equatable {
  /// Mean and standard deviation over all elements of the output. Where a softmax or sigmoid goes into the loss, the
  /// output is what comes before it.
  package var activationMean = Double.nan
  package var activationDeviation = Double.nan
  /// Share of the units of a ReLU that are 0 for every row of the batch.
  package var deadShare = Double.nan
  /// Share of the elements of a sigmoid, tanh or hard sigmoid where its derivative is below 5 % of its largest.
  package var saturatedShare = Double.nan
  /// Euclidean norm of the gradient by all weights of the layer, regularisation included.
  package var gradientNorm = Double.nan
  /// Euclidean norm of the step's change of the weights over that of the weights.
  package var updateRatio = Double.nan

  package init() {}
}

/// Looks at one step: `look` before it, `finish` after it.
struct LayerProbe {
  let executor: PlanExecutor<Float>
  private let weightsBefore: TensorStorage
  private let graph: Graph
  private let layout: ParameterLayout
  private var statistics: [LayerStatistics] = []

  /// - Throws: `outOfMemory`.
  init(
    _ model: Model, losses: [LossConfiguration], batch: Int, seed: UInt64, kernels: KernelTable<Float>, threads: Int
  ) throws(MartletError) {
    graph = model.graph
    layout = model.layout
    let plan = try Plan(
      graph: graph, layout: layout, purpose: .training(losses, .store), maximumBatch: batch, keepsValues: true)
    executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: kernels, seed: seed)
    try executor.reserve(threads: threads)
    weightsBefore = try TensorStorage(count: layout.count, of: Float.self, purpose: "the weights before a step")
  }

  /// Figures of the values, after the executor's forward pass of `rows` rows.
  mutating func lookAtValues(rows: Int) {
    statistics = graph.layers.map { _ in LayerStatistics() }
    // A layer that is applied more than once is judged by its first application.
    for (index, node) in graph.nodes.enumerated().reversed() {
      let count = rows * node.shape.elementCount
      let y = UnsafePointer(executor.value(ofNode: index))
      var figures = LayerStatistics()
      (figures.activationMean, figures.activationDeviation) = Self.moments(y, count)
      let holdsLogits = graph.outputs.firstIndex(of: index).map { executor.plan.losses[$0].holdsLogits } ?? false
      if !holdsLogits {
        switch graph.activation(ofNode: index) {
        case .relu:
          figures.deadShare = Self.deadShare(y, rows: count / node.shape.lastDimension, node.shape.lastDimension)
        case .sigmoid: figures.saturatedShare = Self.share(y, count) { 4 * $0 * (1 - $0) < 0.05 }
        case .tanh: figures.saturatedShare = Self.share(y, count) { 1 - $0 * $0 < 0.05 }
        case .hardSigmoid: figures.saturatedShare = Self.share(y, count) { $0 <= 0 || $0 >= 1 }
        default: break
        }
      }
      statistics[node.layer] = figures
    }
  }

  /// Figures of the gradients, after the executor's backward pass; and the weights as they are.
  mutating func lookAtGradients(of model: Model) {
    weightsBefore.pointer(as: Float.self).update(from: model.values, count: layout.count)
    guard let gradients = executor.gradients else { return }
    for layer in graph.layers.indices where graph.layers[layer].isTrainable {
      let range = layout.range(ofLayer: layer).filter { layout.parameters[$0].isTrainable }
      guard !range.isEmpty else { continue }
      statistics[layer].gradientNorm = range.reduce(0) { sum, index in
        sum
          + executor.kernels.norms(gradients + layout.parameters[index].offset, layout.parameters[index].count).squared
      }.squareRoot()
    }
  }

  /// Figures of the update, after the step.
  mutating func finish(_ model: Model) -> [LayerStatistics] {
    let before = weightsBefore.pointer(as: Float.self)
    for layer in graph.layers.indices where graph.layers[layer].isTrainable {
      var (change, size) = (0.0, 0.0)
      for index in layout.range(ofLayer: layer) where layout.parameters[index].isTrainable {
        let parameter = layout.parameters[index]
        for element in parameter.offset..<(parameter.offset + parameter.count) {
          let weight = Double(before[element])
          change += (Double(model.values[element]) - weight) * (Double(model.values[element]) - weight)
          size += weight * weight
        }
      }
      if size > 0 { statistics[layer].updateRatio = (change / size).squareRoot() }
    }
    return statistics
  }

  private static func moments(_ x: UnsafePointer<Float>, _ count: Int) -> (mean: Double, deviation: Double) {
    var sum = 0.0
    for index in 0..<count { sum += Double(x[index]) }
    let mean = sum / Double(count)
    var squares = 0.0
    for index in 0..<count { squares += (Double(x[index]) - mean) * (Double(x[index]) - mean) }
    return (mean, (squares / Double(count)).squareRoot())
  }

  private static func share(_ x: UnsafePointer<Float>, _ count: Int, _ isCounted: (Double) -> Bool) -> Double {
    var counted = 0
    for index in 0..<count where isCounted(Double(x[index])) { counted += 1 }
    return Double(counted) / Double(count)
  }

  private static func deadShare(_ x: UnsafePointer<Float>, rows: Int, _ columns: Int) -> Double {
    var dead = 0
    for column in 0..<columns where (0..<rows).allSatisfy({ x[$0 * columns + column] <= 0 }) { dead += 1 }
    return Double(dead) / Double(columns)
  }
}
