import Testing

@testable import MartletCore

struct ElementTypeTests {
  @Test(arguments: [
    (ElementType.uint8, MemoryLayout<UInt8>.size, true), (.int32, MemoryLayout<Int32>.size, true),
    (.int64, MemoryLayout<Int64>.size, true), (.float32, MemoryLayout<Float>.size, false),
    (.float64, MemoryLayout<Double>.size, false),
  ])
  func sizes(type: ElementType, byteCount: Int, isInteger: Bool) {
    #expect(type.byteCount == byteCount)
    #expect(type.isInteger == isInteger)
  }

  /// The numbers of `martlet.h`, which are never renumbered.
  @Test func rawValues() {
    #expect(ElementType.allCases.map(\.rawValue) == [1, 2, 3, 4, 5])
  }
}
