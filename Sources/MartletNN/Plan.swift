// A graph made ready to run: operations in their order, and a place for every buffer. One plan serves every batch up to
// its maximum; offsets in the arena do not change with the rows.

import MartletCore
import MartletKernelInterface

/// Where the gradient of every weight goes. Decided once per plan, so that nothing is written that nobody reads.
package enum GradientSink: Sendable {
  /// Into the weights, by the update rule of the step, while the gradient is still in registers or cache.
  case update
  /// Into a flat array, to be looked at, changed and applied later.
  case store
}

package enum PlanPurpose: Sendable {
  case prediction
  /// Forward pass and losses as in prediction: no dropout, no gradients. One loss for each output.
  case evaluation([LossConfiguration])
  case training([LossConfiguration], GradientSink)
}

/// A buffer of a plan and where it lies.
package enum BufferPlace: Sendable {
  /// Offset into the arena, in scalars.
  case arena(Int)
  case parameter(Int)
  /// Gradient of a parameter, in the flat gradient array.
  case gradient(Int)
  /// Offset into the plan's constants.
  case constant(Int)
  /// Offset into the transformed kernels.
  case transformedKernel(Int)
}

/// A kernel [3, 3, channels, filters] whose transform is read in its place.
package struct TransformedKernel: Sendable, BitwiseCopyable {
  package let parameter: Int
  package let channels: Int
  package let filters: Int
  /// Where it lies among the others.
  package let offset: Int
}

/// A penalty on the values of a node.
package struct PlannedPenalty: Sendable {
  package let node: Int
  package let buffer: BufferID
  /// Elements of a row.
  package let count: Int
  package let regularizer: Regularizer
}

package struct Plan: Sendable {
  package let layout: ParameterLayout
  package let maximumBatch: Int
  package let sink: GradientSink?
  package let forward: [Operation]
  package let backward: [Operation]
  /// What comes with the update of the weights.
  package let finally: [Operation]
  package let buffers: [BufferPlace]
  package let constants: [Double]
  /// Scalars of the arena.
  package let arenaCount: Int
  package let transformedKernels: [TransformedKernel]
  /// Scalars of all transformed kernels.
  package let transformedCount: Int
  /// Scalars that a task needs for itself, beside those of matrix products: tiles of a convolution.
  package let scratchCount: Int

  package let inputs: [BufferID]
  package let outputs: [BufferID]
  /// The values of all nodes; empty unless they are kept.
  package let values: [BufferID]
  package let inputShapes: [Shape]
  package let outputShapes: [Shape]
  /// For each input, whether only products read it, which can convert its rows while they pack them.
  package let convertsInput: [Bool]

  /// One for each output; none in a prediction plan.
  package let losses: [PlannedLoss]
  /// Activations that the loss is higher for; none in a prediction plan.
  package let penalties: [PlannedPenalty]

  /// - Parameters:
  ///   - keepsValues: whether the values of all nodes can be read after a pass.
  ///   - transformsKernels: whether the convolutions of a plan that keeps no values may read transforms of their
  ///     kernels; the executors of a prediction are given them.
  /// - Throws: `outOfMemory` if the sizes cannot be addressed.
  package init(
    graph: Graph, layout: ParameterLayout, purpose: PlanPurpose, maximumBatch: Int, keepsValues: Bool = false,
    transformsKernels: Bool = false
  ) throws(MartletError) {
    var lowering = Lowering(
      graph: graph, layout: layout, purpose: purpose, maximumBatch: maximumBatch, keepsValues: keepsValues,
      transformsKernels: transformsKernels)
    lowering.lower()
    let arena = try ArenaLayout(lowering: lowering, maximumBatch: maximumBatch)
    self.layout = layout
    self.maximumBatch = maximumBatch
    sink = lowering.sink
    forward = lowering.forward
    backward = lowering.backward
    finally = lowering.finally
    constants = lowering.constants
    buffers = arena.places
    arenaCount = arena.count
    transformedKernels = lowering.transformedKernels
    transformedCount = lowering.transformedCount
    inputs = graph.inputs.map { lowering.value(of: $0) }
    outputs = graph.outputs.map { lowering.value(of: $0) }
    values = keepsValues ? graph.nodes.indices.map { lowering.value(of: $0) } : []
    inputShapes = graph.inputShapes
    let operations = lowering.forward + lowering.backward + lowering.finally
    scratchCount = operations.reduce(0) { max($0, $1.scratchCount(rows: maximumBatch)) }
    outputShapes = graph.outputShapes
    losses = lowering.losses
    penalties = lowering.penalties
    convertsInput = zip(inputs, inputShapes).map { [outputs, penalties] input, shape in
      !keepsValues && !outputs.contains(input) && !penalties.contains { $0.buffer == input }
        && operations.allSatisfy { !$0.buffers.contains(input) || $0.packsRows(input, of: shape.elementCount) }
    }
  }
}
