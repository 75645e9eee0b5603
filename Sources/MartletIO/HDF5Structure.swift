// What hangs on an object's header in files of the classic format, which h5py writes: the B-trees, symbol tables and
// heaps of groups, and the chunk index of datasets. None of it has a checksum, and HDF5 follows it wherever it leads.
// So it is walked here before HDF5 opens the object: everything is inside the file, nothing leads back to itself, and
// every chunk is as large as it must be.

import MartletCore

struct HDF5Structure {
  private let bytes: HDF5Bytes
  private var visited: Set<UInt64> = []

  /// Bytes of a chunk, which HDF5 holds in memory as a whole.
  private static let maximumChunkByteCount = 1 << 30

  /// HDF5's own limit on dimensions, and one more for the size of an element.
  private static let maximumChunkRank = 33

  private static let undefined = UInt64.max

  init(_ bytes: HDF5Bytes) { self.bytes = bytes }

  // MARK: Groups

  /// - Parameter message: the addresses of a group's B-tree and of the heap with its names.
  mutating func checkGroup(_ message: HDF5Fields) throws(MartletError) {
    var fields = message
    let tree = try fields.integer(8)
    let namesEnd = try checkHeap(at: try fields.integer(8))
    try walkTree(at: tree, keyByteCount: 8, kind: 0) { structure, _, child throws(MartletError) in
      try structure.checkSymbols(at: child, namesEnd: namesEnd)
    }
  }

  /// - Returns: where the last zero is, which ends every name that begins before it.
  private func checkHeap(at address: UInt64) throws(MartletError) -> UInt64 {
    var fields = try signed("HEAP", at: address, count: 32)
    _ = try fields.take(4)
    let byteCount = try fields.integer(8)
    var free = try fields.integer(8)
    let data = try bytes.bytes(at: try fields.integer(8), count: Int(clamping: byteCount))
    // Free blocks form a list, which ends with 1; each takes at least its own two numbers.
    var remaining = byteCount / 16
    while free != 1 {
      guard remaining > 0 else { throw fields.damaged("the free list of a heap has no end") }
      remaining -= 1
      var block = try data.dropping(Int(clamping: free))
      free = try block.integer(8)
      guard try block.integer(8) <= byteCount else { throw fields.damaged("a heap has a free block beyond its end") }
    }
    return data.lastZero.map { UInt64($0) + 1 } ?? 0
  }

  private func checkSymbols(at address: UInt64, namesEnd: UInt64) throws(MartletError) {
    var fields = try signed("SNOD", at: address, count: 8)
    _ = try fields.take(2)
    let count = try fields.small(2)
    var entries = try bytes.bytes(at: address, count: 8 + count * 40).dropping(8)
    for _ in 0..<count {
      var entry = try entries.take(40)
      guard try entry.integer(8) < namesEnd else { throw entry.damaged("a name is beyond the end of its heap") }
      try checkEntry(&entry)
    }
  }

  /// The rest of a symbol table entry: the object's header, and for a group a copy of where its B-tree and heap are.
  func checkEntry(_ entry: inout HDF5Fields) throws(MartletError) {
    let header = try entry.integer(8)
    let cache = try entry.small(4)
    _ = try entry.take(4)
    // A soft link (cache type 2) has no header.
    if cache != 2 { _ = try bytes.bytes(at: header, count: 16) }
    if cache == 1 {
      _ = try signed("TREE", at: try entry.integer(8), count: 24)
      _ = try signed("HEAP", at: try entry.integer(8), count: 32)
    }
  }

  // MARK: Datasets

  /// - Parameters:
  ///   - layout: how the elements are stored.
  ///   - filters: what chunks have gone through; nil for nothing.
  mutating func checkLayout(_ layout: HDF5Fields, filters: HDF5Fields?) throws(MartletError) {
    var fields = layout
    let version = try fields.small(1)
    // What is newer has checksums, and HDF5 knows it or says that it does not.
    guard version <= 4 else { return }
    var rank = 0
    var layoutClass = 0
    var index: UInt64?
    if version < 3 {
      (rank, layoutClass) = (try fields.small(1), try fields.small(1))
      _ = try fields.take(5)
      if layoutClass != 0 { index = try fields.integer(8) }
    } else {
      layoutClass = try fields.small(1)
      if version == 4, layoutClass == 2 { _ = try fields.take(1) }
      if layoutClass == 2 { rank = try fields.small(1) }
      if version == 3, layoutClass == 2 { index = try fields.integer(8) }
    }
    guard layoutClass == 2 else { return }
    let sizeWidth = version == 4 ? try fields.small(1) : 4
    guard (1...8).contains(sizeWidth), (2...Self.maximumChunkRank).contains(rank) else {
      throw fields.damaged("a dataset has chunks of \(rank - 1) dimensions")
    }
    var byteCount: UInt64 = 1
    for _ in 0..<rank {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: try fields.integer(sizeWidth))
      guard !overflow, product > 0, product <= Self.maximumChunkByteCount else {
        throw fields.damaged("a dataset has chunks of no bytes, or more than \(Self.maximumChunkByteCount)")
      }
      byteCount = product
    }
    // The indices of version 4 have checksums.
    guard let index, index != Self.undefined, version < 4 else { return }
    let pipeline = try HDF5FilterPipeline(filters)
    var storedByteCount = 0
    try walkTree(at: index, keyByteCount: 8 + 8 * rank, kind: 1) { structure, key, child throws(MartletError) in
      var key = key
      let stored = try key.small(4)
      let skipped = try key.small(4)
      try structure.bytes.checkRange(at: child, count: stored)
      storedByteCount += stored
      guard storedByteCount <= structure.bytes.byteCount else { throw key.damaged("chunks lie above one another") }
      let found = try pipeline.byteCount(
        ofChunkAt: child, stored: stored, skipped: skipped, in: structure.bytes, Int(byteCount))
      guard found == Int(byteCount) else {
        throw key.damaged("a chunk of \(byteCount) bytes holds \(found.map(String.init) ?? "something else")")
      }
    }
  }

  // MARK: B-trees

  /// Visit the leaves of a B-tree of version 1.
  ///
  /// - Parameter kind: 0 for groups, 1 for chunks.
  private mutating func walkTree(
    at root: UInt64, keyByteCount: Int, kind: Int,
    _ visit: (HDF5Structure, _ key: HDF5Fields, _ child: UInt64) throws(MartletError) -> Void
  ) throws(MartletError) {
    var waiting: [(address: UInt64, level: Int?)] = [(root, nil)]
    while let (address, expectedLevel) = waiting.popLast() {
      var head = try signed("TREE", at: address, count: 24)
      guard visited.insert(address).inserted else { throw head.damaged("a B-tree leads back to itself") }
      let nodeKind = try head.small(1)
      let level = try head.small(1)
      let count = try head.small(2)
      guard nodeKind == kind, level == expectedLevel ?? level else {
        throw head.damaged("a B-tree has a node that does not belong to it")
      }
      for _ in 0..<2 {
        let sibling = try head.integer(8)
        if sibling != Self.undefined { try bytes.checkRange(at: sibling, count: 24) }
      }
      var entries = try bytes.bytes(at: address, count: 24 + count * (keyByteCount + 8) + keyByteCount).dropping(24)
      for _ in 0..<count {
        let key = try entries.take(keyByteCount)
        let child = try entries.integer(8)
        if level > 0 {
          waiting.append((child, level - 1))
        } else {
          guard visited.insert(child).inserted else { throw key.damaged("a B-tree leads to one place twice") }
          try visit(self, key, child)
        }
      }
    }
  }

  /// The bytes of a structure after its signature.
  private func signed(_ signature: String, at address: UInt64, count: Int) throws(MartletError) -> HDF5Fields {
    var fields = try bytes.bytes(at: address, count: count)
    guard try fields.take(4).rest.elementsEqual(signature.utf8) else {
      throw fields.damaged("something else is where '\(signature)' should be")
    }
    return fields
  }
}
