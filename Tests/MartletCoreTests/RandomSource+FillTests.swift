// Arrays of random numbers agree with the functions of one index, however they are cut into parts.

import Testing

@testable import MartletCore

struct RandomSourceFillTests {
  let source = RandomSource(seed: 0x1234_5678_9ABC_DEF0, stream: 7)

  private func array(_ count: Int, _ fill: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
    // One guard element behind the end shows a write too far.
    let values = [Float](unsafeUninitializedCapacity: count + 1) { buffer, initializedCount in
      buffer.initialize(repeating: -77)
      fill(buffer.baseAddress!)
      initializedCount = count + 1
    }
    #expect(values[count] == -77)
    return Array(values.dropLast())
  }

  @Test func fillsEqualTheFunctionsOfOneIndex() {
    for count in [0, 1, 2, 3, 4, 5, 7, 8, 31, 64, 101] {
      let indices = (0..<count).map(UInt64.init)
      #expect(
        array(count) { source.fillUniform($0, count: count, low: -0.5, high: 1.5) }
          == indices.map { -0.5 + 2 * source.uniform(at: $0) })
      #expect(
        array(count) { source.fillNormal($0, count: count, mean: 1, stddev: 0.25) }
          == indices.map { Float(1 + 0.25 * source.normal(at: $0)) })
      #expect(
        array(count) { source.fillTruncatedNormal($0, count: count, mean: 1, stddev: 0.25) }
          == indices.map { 1 + 0.25 * source.truncatedNormal(at: $0) })
    }
  }

  @Test func normalNumbersAreTheSameInParts() {
    let count = 203
    let whole = array(count) { source.fillNormal($0, count: count, stddev: 3) }
    for cut in stride(from: 0, through: count, by: 2) {
      let parts = array(count) {
        source.fillNormal($0, count: cut, stddev: 3)
        source.fillNormal($0 + cut, from: cut, count: count - cut, stddev: 3)
      }
      #expect(parts == whole)
    }
  }

  @Test func dropoutMaskIsTheSameInParts() {
    let count = 203
    let whole = array(count) { source.fillDropoutMask($0, from: 0, count: count, rate: 0.4) }
    #expect(whole == (0..<count).map { Double(source.word(at: UInt64($0))) < 0.4 * 0x1p32 ? 0 : Float(1 / 0.6) })
    for cut in 0...count {
      let parts =
        array(cut) { source.fillDropoutMask($0, from: 0, count: cut, rate: 0.4) }
        + array(count - cut) { source.fillDropoutMask($0, from: cut, count: count - cut, rate: 0.4) }
      #expect(parts == whole, "cut at \(cut)")
    }
  }

  @Test func dropoutMaskAtTheEndsOfTheRange() {
    #expect(array(1000) { source.fillDropoutMask($0, from: 0, count: 1000, rate: 0) }.allSatisfy { $0 == 1 })
    #expect(array(1000) { source.fillDropoutMask($0, from: 0, count: 1000, rate: 1) }.allSatisfy { $0 == 0 })
    // Positions beyond 32 bits are positions of their own.
    let far = array(64) { source.fillDropoutMask($0, from: 1 << 40, count: 64, rate: 0.5) }
    #expect(far != array(64) { source.fillDropoutMask($0, from: 0, count: 64, rate: 0.5) })
  }

  @Test(arguments: [0.1, 0.5, 0.9])
  func dropoutRate(rate: Double) {
    let count = 100_000
    let mask = array(count) { source.fillDropoutMask($0, from: 0, count: count, rate: rate) }
    let dropped = Double(mask.count { $0 == 0 }) / Double(count)
    // 5 standard errors of a binomial share.
    #expect(abs(dropped - rate) <= 5 * (rate * (1 - rate) / Double(count)).squareRoot())
  }

  @Test func permutationHoldsEachNumberOnce() {
    for count in [0, 1, 2, 3, 10, 1000] {
      let order = permutation(source, count)
      #expect(order.sorted() == Array(0..<count))
      #expect(order == permutation(source, count))
    }
    #expect(permutation(source, 1000) != permutation(RandomSource(seed: source.seed, stream: 8), 1000))
  }

  /// Each of the 24 orders of 4 elements is equally likely: chi-squared with 23 degrees of freedom has mean 23 and
  /// variance 46; 23 + 5 sqrt(46) = 57 is exceeded with probability 1e-4 by a seed chosen blindly.
  @Test func permutationsAreUniform() {
    let draws = 24_000
    var counts: [[Int]: Int] = [:]
    for stream in 0..<draws {
      counts[permutation(RandomSource(seed: 11, stream: UInt64(stream)), 4), default: 0] += 1
    }
    #expect(counts.count == 24)
    let expected = Double(draws) / 24
    let chiSquared = counts.values.map { (Double($0) - expected) * (Double($0) - expected) / expected }.reduce(0, +)
    #expect(chiSquared < 57)
  }

  private func permutation(_ source: RandomSource, _ count: Int) -> [Int] {
    [Int](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      if let base = buffer.baseAddress { source.permutation(into: base, count: count) }
      initializedCount = count
    }
  }
}
