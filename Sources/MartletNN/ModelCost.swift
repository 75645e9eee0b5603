// What a model costs to run, read off its plans: memory and arithmetic.

import MartletCore
import MartletKernelInterface

/// Bytes for a batch, operations for one row.
package struct ModelCost: Sendable, Equatable {
  package let weightBytes: Int
  /// Values of all layers that live at the same time, transformed kernels and the tiles of one thread.
  package let predictionBytes: Int
  /// Values, gradients of values, gradients of weights, transformed kernels and the tiles of one thread; the own state of
  /// an optimiser is not part of a model.
  package let trainingBytes: Int
  /// Multiplications and additions of the matrix products.
  package let predictionFlops: Int
  package let trainingFlops: Int
}

extension Model {
  /// The cost of batches of `rows`.
  ///
  /// - Throws: `outOfMemory` if the sizes cannot be addressed.
  package func cost(rows: Int) throws(MartletError) -> ModelCost {
    let losses = graph.outputs.map { _ in LossConfiguration(.none) }
    let prediction = try Plan(
      graph: graph, layout: layout, purpose: .prediction, maximumBatch: rows, transformsKernels: true)
    let training = try Plan(
      graph: graph, layout: layout, purpose: .training(losses, .store), maximumBatch: rows, transformsKernels: true)
    let scalar = MemoryLayout<Float>.size
    return ModelCost(
      weightBytes: layout.count * scalar,
      predictionBytes: (prediction.arenaCount + prediction.transformedCount + prediction.scratchCount) * scalar,
      trainingBytes: (training.arenaCount + training.scratchCount + layout.count) * scalar,
      predictionFlops: prediction.flopsPerRow, trainingFlops: training.flopsPerRow)
  }
}

extension Plan {
  /// `Int.max` if there are more.
  var flopsPerRow: Int {
    (forward + backward).reduce(0) { sum, operation in
      let (result, overflow) = sum.addingReportingOverflow(operation.flops(rows: 1))
      return overflow ? Int.max : result
    }
  }
}

extension Operation {
  /// 2 m n k of a product; the other operations are linear in what they read and do not count.
  fileprivate func flops(rows: Int) -> Int {
    let sizes: [Int]
    switch self {
    case .matrixProduct(let product): sizes = [product.m.count(rows: rows), product.n, product.k.count(rows: rows)]
    case .winograd(let convolution):
      let geometry = convolution.geometry
      sizes = [WinogradBlock.elementCount, rows * geometry.winogradTileCount, geometry.channels, convolution.filters]
    default: return 0
    }
    return sizes.reduce(2) { flops, size in
      let (result, overflow) = flops.multipliedReportingOverflow(by: size)
      return overflow ? Int.max : result
    }
  }
}
