// The microkernel: one tile, A panel * B panel, held in registers while k runs.
//
//     sums[r, j] = sum over k of a[r * aRowStride + k * aStride] * b[k * bStride + j]
//
// with 0 <= k < kc, in ascending order from zero. `a` is a packed micropanel (aRowStride = 1, aStride = MR) or the
// matrix itself, where the elements of a row, or those of a k, are adjacent. `b` is a packed micropanel (bStride = NR)
// or the matrix itself. Each element is one chain of multiply-adds, whatever else is computed along with it, so all
// sizes of tile give the same bits.

import CMartletCPU

/// What a tile is made of.
struct Panels {
  var kc: Int
  var a: UnsafePointer<Float>
  /// From a row of `a` to the next: 1 in a packed panel.
  var aRowStride = 1
  /// From a k to the next: MR in a packed panel, and 1 if rows lie apart.
  var aStride = MR
  /// To the rows of the tile below.
  var aTileStride: Int
  var b: UnsafePointer<Float>
  var bStride: Int
  /// Lanes of the last vector of a row of `b` that belong to B: at the right edge fewer than `width`.
  var lastLanes = width
  /// Whether `b` is a part of B itself: then its rows are far apart, and nobody has asked for them yet.
  var readsBInPlace = false
  /// Whether `b` is a part of a transposed B: then its columns are `bStride` apart, and each is adjacent.
  var transposesB = false
  /// Where to leave a packed copy of such parts for the tiles after this one.
  var packedB: UnsafeMutablePointer<Float>?

  /// Packed panels, without gaps between them.
  @inline(always)
  init(kc: Int, a: UnsafePointer<Float>, b: UnsafePointer<Float>) {
    (self.kc, self.a, self.b, aTileStride, bStride) = (kc, a, b, MR * kc, NR)
  }

  /// Have `a` read where it lies.
  @inline(always)
  mutating func readA(_ a: UnsafePointer<Float>, rowStride: Int, columnStride: Int) {
    (self.a, aRowStride, aStride, aTileStride) = (a, rowStride, columnStride, MR * rowStride)
  }

  /// Whether the elements of a row of `a` are adjacent, rather than those of a k.
  @inline(always)
  var hasSeparateRows: Bool { aRowStride != 1 }

  /// Go to the tile below: the next panel of A, and B as the tile before has left it.
  @inline(always)
  mutating func advance() {
    a += aTileStride
    if let packed = packedB { (b, bStride) = (UnsafePointer(packed), NR) }
    (readsBInPlace, transposesB, packedB) = (false, false, nil)
  }
}

/// All sums of a tile, in registers: rows of a number of vectors.
typealias Sums<let rows: Int, let vectors: Int> = InlineArray<rows, InlineArray<vectors, Vector>>

#if MARTLET_AVX512
  typealias TileSums = Sums<12, 2>
  typealias NarrowTileSums = Sums<12, 1>
#elseif MARTLET_AVX2
  typealias TileSums = Sums<4, 3>
  typealias NarrowTileSums = Sums<4, 1>
#elseif arch(arm64)
  typealias TileSums = Sums<8, 3>
  typealias NarrowTileSums = Sums<8, 1>
#else
  typealias TileSums = Sums<4, 2>
  typealias NarrowTileSums = Sums<4, 1>
#endif

// Tiles begin as literals, because `init(repeating:)` leaves a copy of itself that modules would share, and a call of
// it keeps the sums in memory.
#if MARTLET_AVX512
  @inline(always) var zeroRow: TileRow { [.zero, .zero] }
  @inline(always) var zeroTile: TileSums { zeros12(zeroRow) }
  @inline(always) var zeroNarrowTile: NarrowTileSums { zeros12([.zero]) }
#elseif MARTLET_AVX2
  @inline(always) var zeroRow: TileRow { [.zero, .zero, .zero] }
  @inline(always) var zeroTile: TileSums { zeros4(zeroRow) }
  @inline(always) var zeroNarrowTile: NarrowTileSums { zeros4([.zero]) }
#elseif arch(arm64)
  @inline(always) var zeroRow: TileRow { [.zero, .zero, .zero] }
  @inline(always) var zeroTile: TileSums { zeros8(zeroRow) }
  @inline(always) var zeroNarrowTile: NarrowTileSums { zeros8([.zero]) }
#else
  @inline(always) var zeroRow: TileRow { [.zero, .zero] }
  @inline(always) var zeroTile: TileSums { zeros4(zeroRow) }
  @inline(always) var zeroNarrowTile: NarrowTileSums { zeros4([.zero]) }
#endif

@inline(always)
private func zeros4<let vectors: Int>(_ z: InlineArray<vectors, Vector>) -> Sums<4, vectors> { [z, z, z, z] }
@inline(always)
private func zeros8<let vectors: Int>(_ z: InlineArray<vectors, Vector>) -> Sums<8, vectors> {
  [z, z, z, z, z, z, z, z]
}
@inline(always)
private func zeros12<let vectors: Int>(_ z: InlineArray<vectors, Vector>) -> Sums<12, vectors> {
  [z, z, z, z, z, z, z, z, z, z, z, z]
}

/// Add the product of the panels to the sums of a tile.
///
/// - Parameter mayBeEdge: whether some columns of the tile may be missing.
@inline(always)
func accumulate<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: Panels, mayBeEdge: Bool
) {
  switch (panels.hasSeparateRows, panels.readsBInPlace) {
  case (false, false): accumulate(&sums, panels, separateRows: false, readsB: false, mayBeEdge)
  case (false, true): accumulate(&sums, panels, separateRows: false, readsB: true, mayBeEdge)
  case (true, false): accumulate(&sums, panels, separateRows: true, readsB: false, mayBeEdge)
  case (true, true): accumulate(&sums, panels, separateRows: true, readsB: true, mayBeEdge)
  }
}

/// The same for a full tile, with something to do for each row meanwhile if the tile is long, such as asking for what
/// it will be combined with: a row at a time, as many requests at once would stand in the way of the panels.
@inline(always)
func accumulate<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: Panels, meanwhile: (_ r: Int) -> Void
) {
  guard isLong(panels) else { return accumulate(&sums, panels, mayBeEdge: false) }
  switch (panels.hasSeparateRows, panels.readsBInPlace) {
  case (false, false): accumulate(&sums, panels, separateRows: false, readsB: false, meanwhile)
  case (false, true): accumulate(&sums, panels, separateRows: false, readsB: true, meanwhile)
  case (true, false): accumulate(&sums, panels, separateRows: true, readsB: false, meanwhile)
  case (true, true): accumulate(&sums, panels, separateRows: true, readsB: true, meanwhile)
  }
}

/// The same for a tile of a weight gradient, where the elements of a k are adjacent, packed or not.
@inline(always)
func accumulateAdjacentRows<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: Panels, meanwhile: (_ r: Int) -> Void
) {
  guard isLong(panels) else { return accumulateAdjacentRows(&sums, panels, mayBeEdge: false) }
  if panels.readsBInPlace {
    accumulate(&sums, panels, separateRows: false, readsB: true, meanwhile)
  } else {
    accumulate(&sums, panels, separateRows: false, readsB: false, meanwhile)
  }
}

@inline(always)
func accumulateAdjacentRows<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: Panels, mayBeEdge: Bool
) {
  if panels.readsBInPlace {
    accumulate(&sums, panels, separateRows: false, readsB: true, mayBeEdge)
  } else {
    accumulate(&sums, panels, separateRows: false, readsB: false, mayBeEdge)
  }
}

/// Whether a tile takes long enough to ask for other rows meanwhile. Tiles of a short k follow each other so fast that
/// the processor sees by itself what comes next.
@inline(always)
func isLong(_ panels: Panels) -> Bool { panels.kc >= 2 * MR }

@inline(always)
private func accumulate<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: Panels, separateRows: Bool, readsB: Bool, _ mayBeEdge: Bool
) {
  var panels = panels
  for k in 0..<panels.kc { step(&sums, &panels, k, separateRows: separateRows, readsB: readsB, mayBeEdge) }
}

@inline(always)
private func accumulate<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: Panels, separateRows: Bool, readsB: Bool, _ meanwhile: (_ r: Int) -> Void
) {
  var (panels, k) = (panels, 0)
  for r in 0..<rows {
    meanwhile(r)
    let end = panels.kc * (r + 1) / rows
    while k < end {
      step(&sums, &panels, k, separateRows: separateRows, readsB: readsB, false)
      k += 1
    }
  }
}

/// Ask for row r of what lies like the tile, `stride` apart.
@inline(always)
func prefetchRow(_ r: Int, _ first: UnsafePointer<Float>, _ stride: Int) {
  forEachCacheLine(first + r * stride, NR) { martlet_prefetch($0) }
}

/// How many k ahead of its use a row of B in place is asked for.
@inline(always) private var kAhead: Int { 3 }

/// One k, of which `k` have gone before.
@inline(always)
func step<let rows: Int, let vectors: Int>(
  _ sums: inout Sums<rows, vectors>, _ panels: inout Panels, _ k: Int, separateRows: Bool, readsB: Bool,
  _ mayBeEdge: Bool
) {
  var bRow = sums[0]  // for its type
  for v in 0..<vectors {
    let isPart = hasMasks && mayBeEdge && v + 1 == vectors
    bRow[v] = isPart ? load(panels.b + v * width, panels.lastLanes) : load(panels.b + v * width)
  }
  if separateRows {
    // The next cache line of a row: of each row in its turn, while the steps go through this one; then of the last.
    let cacheLine = 16
    martlet_prefetch_near(panels.a + min(k % cacheLine, rows - 1) * panels.aRowStride + cacheLine)
  }
  if readsB {
    // The panel to the right for the L2 cache, and for the L1 cache what came there in this way.
    forEachCacheLine(panels.b + vectors * width, vectors * width) { martlet_prefetch_far($0) }
    forEachCacheLine(panels.b + kAhead * panels.bStride, vectors * width) { martlet_prefetch_near($0) }
    if let packed = panels.packedB {
      for v in 0..<vectors { store(bRow[v], packed + v * width) }
      panels.packedB = packed + NR
    }
  }
  for r in 0..<rows {
    let element = Vector(repeating: panels.a[separateRows ? r * panels.aRowStride : r])
    for v in 0..<vectors { sums[r][v] = multiplyAdd(element, bRow[v], sums[r][v]) }
  }
  panels.a += separateRows ? 1 : panels.aStride
  panels.b += panels.bStride
}

/// Call `body` with an address in each cache line that `count` floats at `p` may touch, however they are aligned.
@inline(always)
private func forEachCacheLine(_ p: UnsafePointer<Float>, _ count: Int, _ body: (UnsafePointer<Float>) -> Void) {
  let cacheLine = 16
  for i in 0..<((count + cacheLine - 1) / cacheLine) { body(p + i * cacheLine) }
  body(p + count - 1)
}

/// The product of two panels in a buffer with row stride NR, of at least `rows` <= MR and `columns` <= NR: full, or at
/// the edges one of the smaller sizes, so that a matrix with few rows or columns does not pay for a full tile. Elements
/// that this rounding adds are written too; what is read for them must exist, which zeros in the packed panels see to.
func bufferTile(_ panels: Panels, rows: Int, columns: Int, _ buffer: UnsafeMutablePointer<Float>) {
  #if MARTLET_AVX512
    if panels.transposesB { return transposingTile(panels, rows: rows, buffer) }
  #endif
  let isNarrow = columns <= width
  switch computedRows(rows) {
  #if MARTLET_AVX512
    case 12: isNarrow ? narrowTile12(panels, buffer) : tile12(panels, buffer)
  #endif
  #if MARTLET_AVX512 || arch(arm64)
    case 8: isNarrow ? narrowTile8(panels, buffer) : tile8(panels, buffer)
  #endif
  case 4: isNarrow ? narrowTile4(panels, buffer) : tile4(panels, buffer)
  default: isNarrow ? narrowTile1(panels, buffer) : tile1(panels, buffer)
  }
}

/// How many rows the tile has that computes `rows` of them.
@inline(always)
func computedRows(_ rows: Int) -> Int { rows == 1 ? 1 : (rows + 3) / 4 * 4 }

/// How many columns the tile has that computes `columns` of them.
@inline(always)
func computedColumns(_ columns: Int) -> Int { columns <= width ? width : NR }

@inline(always)
private func compute<let rows: Int, let vectors: Int>(
  _ zeros: Sums<rows, vectors>, _ panels: Panels, _ buffer: UnsafeMutablePointer<Float>
) {
  var sums = zeros
  accumulate(&sums, panels, mayBeEdge: true)
  for r in 0..<rows {
    for v in 0..<vectors { store(sums[r][v], buffer + r * NR + v * width) }
  }
}

#if MARTLET_AVX512
  @inline(never)
  private func tile12(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(zeros12(zeroRow), panels, buffer)
  }

  @inline(never)
  private func narrowTile12(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(zeros12([.zero]), panels, buffer)
  }
#endif

#if MARTLET_AVX512 || arch(arm64)
  @inline(never)
  private func tile8(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(zeros8(zeroRow), panels, buffer)
  }

  @inline(never)
  private func narrowTile8(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute(zeros8([.zero]), panels, buffer)
  }
#endif

@inline(never)
private func tile4(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute(zeros4(zeroRow), panels, buffer)
}

@inline(never)
private func narrowTile4(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute(zeros4([.zero]), panels, buffer)
}

@inline(never)
private func tile1(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute([zeroRow], panels, buffer)
}

@inline(never)
private func narrowTile1(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
  compute([[.zero]], panels, buffer)
}
