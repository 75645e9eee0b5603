// Elements that are moved: every one of them, bit by bit.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct RearrangementTests {
  @Test("A matrix of two rows by hand", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    var y = [Float](repeating: -1, count: 7)
    table.swapAxes([1, 2, 3, 4, 5, 6], &y, 1, 2, 3, 1)
    #expect(y == [1, 4, 2, 5, 3, 6, -1])
    table.swapAxes([1, 2, 3, 4, 5, 6], &y, 1, 1, 3, 2)
    #expect(y == [1, 2, 3, 4, 5, 6, -1])
    table.swapAxes([1, 2, 3, 4, 5, 6, 7, 8], &y, 1, 0, 4, 2)
    #expect(y == [1, 2, 3, 4, 5, 6, -1])
  }

  @Test("Against the oracle over edge sizes", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    for blocks in [0, 1, 3] {
      for (first, second) in [(1, 1), (1, 7), (7, 1), (2, 3), (15, 17), (16, 16), (17, 15), (33, 64)] {
        for inner in [1, 2, 3, 16, 19] {
          let x = (0..<(blocks * first * second * inner)).map { Float($0) }
          var y = [Float](repeating: -1, count: x.count + 1)
          var expected = [Double](repeating: -1, count: x.count + 1)
          table.swapAxes(x, &y, blocks, first, second, inner)
          oracle.swapAxes(doubles(x), &expected, blocks, first, second, inner)
          #expect(doubles(y) == expected, "\(blocks) x \(first) x \(second) x \(inner)")
          // Twice is nothing.
          var back = x
          table.swapAxes(y, &back, blocks, second, first, inner)
          #expect(back == x)
        }
      }
    }
  }
}
