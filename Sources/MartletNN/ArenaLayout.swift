// Where the buffers of a plan lie in its arena. A buffer holds memory from the first to the last operation that names it;
// buffers whose lives do not meet share memory.

import MartletCore

struct ArenaLayout {
  let places: [BufferPlace]
  let count: Int

  /// Buffers start on cache lines.
  private static let alignment = TensorStorage.alignment / MemoryLayout<Float>.stride

  private struct Tenant {
    var buffer: BufferID
    var first: Int
    var last: Int
    var size: Int
    var offset = 0
  }

  /// - Throws: `outOfMemory` if the sizes cannot be addressed.
  init(lowering: Lowering, maximumBatch: Int) throws(MartletError) {
    var places: [BufferPlace?] = []
    var tenants: [Tenant] = []
    let operations = lowering.forward + lowering.backward
    for (buffer, description) in lowering.buffers.enumerated() {
      switch description {
      case .parameter(let index): places.append(.parameter(index))
      case .gradient(let index): places.append(.gradient(index))
      case .constant(let offset): places.append(.constant(offset))
      case .arena(let extent, let isPinned):
        places.append(nil)
        let uses = operations.indices.filter { operations[$0].buffers.contains(buffer) }
        guard isPinned || !uses.isEmpty else {
          places[buffer] = .arena(0)
          continue
        }
        tenants.append(
          Tenant(
            buffer: buffer, first: isPinned ? 0 : uses.first ?? 0,
            last: isPinned ? operations.count : uses.last ?? 0,
            size: try Self.alignedSize(extent, maximumBatch)))
      }
    }

    // First fit, the largest first: each buffer goes to the lowest gap among those alive at the same time.
    var placed: [Tenant] = []
    var count = 0
    for var tenant in tenants.sorted(by: { ($0.size, $1.buffer) > ($1.size, $0.buffer) }) {
      let neighbours = placed.filter { $0.first <= tenant.last && tenant.first <= $0.last }
        .sorted { $0.offset < $1.offset }
      var offset = 0
      for neighbour in neighbours {
        if offset + tenant.size <= neighbour.offset { break }
        offset = max(offset, neighbour.offset + neighbour.size)
      }
      tenant.offset = offset
      placed.append(tenant)
      places[tenant.buffer] = .arena(offset)
      count = max(count, offset + tenant.size)
      guard count <= Shape.maximumElementCount else { throw Self.tooLarge(maximumBatch) }
    }
    self.places = places.map { $0 ?? .arena(0) }
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
