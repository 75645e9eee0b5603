// The vector that this module computes with, and the few operations on it that are not in the standard library. The
// kernel modules are this folder, compiled once for each instruction set; what differs between them is here and in
// GEMM/Blocking.swift, and beside them only how something of that size is written. On arm64 there is one module, for
// NEON, which every such processor has.

import CMartletCPU

#if MARTLET_AVX512
  typealias Vector = SIMD16<Float>
  typealias IntegerVector = SIMD16<Int32>
#elseif MARTLET_AVX2
  typealias Vector = SIMD8<Float>
  typealias IntegerVector = SIMD8<Int32>
#else
  typealias Vector = SIMD4<Float>
  typealias IntegerVector = SIMD4<Int32>
#endif

/// Lanes of a vector.
@inline(__always) var width: Int { Vector.scalarCount }

/// Whether loading a part of a vector takes no longer than loading all of it.
@inline(__always)
var hasMasks: Bool {
  #if MARTLET_AVX512
    true
  #else
    false
  #endif
}

/// a b + c. One rounding where the instruction set has a fused operation; two in the baseline, where it would be a call
/// of libm per lane.
@inline(__always)
func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
  #if MARTLET_AVX512 || MARTLET_AVX2 || arch(arm64)
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

/// The square root of each lane.
@inline(__always)
func squareRoot(_ x: Vector) -> Vector {
  #if MARTLET_AVX512
    martlet_square_root16(x)
  #elseif MARTLET_AVX2
    martlet_square_root8(x)
  #else
    martlet_square_root4(x)
  #endif
}

/// Call `body` for `count` elements, one vector at a time, with the index of its first element and its number of lanes:
/// `width`, and what remains at the end. As `width` is a constant there, `load` and `store` in an inlined body become
/// plain vector moves. The last elements go through the same vector operations as all others, so that an element's
/// bits do not depend on its position.
@inline(__always)
func forEachVector(_ count: Int, _ body: (_ index: Int, _ lanes: Int) -> Void) {
  var i = 0
  while i + width <= count {
    body(i, width)
    i += width
  }
  if i < count { body(i, count - i) }
}

/// The first `lanes` elements at `p`, zero in the other lanes.
@inline(__always)
func load(_ p: UnsafePointer<Float>, _ lanes: Int = Vector.scalarCount) -> Vector {
  #if MARTLET_AVX512
    // No branch: where all lanes are meant, as most often, the mask is a constant and goes away.
    return martlet_load_part16(p, lanes)
  #else
    guard lanes == width else { return loadPart(p, lanes) }
    #if MARTLET_AVX2
      return martlet_load8(p)
    #else
      return martlet_load4(p)
    #endif
  #endif
}

/// Write the first `lanes` lanes to `p`.
@inline(__always)
func store(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ lanes: Int = Vector.scalarCount) {
  #if MARTLET_AVX512
    martlet_store_part16(v, p, lanes)
  #else
    guard lanes == width else { return storePart(v, p, lanes) }
    #if MARTLET_AVX2
      martlet_store8(v, p)
    #else
      martlet_store4(v, p)
    #endif
  #endif
}

// Reductions halve the vector again and again, so that the order is always the same tree. The standard library's `sum`
// and `max` are generic functions, whose specialisations would be shared by modules for different instruction sets.

/// Sum of all lanes.
@inline(__always)
func sum(_ v: SIMD4<Float>) -> Float { (v.x + v.z) + (v.y + v.w) }

/// The greatest lane; there is no NaN among them.
@inline(__always)
func greatestLane(_ v: SIMD4<Float>) -> Float { max(max(v.x, v.z), max(v.y, v.w)) }

#if MARTLET_AVX512 || MARTLET_AVX2
  @inline(__always)
  func sum(_ v: SIMD8<Float>) -> Float { sum(martlet_low_half8(v) + martlet_high_half8(v)) }

  @inline(__always)
  func greatestLane(_ v: SIMD8<Float>) -> Float {
    let (low, high) = (martlet_low_half8(v), martlet_high_half8(v))
    return greatestLane(low.replacing(with: high, where: high .> low))
  }
#endif

#if MARTLET_AVX512
  @inline(__always)
  func sum(_ v: SIMD16<Float>) -> Float { sum(martlet_low_half16(v) + martlet_high_half16(v)) }

  @inline(__always)
  func greatestLane(_ v: SIMD16<Float>) -> Float {
    let (low, high) = (martlet_low_half16(v), martlet_high_half16(v))
    return greatestLane(low.replacing(with: high, where: high .> low))
  }
#endif
