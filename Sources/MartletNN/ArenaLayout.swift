// Where the buffers of a plan lie in its arena. A buffer holds memory from the first to the last operation that names
// it; buffers whose lives do not meet share memory.

import MartletCore

struct ArenaLayout {
  let places: [BufferPlace]
  let count: Int

  /// Buffers start on cache lines.
  private static let alignment = TensorStorage.alignment / MemoryLayout<Float>.stride

  private struct Tenant {
    var buffer: BufferID
    /// From the first to the last operation that uses it.
    var life: ClosedRange<Int>
    var size: Int
    var offset = 0
  }

  /// - Throws: `outOfMemory` if the sizes cannot be addressed.
  init(lowering: Lowering, maximumBatch: Int) throws(MartletError) {
    let operations = lowering.forward + lowering.backward + lowering.finally
    var lives = [ClosedRange<Int>?](repeating: nil, count: lowering.buffers.count)
    for (time, operation) in operations.enumerated() {
      for buffer in operation.buffers { lives[buffer] = (lives[buffer]?.lowerBound ?? time)...time }
    }
    var places: [BufferPlace] = []
    var tenants: [Tenant] = []
    for (buffer, description) in lowering.buffers.enumerated() {
      switch description {
      case .parameter(let index): places.append(.parameter(index))
      case .gradient(let index): places.append(.gradient(index))
      case .constant(let offset): places.append(.constant(offset))
      case .transformedKernel(let offset): places.append(.transformedKernel(offset))
      case .arena(let extent, let isPinned):
        // A buffer that nothing uses has no life and needs no memory.
        places.append(.arena(0))
        guard let life = isPinned ? 0...operations.count : lives[buffer] else { continue }
        tenants.append(Tenant(buffer: buffer, life: life, size: try Self.alignedSize(extent, maximumBatch)))
      }
    }

    // First fit, the largest first: each buffer goes to the lowest gap among those alive at the same time. `placed` is
    // sorted by offset.
    var placed: [Tenant] = []
    var count = 0
    for var tenant in tenants.sorted(by: { ($0.size, $1.buffer) > ($1.size, $0.buffer) }) {
      var offset = 0
      for neighbour in placed where neighbour.life.overlaps(tenant.life) {
        if offset + tenant.size <= neighbour.offset { break }
        offset = max(offset, neighbour.offset + neighbour.size)
      }
      tenant.offset = offset
      placed.insert(tenant, at: placed.firstIndex { $0.offset > offset } ?? placed.endIndex)
      places[tenant.buffer] = .arena(offset)
      count = max(count, offset + tenant.size)
      guard count <= Shape.maximumElementCount else { throw Self.tooLarge(maximumBatch) }
    }
    self.places = places
    self.count = count
  }

  private static func alignedSize(_ extent: Extent, _ maximumBatch: Int) throws(MartletError) -> Int {
    let size: Int
    switch extent {
    case .fixed(let count): size = count
    case .perRow(let perRow):
      let (product, overflow) = perRow.multipliedReportingOverflow(by: maximumBatch)
      guard !overflow, product <= Shape.maximumElementCount else { throw tooLarge(maximumBatch) }
      size = product
    }
    return (size + alignment - 1) / alignment * alignment
  }

  private static func tooLarge(_ maximumBatch: Int) -> MartletError {
    MartletError(.outOfMemory, "the buffers for a batch of \(maximumBatch) rows are more than memory can hold")
  }
}
