// Group and layer normalisation beside the reference kernels in double, over sizes of groups around the vector widths and
// places around a chunk; and parts of the channels, which must not change a bit.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct GroupNormalizationTests {
  private struct Results<Scalar> {
    var y: [Scalar]
    var dX: [Scalar]
    var dBeta: [Scalar]
    var dGamma: [Scalar]
  }

  private func run<Scalar>(
    _ table: KernelTable<Scalar>, rows: Int, places: Int, groups: Int, size: Int, inParts: Bool = false
  ) -> Results<Scalar> where Scalar: BinaryFloatingPoint {
    let channels = groups * size
    let count = rows * places * channels
    let x = SeededNumbers(1).seeded(count).map { Scalar($0 + 3) }
    let dY = SeededNumbers(2).seeded(count).map { Scalar($0) }
    let (gamma, beta) = (
      SeededNumbers(3).seeded(channels).map { Scalar($0) }, [Scalar](repeating: 0.5, count: channels)
    )
    let none = [Scalar](repeating: 99, count: channels)
    let empty = [Scalar](repeating: 99, count: count)
    var results = Results(y: empty, dX: empty, dBeta: none, dGamma: none)
    var mean = [Scalar](repeating: 99, count: rows * groups)
    var deviation = mean
    mean.withUnsafeMutableBufferPointer { mean in
      deviation.withUnsafeMutableBufferPointer { deviation in
        x.withUnsafeBufferPointer { x in
          gamma.withUnsafeBufferPointer { gamma in
            let arguments = GroupNormalizationArguments(
              rows: rows, places: places, channels: channels, groups: groups, x: x.baseAddress!,
              mean: mean.baseAddress!, deviation: deviation.baseAddress!, gamma: gamma.baseAddress!)
            table.groupNormalization(arguments, 1e-3, beta, &results.y)
            for part in inParts ? [0..<(channels / 2), (channels / 2)..<channels] : [0..<channels] {
              table.groupNormalizationSums(arguments, part, dY, &results.dBeta, &results.dGamma)
            }
            table.groupNormalizationGradient(arguments, dY, &results.dX)
          }
        }
      }
    }
    return results
  }

  @Test("group normalisation", arguments: tables)
  func beside(_ table: KernelTable<Float>) {
    for (rows, places, groups) in [(3, 1, 1), (2, 5, 3), (2, 255, 1), (1, 300, 2)] {
      for size in [1, 3, 4, 5, 8, 15, 16, 17, 33] where places * size > 1 {
        let found = run(table, rows: rows, places: places, groups: groups, size: size)
        let parts = run(table, rows: rows, places: places, groups: groups, size: size, inParts: true)
        let expected = run(oracle, rows: rows, places: places, groups: groups, size: size)
        #expect(sameBits(found.dBeta, parts.dBeta) && sameBits(found.dGamma, parts.dGamma))
        for (name, values, exact) in [
          ("y", found.y, expected.y), ("dX", found.dX, expected.dX), ("dBeta", found.dBeta, expected.dBeta),
          ("dGamma", found.dGamma, expected.dGamma),
        ] {
          // Sums of up to 300 places in chains of 256: their relative error is below 300 u, of numbers around 3. The
          // deviation multiplies it by up to 1 / sqrt(epsilon) = 32 for each x - mean where a group has few elements.
          let conditioning: Double = places * size < 30 ? 32 * 32 : 8
          let scale = max(1, exact.map(abs).max() ?? 0) * 4
          let worst = worstError(values, exact) { _ in 300 * u * conditioning * scale }
          #expect(worst.ratio <= 1, "\(name), \(rows) x \(places), \(groups) groups of \(size), index \(worst.index)")
        }
      }
    }
  }
}
