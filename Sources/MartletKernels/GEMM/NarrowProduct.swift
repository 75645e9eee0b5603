// C of so few columns that a row of it is one vector: the layer that tells classes apart, and its weight gradient.
// There is one column of tiles, so nobody else would read a packed panel of A: the tiles read A where it lies.

import MartletKernelInterface

/// The product for n <= `width`.
func multiplyNarrow(_ g: GEMMArguments<Float>) {
  let workspace = GEMMWorkspace(g.workspace, Blocking(g))
  var pc = 0
  repeat {  // once even for K = 0
    let kc = min(KC, g.k - pc)
    let chunk = Chunk(isFirst: pc == 0, isLast: pc + kc == g.k)
    packB(g, row: pc, column: 0, kc: kc, columns: g.n, into: workspace.b)
    for ir in stride(from: 0, to: g.m, by: MR) {
      let rows = min(MR, g.m - ir)
      let a = g.a + ir * g.aRowStride + pc * g.aColumnStride
      if rows < MR || g.aSource != nil || g.aPatches != nil {
        packA(g, row: ir, column: pc, kc: kc, mc: rows, into: workspace)
        let panels = Panels(kc: kc, a: workspace.a, b: workspace.b)
        bufferTile(panels, rows: rows, columns: g.n, workspace.tile)
      } else if g.aRowStride == 1 {
        tileOfAdjacentRows(a, g.aColumnStride, workspace.b, kc, workspace.tile)
      } else {
        tileOfSeparateRows(a, g.aRowStride, workspace.b, kc, workspace.tile)
      }
      finishTile(g, chunk, workspace.tile, row: ir, column: 0, rows: rows, columns: g.n)
    }
    pc += kc
  } while pc < g.k
}

/// The elements of one k are adjacent, as in a weight gradient (A^T).
@inline(never)
private func tileOfAdjacentRows(
  _ a: UnsafePointer<Float>, _ kStride: Int, _ b: UnsafePointer<Float>, _ kc: Int,
  _ buffer: UnsafeMutablePointer<Float>
) {
  compute(a, rowStride: 1, kStride: kStride, b, kc, buffer)
}

/// The elements of one row are adjacent.
@inline(never)
private func tileOfSeparateRows(
  _ a: UnsafePointer<Float>, _ rowStride: Int, _ b: UnsafePointer<Float>, _ kc: Int,
  _ buffer: UnsafeMutablePointer<Float>
) {
  compute(a, rowStride: rowStride, kStride: 1, b, kc, buffer)
}

/// The same chains as in the microkernel.
@inline(always)
private func compute(
  _ a: UnsafePointer<Float>, rowStride: Int, kStride: Int, _ b: UnsafePointer<Float>, _ kc: Int,
  _ buffer: UnsafeMutablePointer<Float>
) {
  var sums = zeroColumn
  for k in 0..<kc {
    let bRow = load(b + k * NR)
    for r in 0..<MR {
      sums[r] = multiplyAdd(Vector(repeating: a[r * rowStride + k * kStride]), bRow, sums[r])
    }
  }
  for r in 0..<MR { store(sums[r], buffer + r * NR) }
}

#if MARTLET_AVX512
  @inline(always)
  private var zeroColumn: InlineArray<12, Vector> {
    [.zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero]
  }
#elseif arch(arm64)
  @inline(always)
  private var zeroColumn: InlineArray<8, Vector> { [.zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero] }
#else
  @inline(always) private var zeroColumn: InlineArray<4, Vector> { [.zero, .zero, .zero, .zero] }
#endif
