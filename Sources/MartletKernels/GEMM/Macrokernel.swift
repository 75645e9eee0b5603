// The loops around the microkernel, from the outside in, in the names of BLIS:
//
//     jc  over N by NC    pc  over K by KC: pack B    ic  over M by MC: pack A    jr  over NR    ir  over MR
//
// A tile goes from the microkernel to C through a buffer of one tile, still in the L1 cache; that is where edges,
// chunks and epilogues are dealt with, once for all sizes of tile (Epilogue.swift). Full tiles that need none of it,
// which are most of a large product, go straight to C.

import CMartletCPU
import MartletKernelInterface

func gemm(_ g: GEMMArguments<Float>) {
  if g.m == 0 || g.n == 0 { return }
  let workspace = GEMMWorkspace(g.workspace)
  let readsBDirectly = g.bColumnStride == 1 && g.m <= unpackedRowLimit
  let blockColumns = balancedNC(g.n)
  let storesPlainly = if case .store = g.epilogue { true } else { false }
  for jc in stride(from: 0, to: g.n, by: blockColumns) {
    let nc = min(blockColumns, g.n - jc)
    var pc = 0
    repeat {  // once even for K = 0: the epilogue of an empty sum
      let kc = min(KC, g.k - pc)
      let b = g.b + pc * g.bRowStride + jc * g.bColumnStride
      let chunk = Chunk(isFirst: pc == 0, isLast: pc + kc == g.k)
      if !readsBDirectly { packBlock(b, g, kc: kc, nc: nc, into: workspace.b) }
      for ic in stride(from: 0, to: g.m, by: MC) {
        let mc = min(MC, g.m - ic)
        let a = g.a + ic * g.aRowStride + pc * g.aColumnStride
        for ir in stride(from: 0, to: mc, by: MR) {
          packPanel(
            MR, a + ir * g.aRowStride, lines: min(MR, mc - ir), kc: kc, lineStride: g.aRowStride,
            kStride: g.aColumnStride, into: workspace.a + ir * kc)
        }
        for jr in stride(from: 0, to: nc, by: NR) {
          let columns = min(NR, nc - jr)
          var panel = UnsafePointer(workspace.b + jr * kc)
          var panelStride = NR
          if readsBDirectly && columns == NR {
            panel = b + jr
            panelStride = g.bRowStride
          } else if readsBDirectly {
            // A tile at the right edge would read beyond the end of the matrix.
            packPanel(
              NR, b + jr, lines: columns, kc: kc, lineStride: 1, kStride: g.bRowStride, into: workspace.b + jr * kc)
          }
          for ir in stride(from: 0, to: mc, by: MR) {
            let rows = min(MR, mc - ir)
            prefetchTile(g, row: ic + ir, column: jc + jr, rows: rows)
            if rows == MR, columns == NR, let c = g.c, !chunk.isLast || storesPlainly {
              computeTileInPlace(
                kc: kc, workspace.a + ir * kc, panel, bStride: panelStride,
                c + (ic + ir) * g.cRowStride + jc + jr, cRowStride: g.cRowStride, adds: !chunk.isFirst)
              continue
            }
            computeTile(
              rows: rows, columns: columns, kc: kc, workspace.a + ir * kc, panel, bStride: panelStride, workspace.tile)
            finishTile(g, chunk, workspace.tile, row: ic + ir, column: jc + jr, rows: rows, columns: columns)
          }
        }
      }
      pc += kc
    } while pc < g.k
  }
}

/// Pack a block of B, kc x nc, into micropanels of NR columns.
private func packBlock(
  _ b: UnsafePointer<Float>, _ g: GEMMArguments<Float>, kc: Int, nc: Int, into block: UnsafeMutablePointer<Float>
) {
  for jr in stride(from: 0, to: nc, by: NR) {
    packPanel(
      NR, b + jr * g.bColumnStride, lines: min(NR, nc - jr), kc: kc, lineStride: g.bColumnStride,
      kStride: g.bRowStride, into: block + jr * kc)
  }
}

/// Fetch what the tile will be combined with and go to while it is computed.
@inline(__always)
private func prefetchTile(_ g: GEMMArguments<Float>, row: Int, column: Int, rows: Int) {
  let offset = row * g.cRowStride + column
  if let c = g.c { prefetch(c + offset, g.cRowStride, rows) }
  switch g.epilogue {
  case .store, .biasActivation: break
  case .activationGradient(let v, let vRowStride, _): prefetch(v + row * vRowStride + column, vRowStride, rows)
  case .update(_, let target):
    prefetch(target.weights + offset, g.cRowStride, rows)
    if let slot0 = target.slot0 { prefetch(slot0 + offset, g.cRowStride, rows) }
    if let slot1 = target.slot1 { prefetch(slot1 + offset, g.cRowStride, rows) }
    if let slot2 = target.slot2 { prefetch(slot2 + offset, g.cRowStride, rows) }
  }
}

@inline(__always)
private func prefetch(_ p: UnsafePointer<Float>, _ rowStride: Int, _ rows: Int) {
  let cacheLine = 16
  for r in 0..<rows {
    for j in stride(from: 0, to: NR, by: cacheLine) { martlet_prefetch(p + r * rowStride + j) }
  }
}
