// The generator against the known answers of its authors, the distributions against their own theory. Every source has a
// fixed seed, so a test that passes once passes always; bounds are 5 standard errors, which a right generator exceeds with
// probability 6e-7 for a seed chosen blindly.

import Testing

@testable import MartletCore

struct RandomSourceTests {
  static let count = 100_000

  /// The vectors for philox4x32-10 in the file kat_vectors of the authors' library Random123: all zeros, all ones, and
  /// the digits of pi.
  @Test(arguments: [
    (
      SIMD4<UInt32>(repeating: 0), SIMD2<UInt32>(repeating: 0),
      SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
    ),
    (
      SIMD4<UInt32>(repeating: .max), SIMD2<UInt32>(repeating: .max),
      SIMD4<UInt32>(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
    ),
    (
      SIMD4<UInt32>(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), SIMD2<UInt32>(0xa409_3822, 0x299f_31d0),
      SIMD4<UInt32>(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
    ),
  ])
  func knownAnswers(counter: SIMD4<UInt32>, key: SIMD2<UInt32>, expected: SIMD4<UInt32>) {
    #expect(Philox.block(counter: counter, key: key) == expected)
    let source = RandomSource(
      seed: UInt64(key[1]) << 32 | UInt64(key[0]), stream: UInt64(counter[3]) << 32 | UInt64(counter[2]))
    #expect(source.words(at: UInt64(counter[1]) << 32 | UInt64(counter[0])) == expected)
  }

  @Test func elementsReadTheBlocksInOrder() {
    let source = RandomSource(seed: 3, stream: 4)
    let block = source.words(at: 2)
    for i in 0..<4 {
      #expect(source.word(at: 8 + UInt64(i)) == block[i])
      #expect(source.uniform(at: 8 + UInt64(i)) == Float(block[i] >> 8) / 16_777_216)
    }
    #expect(source.bits(at: 4) == UInt64(block[1]) << 32 | UInt64(block[0]))
    #expect(source.bits(at: 5) == UInt64(block[3]) << 32 | UInt64(block[2]))
  }

  @Test func seedAndStreamSelectOtherNumbers() {
    let words = [(0, 0), (1, 0), (0, 1), (1 << 32, 0), (0, 1 << 32)].map { (seed: UInt64, stream: UInt64) in
      RandomSource(seed: seed, stream: stream).words(at: 0)
    }
    #expect(Set(words).count == words.count)
  }

  @Test func extremesOfUniform() {
    #expect(RandomSource.unitFloat(0) == 0)
    #expect(RandomSource.unitFloat(.max) == 1 - 0x1p-24)
    #expect(RandomSource.unitFloat(.max) < 1)
  }

  @Test func uniformMoments() {
    let source = RandomSource(seed: 1, stream: 0)
    let values = (0..<Self.count).map { Double(source.uniform(at: UInt64($0))) }
    #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
    // Fourth central moment of U(0, 1): 1/80.
    expectMoments(values, mean: 0.5, variance: 1.0 / 12, fourthMoment: 1.0 / 80)
  }

  @Test func normalMoments() {
    let source = RandomSource(seed: 2, stream: 0)
    let values = (0..<Self.count).map { source.normal(at: UInt64($0)) }
    expectMoments(values, mean: 0, variance: 1, fourthMoment: 3)
    // P(|z| <= 1) = erf(1 / sqrt 2)
    let share = Double(values.count { abs($0) <= 1 }) / Double(Self.count)
    let expected = 0.682_689_492_137_086
    #expect(abs(share - expected) <= 5 * (expected * (1 - expected) / Double(Self.count)).squareRoot())
    // Both numbers of a block come from the same words and must still be uncorrelated.
    let products = stride(from: 0, to: Self.count, by: 2).map { values[$0] * values[$0 + 1] }
    #expect(abs(products.reduce(0, +) / Double(products.count)) <= 5 / Double(products.count).squareRoot())
  }

  /// Moments of the standard normal conditioned on |z| <= 2, by partial integration with d = density, P = P(|z| <= 2):
  /// E z^2 = 1 - 4 d(2) / P, E z^4 = 3 E z^2 - 16 d(2) / P.
  @Test func truncatedNormalMoments() {
    let source = RandomSource(seed: 5, stream: 0)
    let values = (0..<Self.count).map { Double(source.truncatedNormal(at: UInt64($0))) }
    #expect(values.allSatisfy { abs($0) <= 2 })
    let ratio = 0.053_990_966_513_188_06 / 0.954_499_736_103_641_6
    let variance = 1 - 4 * ratio
    expectMoments(values, mean: 0, variance: variance, fourthMoment: 3 * variance - 16 * ratio)
    // Keras divides by this number to give its truncated initialisers the stddev that was asked for.
    #expect(abs(variance.squareRoot() - 0.879_625_661_034_239_78) <= 1e-15)
  }

  /// Sample mean and variance have standard errors sqrt(v / n) and sqrt((m4 - v^2) / n).
  private func expectMoments(_ values: [Double], mean: Double, variance: Double, fourthMoment: Double) {
    let n = Double(values.count)
    let sampleMean = values.reduce(0, +) / n
    let sampleVariance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / n
    #expect(abs(sampleMean - mean) <= 5 * (variance / n).squareRoot())
    #expect(abs(sampleVariance - variance) <= 5 * ((fourthMoment - variance * variance) / n).squareRoot())
  }
}
