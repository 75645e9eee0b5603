// Loads and stores of the first lanes of a vector, for the end of a row: halves, as far as they are full, and single
// elements of the last four. Rows are often shorter than a vector (10 classes), so this is not a rare path; it is kept
// out of line, because it occurs in every loop.

@inline(__always)
private func loadPart4(_ p: UnsafePointer<Float>, _ lanes: Int) -> SIMD4<Float> {
  switch lanes {
  case ...0: .zero
  case 1: SIMD4(p[0], 0, 0, 0)
  case 2: SIMD4(p[0], p[1], 0, 0)
  case 3: SIMD4(p[0], p[1], p[2], 0)
  default: UnsafeRawPointer(p).loadUnaligned(as: SIMD4<Float>.self)
  }
}

@inline(__always)
private func storePart4(_ v: SIMD4<Float>, _ p: UnsafeMutablePointer<Float>, _ lanes: Int) {
  if lanes >= 4 {
    UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD4<Float>.self)
    return
  }
  if lanes > 0 { p[0] = v.x }
  if lanes > 1 { p[1] = v.y }
  if lanes > 2 { p[2] = v.z }
}

#if MARTLET_AVX512 || MARTLET_AVX2
  @inline(__always)
  private func loadPart8(_ p: UnsafePointer<Float>, _ lanes: Int) -> SIMD8<Float> {
    if lanes >= 8 { return UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Float>.self) }
    if lanes <= 4 { return SIMD8(lowHalf: loadPart4(p, lanes), highHalf: .zero) }
    return SIMD8(lowHalf: loadPart4(p, 4), highHalf: loadPart4(p + 4, lanes - 4))
  }

  @inline(__always)
  private func storePart8(_ v: SIMD8<Float>, _ p: UnsafeMutablePointer<Float>, _ lanes: Int) {
    if lanes >= 8 {
      UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD8<Float>.self)
      return
    }
    storePart4(v.lowHalf, p, lanes)
    if lanes > 4 { storePart4(v.highHalf, p + 4, lanes - 4) }
  }
#endif

@inline(never)
func loadPart(_ p: UnsafePointer<Float>, _ lanes: Int) -> Vector {
  #if MARTLET_AVX512
    if lanes <= 8 { return SIMD16(lowHalf: loadPart8(p, lanes), highHalf: .zero) }
    return SIMD16(lowHalf: loadPart8(p, 8), highHalf: loadPart8(p + 8, lanes - 8))
  #elseif MARTLET_AVX2
    return loadPart8(p, lanes)
  #else
    return loadPart4(p, lanes)
  #endif
}

@inline(never)
func storePart(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ lanes: Int) {
  #if MARTLET_AVX512
    storePart8(v.lowHalf, p, lanes)
    if lanes > 8 { storePart8(v.highHalf, p + 8, lanes - 8) }
  #elseif MARTLET_AVX2
    storePart8(v, p, lanes)
  #else
    storePart4(v, p, lanes)
  #endif
}
