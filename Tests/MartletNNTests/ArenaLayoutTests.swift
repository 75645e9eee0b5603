// Buffers in the arena: those alive at the same time are apart, and every one is inside.

import MartletCore
import MartletKernelInterface
import Testing

@testable import MartletNN

@Suite struct ArenaLayoutTests {
  private struct Block {
    var life: ClosedRange<Int>
    var memory: Range<Int>
  }

  /// What each operation touches, worked out anew from the operations.
  private func blocks(_ lowering: Lowering, _ layout: ArenaLayout, batch: Int) -> [Block] {
    let operations = lowering.forward + lowering.backward
    return lowering.buffers.enumerated().compactMap { buffer, description in
      guard case .arena(let extent, let isPinned) = description, case .arena(let offset) = layout.places[buffer] else {
        return nil
      }
      let uses = operations.indices.filter { operations[$0].buffers.contains(buffer) }
      guard let first = uses.first, let last = uses.last else { return nil }
      return Block(
        life: isPinned ? 0...operations.count : first...last, memory: offset..<(offset + extent.count(rows: batch)))
    }
  }

  @Test(arguments: [PlanPurpose.prediction, .training([LossConfiguration(.meanSquaredError)], .update)])
  func buffersAliveTogetherAreApart(_ purpose: PlanPurpose) throws {
    let layers: [any Layer] = [
      Dense(units: 33, activation: .relu), Normalization(mean: [0], variance: [1]), Dropout(rate: 0.5),
      Dense(units: 7, activation: .softmax), ActivationLayer(.tanh), Flatten(), Dense(units: 90), Rescaling(scale: 2),
      Dense(units: 3),
    ]
    let model = try chain([17], layers)
    for batch in [1, 5, 300] {
      var lowering = Lowering(graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: batch)
      lowering.lower()
      let layout = try ArenaLayout(lowering: lowering, maximumBatch: batch)
      let blocks = blocks(lowering, layout, batch: batch)
      #expect(blocks.count > layers.count / 2)
      for (index, block) in blocks.enumerated() {
        #expect(block.memory.lowerBound % 16 == 0 && block.memory.upperBound <= layout.count)
        for other in blocks[..<index] where other.life.overlaps(block.life) {
          #expect(!other.memory.overlaps(block.memory), "\(other) and \(block)")
        }
      }
    }
  }
}
