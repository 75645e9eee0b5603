// What an optimiser keeps between steps: flat arrays of the parameters' layout, and Nadam's product.

import MartletCore
import MartletNN

/// One trainer's. The arrays belong to it alone.
package struct OptimizerState {
  /// Memory of the update rule, in Keras' order.
  package let slotArrays: [TensorStorage]
  /// The moving average of the weights, if one is kept.
  package let average: TensorStorage?
  /// The sum of the gradients since the last update, if an update takes several steps.
  package let accumulator: TensorStorage?
  /// Of `Optimizer.momentumFactor` over all updates.
  package var momentumProduct = 1.0

  /// - Throws: `outOfMemory`.
  package init(_ optimizer: Optimizer, _ layout: ParameterLayout) throws(MartletError) {
    var arrays: [TensorStorage] = []
    for _ in 0..<optimizer.slotCount {
      let array = try TensorStorage(count: layout.count, of: Float.self, purpose: "the optimiser's state")
      if optimizer.initialSlotValue != 0 {
        array.pointer(as: Float.self).update(repeating: Float(optimizer.initialSlotValue), count: layout.count)
      }
      arrays.append(array)
    }
    slotArrays = arrays
    average =
      optimizer.averaging == nil
      ? nil : try TensorStorage(count: layout.count, of: Float.self, purpose: "the average of the weights")
    accumulator =
      optimizer.accumulationSteps == 1
      ? nil : try TensorStorage(count: layout.count, of: Float.self, purpose: "the sum of the gradients")
  }

  /// The arrays of the update rule; valid as long as this state.
  var slots: OptimizerSlots<Float> {
    func slot(_ index: Int) -> UnsafeMutablePointer<Float>? {
      slotArrays.indices.contains(index) ? slotArrays[index].pointer(as: Float.self) : nil
    }
    return OptimizerSlots(first: slot(0), second: slot(1), third: slot(2))
  }
}
