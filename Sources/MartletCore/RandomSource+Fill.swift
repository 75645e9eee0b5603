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

  /// mean + stddev normal(at: i), rounded once, for the elements `from ..< from + count`, the first of them to
  /// `out[0]`. `from` is even, as the numbers come in pairs.
  package func fillNormal(
    _ out: UnsafeMutablePointer<Float>, from: Int = 0, count: Int, mean: Float = 0, stddev: Float = 1
  ) {
    precondition(from % 2 == 0)
    func scaled(_ z: Double) -> Float { Float(Double(mean) + Double(stddev) * z) }
    for i in stride(from: 0, to: count, by: 2) {
      let point = normalPoint(at: UInt64((from + i) / 2))
      out[i] = scaled(point.x)
      if i + 1 < count { out[i + 1] = scaled(point.y) }
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
    let threshold = Int64((rate * 0x1p32).rounded())
    let kept = rate < 1 ? Float(1 / (1 - rate)) : 0
    forEachWord(from: UInt64(from), count: count) { i, word in
      // The sign bit of a difference, not a comparison: its branch would be mispredicted at every other element.
      let isKept = UInt64(bitPattern: threshold &- 1 &- Int64(word)) >> 63
      out[i] = Float(Int32(truncatingIfNeeded: isKept)) * kept
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

  /// Uniform in 0 ..< bound without bias: the upper half of bits * bound, drawn again if the lower half falls into the
  /// incomplete part of the range (D. Lemire, "Fast random integer generation in an interval", 2019).
  private func index(below bound: UInt64, cursor: inout UInt64) -> UInt64 {
    while true {
      let product = bits(at: cursor).multipliedFullWidth(by: bound)
      cursor += 1
      // The incomplete part, 2^64 mod bound, is less than bound: the division is hardly ever needed.
      if product.low >= bound || product.low >= (0 &- bound) % bound { return product.high }
    }
  }

  /// Calls `body(i, word(at: first + i))` for i in 0 ..< count, in order.
  @inline(__always)
  private func forEachWord(from first: UInt64, count: Int, _ body: (Int, UInt32) -> Void) {
    var i = 0
    while i < count, (first + UInt64(i)) % 4 != 0 {
      body(i, word(at: first + UInt64(i)))
      i += 1
    }
    while count - i >= 4 {
      let block = words(at: (first + UInt64(i)) / 4)
      body(i, block[0])
      body(i + 1, block[1])
      body(i + 2, block[2])
      body(i + 3, block[3])
      i += 4
    }
    while i < count {
      body(i, word(at: first + UInt64(i)))
      i += 1
    }
  }
}
