// The source of all randomness: the counter-based generator Philox4x32-10 of J. K. Salmon, M. A. Moraes, R. O. Dror and
// D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
//
// There is no state to advance: a number is a function of (seed, stream, index). So it does not matter which thread
// asks, in what order or how often, and a run that resumes needs to remember positions only. Functions for whole arrays
// are in RandomSource+Fill.swift.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Random numbers by index, out of one stream of one seed.
///
/// The functions below read the same words, each in its own way: numbers that must be independent of each other come
/// from different streams or from different indices of one function.
package struct RandomSource: Sendable, Equatable {
  package let seed: UInt64
  package let stream: UInt64

  package init(seed: UInt64, stream: UInt64) {
    self.seed = seed
    self.stream = stream
  }

  /// The block of four random words at `position`: the key is the seed, the counter is (position, stream).
  @inline(__always)
  package func words(at position: UInt64) -> SIMD4<UInt32> {
    Philox.block(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// Word `index`: four to a block.
  package func word(at index: UInt64) -> UInt32 {
    words(at: index / 4)[Int(index % 4)]
  }

  /// 64 random bits: two to a block.
  package func bits(at index: UInt64) -> UInt64 {
    let block = words(at: index / 2)
    return index % 2 == 0 ? RandomSource.join(block[1], block[0]) : RandomSource.join(block[3], block[2])
  }

  /// Uniform in [0, 1): a multiple of 2^-24.
  package func uniform(at index: UInt64) -> Float {
    RandomSource.unitFloat(word(at: index))
  }

  /// Standard normal: two to a block.
  package func normal(at index: UInt64) -> Double {
    let point = normalPoint(at: index / 2)
    return index % 2 == 0 ? point.x : point.y
  }

  /// Standard normal, conditioned on |z| <= 2.
  ///
  /// Rejection, with a run of blocks of its own for each index: the first normal of the run that lies within the bound.
  /// A block fails with probability (1 - P(|z| <= 2))^2 = 0.0021, so a run that fails, which gives 0, is never met
  /// (1e-43).
  package func truncatedNormal(at index: UInt64) -> Float {
    let attempts: UInt64 = 16
    for attempt in 0..<attempts {
      let point = normalPoint(at: index &* attempts &+ attempt)
      let x = point.x
      if abs(x) <= 2 { return Float(x) }
      let y = point.y
      if abs(y) <= 2 { return Float(y) }
    }
    return 0
  }

  /// Two independent standard normals: the coordinates of a point given by distance and angle (G. E. P. Box and
  /// M. E. Muller, 1958). Computed only when asked for.
  struct NormalPoint {
    let radius: Double
    let angle: Double
    var x: Double { radius * cos(angle) }
    var y: Double { radius * sin(angle) }
  }

  /// The point of a block: radius = sqrt(-2 log u), angle = 2 pi v, with u in (0, 1] and v in [0, 1).
  func normalPoint(at position: UInt64) -> NormalPoint {
    let block = words(at: position)
    let u = Double((RandomSource.join(block[1], block[0]) >> 11) + 1) * 0x1p-53
    let v = Double(RandomSource.join(block[3], block[2]) >> 11) * 0x1p-53
    return NormalPoint(radius: (-2 * log(u)).squareRoot(), angle: 2 * Double.pi * v)
  }

  /// The upper 24 bits of a word as a multiple of 2^-24 in [0, 1): exact in `Float`.
  static func unitFloat(_ word: UInt32) -> Float {
    Float(word >> 8) * 0x1p-24
  }

  private static func join(_ high: UInt32, _ low: UInt32) -> UInt64 {
    UInt64(high) << 32 | UInt64(low)
  }
}

/// The bijection of 128-bit counters that a 64-bit key selects.
enum Philox {
  static let rounds = 10

  /// Multipliers and the increments of the key (a Weyl sequence), from the paper.
  static let multiplier0: UInt32 = 0xD251_1F53
  static let multiplier1: UInt32 = 0xCD9E_8D57
  static let increment0: UInt32 = 0x9E37_79B9
  static let increment1: UInt32 = 0xBB67_AE85

  /// Scalars, not vectors: at 128 bits a vector version is slower than the processor's overlap of scalar blocks.
  @inline(__always)
  static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (x0, x1, x2, x3) = (counter[0], counter[1], counter[2], counter[3])
    var (key0, key1) = (key[0], key[1])
    for _ in 0..<rounds {
      let product0 = UInt64(x0) &* UInt64(multiplier0)
      let product1 = UInt64(x2) &* UInt64(multiplier1)
      (x0, x1, x2, x3) = (
        UInt32(truncatingIfNeeded: product1 >> 32) ^ x1 ^ key0, UInt32(truncatingIfNeeded: product1),
        UInt32(truncatingIfNeeded: product0 >> 32) ^ x3 ^ key1, UInt32(truncatingIfNeeded: product0)
      )
      key0 &+= increment0
      key1 &+= increment1
    }
    return SIMD4(x0, x1, x2, x3)
  }
}
