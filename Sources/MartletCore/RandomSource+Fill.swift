// Arrays of random numbers. Element i of an array is what the function of one index gives for i, whatever the count, so
// an array may be filled in parts and by several threads.

extension RandomSource {
  /// low + (high - low) uniform(at: i), in `Float`. Rounding may reach `high`.
  package func fillUniform(_ out: UnsafeMutablePointer<Float>, count: Int, low: Float, high: Float) {
    let width = high - low
    forEachWord(from: 0, count: count) { i, word in
      out[i] = low + width * RandomSource.unitFloat(word)
    }
  }

  /// mean + stddev normal(at: i), rounded once.
  package func fillNormal(_ out: UnsafeMutablePointer<Float>, count: Int, mean: Float = 0, stddev: Float = 1) {
    for i in 0..<count {
      out[i] = Float(Double(mean) + Double(stddev) * normal(at: UInt64(i)))
    }
  }

  /// mean + stddev truncatedNormal(at: i), in `Float`.
  package func fillTruncatedNormal(_ out: UnsafeMutablePointer<Float>, count: Int, mean: Float = 0, stddev: Float = 1) {
    for i in 0..<count {
      out[i] = mean + stddev * truncatedNormal(at: UInt64(i))
    }
  }

  /// Elements `from ..< from + count` of a dropout mask, the first of them to `out[0]`: 0 with probability `rate`, else
  /// 1 / (1 - rate). `rate` is in [0, 1] and is met to 2^-32.
  package func fillDropoutMask(_ out: UnsafeMutablePointer<Float>, from: Int, count: Int, rate: Double) {
    let threshold = UInt64((rate * 0x1p32).rounded())
    let kept = Float(1 / (1 - rate))
    forEachWord(from: UInt64(from), count: count) { i, word in
      out[i] = UInt64(word) < threshold ? 0 : kept
    }
  }

  /// A uniformly random order of 0 ..< count (Fisher-Yates).
  package func permutation(into out: UnsafeMutablePointer<Int>, count: Int) {
    var cursor: UInt64 = 0
    for i in 0..<count {
      out[i] = i
    }
    for i in stride(from: count - 1, to: 0, by: -1) {
      let j = Int(index(below: UInt64(i) + 1, cursor: &cursor))
      (out[i], out[j]) = (out[j], out[i])
    }
  }

  /// Uniform in 0 ..< bound without bias: the upper half of bits * bound, where products whose lower half falls into the
  /// incomplete part of the range are drawn again (D. Lemire, "Fast random integer generation in an interval", 2019).
  private func index(below bound: UInt64, cursor: inout UInt64) -> UInt64 {
    let incomplete = (0 &- bound) % bound
    while true {
      let product = bits(at: cursor).multipliedFullWidth(by: bound)
      cursor += 1
      if product.low >= incomplete { return product.high }
    }
  }

  /// Calls `body(i, word(at: first + i))` for i in 0 ..< count, in order.
  @inline(__always)
  private func forEachWord(from first: UInt64, count: Int, _ body: (Int, UInt32) -> Void) {
    var i = 0
    // Up to the first whole block, one by one.
    while i < count, (first + UInt64(i)) % 4 != 0 {
      body(i, word(at: first + UInt64(i)))
      i += 1
    }
    let wordsPerStep = 4 * Philox.laneCount
    while count - i >= wordsPerStep {
      let (w0, w1, w2, w3) = Philox.blocks(at: (first + UInt64(i)) / 4, of: self)
      for lane in 0..<Philox.laneCount {
        body(i + 4 * lane, UInt32(truncatingIfNeeded: w0[lane]))
        body(i + 4 * lane + 1, UInt32(truncatingIfNeeded: w1[lane]))
        body(i + 4 * lane + 2, UInt32(truncatingIfNeeded: w2[lane]))
        body(i + 4 * lane + 3, UInt32(truncatingIfNeeded: w3[lane]))
      }
      i += wordsPerStep
    }
    while i < count {
      body(i, word(at: first + UInt64(i)))
      i += 1
    }
  }
}
