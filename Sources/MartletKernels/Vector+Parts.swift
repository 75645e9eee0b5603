// Loads and stores of the first lanes of a vector, for the end of a row. Rows are often shorter than a vector (10
// classes), so this is not a rare path. AVX-512 has masks for it; elsewhere a vector is taken in halves, as far as they
// are full, and single elements of the last four, out of line, because it occurs in every loop.

import CMartletCPU

#if !MARTLET_AVX512
  @inline(always)
  private func loadPart4(_ p: UnsafePointer<Float>, _ lanes: Int) -> SIMD4<Float> {
    switch lanes {
    case ...0: .zero
    case 1: SIMD4(p[0], 0, 0, 0)
    case 2: SIMD4(p[0], p[1], 0, 0)
    case 3: SIMD4(p[0], p[1], p[2], 0)
    default: martlet_load4(p)
    }
  }

  @inline(always)
  private func storePart4(_ v: SIMD4<Float>, _ p: UnsafeMutablePointer<Float>, _ lanes: Int) {
    if lanes >= 4 { return martlet_store4(v, p) }
    if lanes > 0 { p[0] = v.x }
    if lanes > 1 { p[1] = v.y }
    if lanes > 2 { p[2] = v.z }
  }

  @inline(never)
  func loadPart(_ p: UnsafePointer<Float>, _ lanes: Int) -> Vector {
    #if MARTLET_AVX2
      if lanes <= 4 { return SIMD8(lowHalf: loadPart4(p, lanes), highHalf: .zero) }
      return SIMD8(lowHalf: martlet_load4(p), highHalf: loadPart4(p + 4, lanes - 4))
    #else
      return loadPart4(p, lanes)
    #endif
  }

  @inline(never)
  func storePart(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ lanes: Int) {
    #if MARTLET_AVX2
      storePart4(v.lowHalf, p, lanes)
      if lanes > 4 { storePart4(v.highHalf, p + 4, lanes - 4) }
    #else
      storePart4(v, p, lanes)
    #endif
  }
#endif
