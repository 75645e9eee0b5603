// The microkernel: one tile, A panel * B panel, held in registers while k runs.
//
//     sums[r, j] = sum over k of a[k * MR + r] * b[k * bStride + j]        0 <= k < kc, in ascending order from zero
//
// `a` is a packed micropanel; `b` is a packed one (bStride = NR) or the matrix itself. Each element is one chain of
// multiply-adds, whatever else is computed along with it, so all sizes of tile give the same bits.

/// What a tile is made of.
struct Panels {
  var kc: Int
  var a: UnsafePointer<Float>
  var b: UnsafePointer<Float>
  var bStride: Int
}

/// All sums of a tile, in registers.
typealias Sums<let rows: Int> = InlineArray<rows, TileRow>
private typealias NarrowSums<let rows: Int> = InlineArray<rows, InlineArray<1, Vector>>

@inline(__always)
func accumulate<let rows: Int, let vectors: Int>(
  _ sums: inout InlineArray<rows, InlineArray<vectors, Vector>>, _ panels: Panels
) {
  var (a, b) = (panels.a, panels.b)
  for _ in 0..<panels.kc { step(&sums, &a, &b, panels.bStride) }
}

/// The same, with a call of `prefetchRow` for each row of the tile, which asks for the memory that the row will be
/// combined with and go to. The calls are spread over a long k, as many requests at once would stand in the way of the
/// panels. Tiles of a short k follow each other so fast that the processor sees by itself what comes next.
@inline(__always)
func accumulate<let rows: Int, let vectors: Int>(
  _ sums: inout InlineArray<rows, InlineArray<vectors, Vector>>, _ panels: Panels, prefetchRow: (_ r: Int) -> Void
) {
  var (a, b) = (panels.a, panels.b)
  var rest = panels.kc
  if panels.kc >= 2 * rows {
    let part = panels.kc / rows
    for r in 0..<rows {
      prefetchRow(r)
      for _ in 0..<part { step(&sums, &a, &b, panels.bStride) }
    }
    rest -= part * rows
  }
  for _ in 0..<rest { step(&sums, &a, &b, panels.bStride) }
}

@inline(__always)
private func step<let rows: Int, let vectors: Int>(
  _ sums: inout InlineArray<rows, InlineArray<vectors, Vector>>, _ a: inout UnsafePointer<Float>,
  _ b: inout UnsafePointer<Float>, _ bStride: Int
) {
  var bRow = InlineArray<vectors, Vector>(repeating: .zero)
  for v in 0..<vectors { bRow[v] = load(b + v * width) }
  for r in 0..<rows {
    let element = Vector(repeating: a[r])
    for v in 0..<vectors { sums[r][v] = multiplyAdd(element, bRow[v], sums[r][v]) }
  }
  a += MR
  b += bStride
}

/// The product of two panels in a buffer with row stride NR, of at least `rows` <= MR and `columns` <= NR: full, or at
/// the edges one of the smaller sizes, so that a matrix with few rows or columns does not pay for a full tile. Elements
/// that this rounding adds are written too; what is read for them must exist, which zeros in the packed panels see to.
func bufferTile(_ panels: Panels, rows: Int, columns: Int, _ buffer: UnsafeMutablePointer<Float>) {
  let isNarrow = columns <= width
  #if MARTLET_AVX512
    if rows > 8 { return isNarrow ? narrowTile12(panels, buffer) : tile12(panels, buffer) }
    if rows > 4 { return isNarrow ? narrowTile8(panels, buffer) : tile8(panels, buffer) }
  #endif
  if rows > 1 { return isNarrow ? narrowTile4(panels, buffer) : tile4(panels, buffer) }
  isNarrow ? narrowTile1(panels, buffer) : tile1(panels, buffer)
}

@inline(__always)
private func compute<let rows: Int, let vectors: Int>(
  _: InlineArray<rows, InlineArray<vectors, Vector>>.Type, _ panels: Panels, _ buffer: UnsafeMutablePointer<Float>
) {
  var sums = InlineArray<rows, InlineArray<vectors, Vector>>(repeating: .init(repeating: .zero))
  accumulate(&sums, panels)
  for r in 0..<rows {
    for v in 0..<vectors { store(sums[r][v], buffer + r * NR + v * width) }
  }
}

#if MARTLET_AVX512
  @inline(never)
  private func tile12(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(Sums<12>.self, panels, buffer)
  }

  @inline(never)
  private func narrowTile12(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(NarrowSums<12>.self, panels, buffer)
  }

  @inline(never)
  private func tile8(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(Sums<8>.self, panels, buffer)
  }

  @inline(never)
  private func narrowTile8(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(NarrowSums<8>.self, panels, buffer)
  }
#endif

@inline(never)
private func tile4(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute(Sums<4>.self, panels, buffer)
}

@inline(never)
private func narrowTile4(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute(NarrowSums<4>.self, panels, buffer)
}

@inline(never)
private func tile1(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute(Sums<1>.self, panels, buffer)
}

@inline(never)
private func narrowTile1(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute(NarrowSums<1>.self, panels, buffer)
}
