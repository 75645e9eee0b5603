// The microkernel: one tile, tile = A panel * B panel, held in registers while k runs.
//
//     tile[r, j] = sum over k of a[k * MR + r] * b[k * bStride + j]        0 <= k < kc, in ascending order from zero
//
// `a` is a packed micropanel; `b` is a packed one (bStride = NR) or the matrix itself. The tile is row-major with row
// stride NR. Each element is one chain of multiply-adds, whatever else is computed along with it, so all sizes of tile
// give the same bits.

/// The product of two panels in a tile of at least `rows` <= MR and `columns` <= NR: full, or at the edges one of the
/// smaller sizes, so that a matrix with few rows or columns does not pay for a full tile. Elements that this rounding
/// adds are written too; what is read for them must exist, which zeros in the packed panels see to.
func computeTile(
  rows: Int, columns: Int, kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, bStride: Int,
  _ tile: UnsafeMutablePointer<Float>
) {
  let isNarrow = columns <= width
  #if MARTLET_AVX512
    if rows > 8 { return isNarrow ? narrowTile12(kc, a, b, bStride, tile) : tile12(kc, a, b, bStride, tile) }
    if rows > 4 { return isNarrow ? narrowTile8(kc, a, b, bStride, tile) : tile8(kc, a, b, bStride, tile) }
  #endif
  if rows > 1 { return isNarrow ? narrowTile4(kc, a, b, bStride, tile) : tile4(kc, a, b, bStride, tile) }
  isNarrow ? narrowTile1(kc, a, b, bStride, tile) : tile1(kc, a, b, bStride, tile)
}

/// All sums of a tile, in registers.
private typealias Sums<let rows: Int> = InlineArray<rows, TileRow>
private typealias NarrowSums<let rows: Int> = InlineArray<rows, InlineArray<1, Vector>>

@inline(__always)
private func microkernel<let rows: Int, let vectors: Int>(
  _: InlineArray<rows, InlineArray<vectors, Vector>>.Type, _ kc: Int, _ a: UnsafePointer<Float>,
  _ b: UnsafePointer<Float>, _ bStride: Int, _ tile: UnsafeMutablePointer<Float>, rowStride: Int = NR,
  adds: Bool = false
) {
  var sums = InlineArray<rows, InlineArray<vectors, Vector>>(repeating: .init(repeating: .zero))
  var (a, b) = (a, b)
  for _ in 0..<kc {
    var bRow = InlineArray<vectors, Vector>(repeating: .zero)
    for v in 0..<vectors { bRow[v] = load(b + v * width) }
    for r in 0..<rows {
      let element = Vector(repeating: a[r])
      for v in 0..<vectors { sums[r][v] = multiplyAdd(element, bRow[v], sums[r][v]) }
    }
    a += MR
    b += bStride
  }
  if adds {
    for r in 0..<rows {
      for v in 0..<vectors {
        let p = tile + r * rowStride + v * width
        store(load(p) + sums[r][v], p)
      }
    }
  } else {
    for r in 0..<rows {
      for v in 0..<vectors { store(sums[r][v], tile + r * rowStride + v * width) }
    }
  }
}

/// A full tile, written or added to C without a stop in the buffer: chunks before the last, and plain products.
@inline(never)
func computeTileInPlace(
  kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, bStride: Int, _ c: UnsafeMutablePointer<Float>,
  cRowStride: Int, adds: Bool
) {
  #if MARTLET_AVX512
    microkernel(Sums<12>.self, kc, a, b, bStride, c, rowStride: cRowStride, adds: adds)
  #else
    microkernel(Sums<4>.self, kc, a, b, bStride, c, rowStride: cRowStride, adds: adds)
  #endif
}

#if MARTLET_AVX512
  @inline(never)
  private func tile12(
    _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ tile: UnsafeMutablePointer<Float>
  ) {
    microkernel(Sums<12>.self, kc, a, b, bStride, tile)
  }

  @inline(never)
  private func narrowTile12(
    _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ tile: UnsafeMutablePointer<Float>
  ) {
    microkernel(NarrowSums<12>.self, kc, a, b, bStride, tile)
  }

  @inline(never)
  private func tile8(
    _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ tile: UnsafeMutablePointer<Float>
  ) {
    microkernel(Sums<8>.self, kc, a, b, bStride, tile)
  }

  @inline(never)
  private func narrowTile8(
    _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ tile: UnsafeMutablePointer<Float>
  ) {
    microkernel(NarrowSums<8>.self, kc, a, b, bStride, tile)
  }
#endif

@inline(never)
private func tile4(
  _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
  _ tile: UnsafeMutablePointer<Float>
) {
  microkernel(Sums<4>.self, kc, a, b, bStride, tile)
}

@inline(never)
private func narrowTile4(
  _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
  _ tile: UnsafeMutablePointer<Float>
) {
  microkernel(NarrowSums<4>.self, kc, a, b, bStride, tile)
}

@inline(never)
private func tile1(
  _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
  _ tile: UnsafeMutablePointer<Float>
) {
  microkernel(Sums<1>.self, kc, a, b, bStride, tile)
}

@inline(never)
private func narrowTile1(
  _ kc: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ bStride: Int,
  _ tile: UnsafeMutablePointer<Float>
) {
  microkernel(NarrowSums<1>.self, kc, a, b, bStride, tile)
}
