// Initialisers against the moments and bounds of their distributions.

import MartletCore
import MartletNN
import Testing

@Suite struct InitializerTests {
  private static let fanIn = 300
  private static let fanOut = 200

  private func draw(_ initializer: Initializer, seed: UInt64 = 1) -> [Float] {
    var values = [Float](repeating: -7, count: Self.fanIn * Self.fanOut)
    values.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress {
        initializer.fill(
          base, count: buffer.count, fanIn: Self.fanIn, fanOut: Self.fanOut, source: RandomSource(seed: seed, stream: 0)
        )
      }
    }
    return values
  }

  /// With n draws the mean has deviation sigma / sqrt(n); the standard deviation less than sigma / sqrt(n) for these
  /// distributions. Five of those happen by chance less than once in a million times, and the seed is fixed.
  private func check(_ values: [Float], deviation: Double, bound: Double) {
    let n = Double(values.count)
    let mean = values.reduce(0.0) { $0 + Double($1) } / n
    let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
    let slack = 5 * deviation / n.squareRoot()
    #expect(abs(mean) < slack)
    #expect(abs(variance.squareRoot() - deviation) < slack)
    #expect(values.allSatisfy { abs(Double($0)) <= bound * (1 + 1e-6) })
  }

  @Test func glorot() {
    let sum = Double(Self.fanIn + Self.fanOut)
    let limit = (6 / sum).squareRoot()
    check(draw(.glorotUniform), deviation: limit / 3.0.squareRoot(), bound: limit)
    let deviation = (2 / sum).squareRoot()
    check(draw(.glorotNormal), deviation: deviation, bound: 2 * deviation / 0.87962566103423978)
  }

  @Test func he() {
    let limit = (6 / Double(Self.fanIn)).squareRoot()
    check(draw(.heUniform), deviation: limit / 3.0.squareRoot(), bound: limit)
    let deviation = (2 / Double(Self.fanIn)).squareRoot()
    check(draw(.heNormal), deviation: deviation, bound: 2 * deviation / 0.87962566103423978)
  }

  @Test func normalAndConstants() {
    check(draw(.randomNormal(standardDeviation: 0.01)), deviation: 0.01, bound: 0.06)
    #expect(draw(.zeros).allSatisfy { $0 == 0 })
    #expect(draw(.constant(0.25)).allSatisfy { $0 == 0.25 })
  }

  @Test func seeds() {
    #expect(draw(.glorotUniform, seed: 1) == draw(.glorotUniform, seed: 1))
    #expect(draw(.glorotUniform, seed: 1) != draw(.glorotUniform, seed: 2))
  }
}
