// Numbers to test with. Tests/arm64 is compiled with this file too, so it imports nothing.

/// SplitMix64: the same numbers in every run.
struct SeededNumbers {
  private var state: UInt64
  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  mutating func bits() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func float(_ low: Float = -1, _ high: Float = 1) -> Float {
    low + (high - low) * Float(bits() >> 40) * 0x1p-24
  }

  mutating func floats(_ count: Int, _ low: Float = -1, _ high: Float = 1) -> [Float] {
    (0..<count).map { _ in float(low, high) }
  }

  /// The numbers that `floats` would give, without advancing.
  func seeded(_ count: Int, _ low: Float = -1, _ high: Float = 1) -> [Float] {
    var copy = self
    return copy.floats(count, low, high)
  }
}
