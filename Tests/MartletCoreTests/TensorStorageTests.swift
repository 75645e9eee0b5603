import Testing

@testable import MartletCore

struct TensorStorageTests {
  /// On both sides of the size from which blocks are mapped.
  @Test(arguments: [0, 1, 63, 64, 4097, TensorStorage.mappedByteCount - 1, TensorStorage.mappedByteCount, 5_000_001])
  func isZeroedAlignedAndWritable(byteCount: Int) throws {
    for _ in 0..<3 {
      let storage = try TensorStorage(byteCount: byteCount, purpose: "a test")
      #expect(storage.byteCount == byteCount)
      #expect(UInt(bitPattern: storage.base) % UInt(TensorStorage.alignment) == 0)
      let bytes = UnsafeMutableRawBufferPointer(start: storage.base, count: byteCount)
      #expect(bytes.allSatisfy { $0 == 0 })
      // The next block may be the same memory; it must be zero again.
      for i in bytes.indices { bytes[i] = 0xFF }
    }
  }

  @Test func elementsOfAType() throws {
    let storage = try TensorStorage(count: 10, of: Double.self, purpose: "a test")
    #expect(storage.byteCount == 80)
    storage.pointer(as: Double.self)[9] = 2.5
    #expect(storage.pointer(as: Double.self)[9] == 2.5)
  }

  /// More than the address space, more than any machine's memory, more than this machine's.
  @Test(arguments: [Int.max, Int.max - 4095, 1 << 62, 1 << 46])
  func refusesAbsurdSizes(byteCount: Int) {
    #expect(throws: MartletError(.outOfMemory, "cannot allocate \(byteCount) bytes for weights")) {
      try TensorStorage(byteCount: byteCount, purpose: "weights")
    }
  }

  @Test func refusesMoreThanTheMachineHas() throws {
    let memory = try #require(SystemLimits.memory())
    #expect(throws: MartletError(.outOfMemory, "cannot allocate \(memory + 1) bytes for weights")) {
      try TensorStorage(byteCount: memory + 1, purpose: "weights")
    }
  }

  @Test(arguments: [Int.max, Int.max / 4, -1])
  func refusesCountsThatOverflow(count: Int) {
    #expect(throws: MartletError(.outOfMemory, "cannot allocate \(count) elements for weights")) {
      try TensorStorage(count: count, of: Double.self, purpose: "weights")
    }
  }
}
