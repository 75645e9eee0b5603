// The loops around the microkernel, from the outside in, in the names of BLIS:
//
//     jc  over N by NC    pc  over K by KC: pack B    ic  over M by MC: pack A    jr  over NC by NR    ir  over MC by MR
//
// The packed block of B stays in the L2 cache, and MC is so small that C is walked through nearly in the order of its
// memory: the weights that a fused update reads and writes, which are the most of a small batch, stream through.

import MartletKernelInterface

func gemm(_ g: GEMMArguments<Float>) {
  if g.m == 0 || g.n == 0 { return }
  let workspace = GEMMWorkspace(g.workspace)
  let readsBDirectly = g.bColumnStride == 1 && g.m <= unpackedRowLimit
  // What is not packed needs no place in the cache either.
  let blockColumns = readsBDirectly ? g.n : balancedNC(g.n, kc: min(KC, g.k))
  for jc in stride(from: 0, to: g.n, by: blockColumns) {
    let nc = min(blockColumns, g.n - jc)
    var pc = 0
    repeat {  // once even for K = 0: the epilogue of an empty sum
      let kc = min(KC, g.k - pc)
      let b = g.b + pc * g.bRowStride + jc * g.bColumnStride
      let chunk = Chunk(isFirst: pc == 0, isLast: pc + kc == g.k)
      if readsBDirectly {
        // A tile at the right edge would read beyond the end of the matrix.
        let edge = nc / NR * NR
        if edge < nc { packB(b + edge, g, kc: kc, nc: nc - edge, into: workspace.b) }
      } else {
        packB(b, g, kc: kc, nc: nc, into: workspace.b)
      }
      for ic in stride(from: 0, to: g.m, by: MC) {
        let mc = min(MC, g.m - ic)
        packA(g.a + ic * g.aRowStride + pc * g.aColumnStride, g, kc: kc, mc: mc, into: workspace.a)
        for jr in stride(from: 0, to: nc, by: NR) {
          let columns = min(NR, nc - jr)
          let isDirect = readsBDirectly && columns == NR
          let packed = UnsafePointer(workspace.b + (readsBDirectly ? 0 : jr * kc))
          for ir in stride(from: 0, to: mc, by: MR) {
            let panels = Panels(
              kc: kc, a: UnsafePointer(workspace.a + ir * kc), b: isDirect ? b + jr : packed,
              bStride: isDirect ? g.bRowStride : NR)
            computeTile(
              g, chunk, panels, row: ic + ir, column: jc + jr, rows: min(MR, mc - ir), columns: columns, workspace.tile)
          }
        }
      }
      pc += kc
    } while pc < g.k
  }
}

/// Pack a block of A, mc x kc, into micropanels of MR rows.
@inline(never)
private func packA(
  _ a: UnsafePointer<Float>, _ g: GEMMArguments<Float>, kc: Int, mc: Int, into block: UnsafeMutablePointer<Float>
) {
  for ir in stride(from: 0, to: mc, by: MR) {
    packPanel(
      MR, a + ir * g.aRowStride, lines: min(MR, mc - ir), kc: kc, lineStride: g.aRowStride, kStride: g.aColumnStride,
      into: block + ir * kc)
  }
}

/// Pack a block of B, kc x nc, into micropanels of NR columns.
@inline(never)
private func packB(
  _ b: UnsafePointer<Float>, _ g: GEMMArguments<Float>, kc: Int, nc: Int, into block: UnsafeMutablePointer<Float>
) {
  for jr in stride(from: 0, to: nc, by: NR) {
    packPanel(
      NR, b + jr * g.bColumnStride, lines: min(NR, nc - jr), kc: kc, lineStride: g.bColumnStride,
      kStride: g.bRowStride, into: block + jr * kc)
  }
}

/// Compute rows x columns of C at (row, column): full tiles straight from the registers where there is such an
/// epilogue, others through the buffer.
@inline(always)
private func computeTile(
  _ g: GEMMArguments<Float>, _ chunk: Chunk, _ panels: Panels, row: Int, column: Int, rows: Int, columns: Int,
  _ buffer: UnsafeMutablePointer<Float>
) {
  if rows == MR, columns == NR, computeFullTile(g, chunk, panels, row: row, column: column) { return }
  bufferTile(panels, rows: rows, columns: columns, buffer)
  finishTile(g, chunk, buffer, row: row, column: column, rows: rows, columns: columns)
}
