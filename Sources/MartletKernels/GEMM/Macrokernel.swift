// The loops around the microkernel, from the outside in, in the names of BLIS:
//
//     jc  over N by NC    pc  over K by KC    ic  over M by MC: pack A    jr  over NC by NR    ir  over MC by MR
//
// Sizes and the two orders that they make are in Blocking.swift. B has no loop of its own for packing: the first tile
// that needs a panel of B reads it where it lies, if columns are adjacent there and the panel is full or there are
// masks, and leaves it packed for the others. A single row, many updates with a single k, and a few columns go their
// own ways (OneRow.swift, OuterUpdate.swift, NarrowProduct.swift).

import MartletKernelInterface

func gemm(_ g: GEMMArguments<Float>) {
  if g.m == 0 || g.n == 0 { return }
  if g.m == 1 && g.bColumnStride == 1 && readsInPlace(g) { return multiplyRow(g) }
  if g.n <= width { return multiplyNarrow(g) }
  if case .update(let rule, let target) = g.epilogue {
    if isLargeOuterUpdate(g) { return updateWithOuterProduct(g, UpdatePass(rule, target)) }
    withUnsafePointer(to: UpdatePass(rule, target)) { pass in
      var updates = TileUpdates(pass: pass, waiting: GEMMWorkspace.waitingTile(g.workspace))
      withUnsafeMutablePointer(to: &updates) { multiply(g, $0) }
      updates.finish(rowStride: g.cRowStride)
    }
  } else {
    multiply(g, nil)
  }
}

/// Whether both operands are plain matrices in memory.
@inline(always)
func readsInPlace(_ g: GEMMArguments<Float>) -> Bool { g.aSource == nil && g.aPatches == nil && g.bBlocks == nil }

/// Whether tiles read A where it lies, so that nothing is packed: if all tiles can. Those that transpose B expect
/// panels, and so do slim ones; those that update weights expect the elements of a k to be adjacent; and at the lower
/// edge more rows may be read than there are.
@inline(always)
private func readsAInPlace(_ g: GEMMArguments<Float>, hasSlimTiles: Bool) -> Bool {
  let last = (g.m - 1) % MR + 1
  guard g.aSource == nil && g.aPatches == nil && computedRows(last) == last && !transposesPanel(g, columns: NR) else {
    return false
  }
  if g.aRowStride == 1 { return g.k <= fewTerms }  // within a chunk, where no tile is slim
  #if MARTLET_AVX512 || MARTLET_AVX2
    if case .update = g.epilogue { return false }
    return g.aColumnStride == 1 && g.n <= fewColumns && !hasSlimTiles
  #else
    return false  // without wide vectors a tile has no time for it
  #endif
}

/// Whether the columns at the right edge are computed by slim tiles: if there are rows enough to pay for packing them.
@inline(always)
private func hasSlimTiles(_ g: GEMMArguments<Float>, _ blocking: Blocking) -> Bool {
  #if MARTLET_AVX512
    !blocking.keepsB && g.m > MR && (g.n - 1) % NR < slimColumns
  #else
    false
  #endif
}

/// - Parameter updates: what updates weights, worked out once for all tiles.
@inline(never)
private func multiply(_ g: GEMMArguments<Float>, _ updates: UnsafeMutablePointer<TileUpdates>?) {
  let blocking = Blocking(g)
  let workspace = GEMMWorkspace(g.workspace, blocking)
  let hasSlimTiles = hasSlimTiles(g, blocking)
  let readsA = readsAInPlace(g, hasSlimTiles: hasSlimTiles)
  let blocks = (g.m + blocking.mc - 1) / blocking.mc
  let chunks = max(1, (g.k + KC - 1) / KC)  // one even for K = 0: the epilogue of an empty sum
  for part in 0..<((g.n + blocking.nc - 1) / blocking.nc) {
    let jc = part * blocking.nc
    let nc = min(blocking.nc, g.n - jc)
    for step in 0..<(chunks * blocks) {
      let (block, index) = blocking.finishesBlocks ? (step / chunks, step % chunks) : (step % blocks, step / blocks)
      let pc = index * KC
      let kc = min(KC, g.k - pc)
      let chunk = Chunk(isFirst: index == 0, isLast: index == chunks - 1)
      let ic = (blocking.isBottomUp ? blocks - 1 - block : block) * blocking.mc
      let mc = min(blocking.mc, g.m - ic)
      if !readsA { packA(g, row: ic, column: pc, kc: kc, mc: mc, into: workspace) }
      for panel in 0..<((nc + NR - 1) / NR) {
        let jr = panel * NR
        let columns = min(NR, nc - jr)
        let packed = workspace.b + (blocking.keepsB ? jr * kc : 0)
        var panels = Panels(kc: kc, a: workspace.a, b: packed)
        if readsA {
          panels.readA(
            g.a + ic * g.aRowStride + pc * g.aColumnStride, rowStride: g.aRowStride, columnStride: g.aColumnStride)
        }
        panels.lastLanes = (columns - 1) % width + 1
        if block == 0 || !blocking.keepsB {
          let b = g.b + pc * g.bRowStride + (jc + jr) * g.bColumnStride
          if g.bBlocks == nil && g.bColumnStride == 1 && (columns == NR || hasMasks) {
            (panels.b, panels.bStride, panels.readsBInPlace) = (b, g.bRowStride, true)
            if (blocking.keepsB ? g.m : mc) > MR { panels.packedB = packed }
          } else if transposesPanel(g, columns: columns) {
            (panels.b, panels.bStride, panels.transposesB) = (b, g.bColumnStride, true)
            panels.packedB = packed
          } else {
            packB(g, row: pc, column: jc + jr, kc: kc, columns: columns, into: packed)
          }
        }
        #if MARTLET_AVX512
          if columns <= slimColumns && hasSlimTiles {
            computeSlimTiles(
              g, chunk, panels, row: ic, column: jc + jr, rows: mc, columns: columns, workspace.lines)
            continue
          }
        #endif
        computeTiles(g, updates, chunk, panels, row: ic, column: jc + jr, rows: mc, columns: columns, workspace.tile)
      }
    }
  }
}

/// Pack a block of A, mc x kc, from (row, column) of op(A) on, into micropanels of MR rows.
@inline(never)
func packA(_ g: GEMMArguments<Float>, row: Int, column: Int, kc: Int, mc: Int, into workspace: GEMMWorkspace) {
  for ir in stride(from: 0, to: mc, by: MR) {
    let (lines, panel) = (min(MR, mc - ir), workspace.a + ir * kc)
    if let patches = g.aPatches {
      packPatches(
        g.a, patches, row: row + ir, column: column, lines: lines, kc: kc, through: workspace.lines, into: panel)
    } else if let source = g.aSource {
      if source.isTransposed {
        convertPanel(source.rows, row: column, column: row + ir, lines: lines, kc: kc, into: panel)
      } else {
        convert(
          source.rows, row: row + ir, column: column, rows: lines, columns: kc, into: workspace.lines, stride: KC)
        packRows(workspace.lines, lines: lines, kc: kc, lineStride: KC, kStride: 1, into: panel)
      }
    } else {
      packRows(
        g.a + (row + ir) * g.aRowStride + column * g.aColumnStride, lines: lines, kc: kc, lineStride: g.aRowStride,
        kStride: g.aColumnStride, into: panel)
    }
  }
}

/// Pack a panel of B, kc x columns, from (row, column) of op(B) on.
@inline(never)
func packB(
  _ g: GEMMArguments<Float>, row: Int, column: Int, kc: Int, columns: Int, into panel: UnsafeMutablePointer<Float>
) {
  let (length, stride) = g.bBlocks ?? (g.k, 0)
  var k = 0
  while k < kc {  // a part of a block at a time
    let (block, start) = length == g.k ? (0, row) : (row + k).quotientAndRemainder(dividingBy: length)
    let count = min(length - start, kc - k)
    packPanel(
      NR, g.b + block * stride + start * g.bRowStride + column * g.bColumnStride, lines: columns,
      readLines: computedColumns(columns), kc: count, lineStride: g.bColumnStride, kStride: g.bRowStride,
      into: panel + k * NR)
    k += count
  }
}

/// Compute rows x columns of C at (row, column), tile by tile: straight from the registers where there is such an
/// epilogue, else through the buffer.
@inline(always)
private func computeTiles(
  _ g: GEMMArguments<Float>, _ updates: UnsafeMutablePointer<TileUpdates>?, _ chunk: Chunk, _ panels: Panels, row: Int,
  column: Int, rows: Int, columns: Int, _ buffer: UnsafeMutablePointer<Float>
) {
  var (ir, panels) = (0, panels)
  let fullTiles = rows / MR
  if fullTiles > 0 && !panels.transposesB
    && computesInRegisters(g, updates, chunk, panels, row: row, column: column, columns: columns, fullTiles)
  {
    for _ in 0..<fullTiles { panels.advance() }
    ir = fullTiles * MR
  }
  while ir < rows {
    let rows = min(MR, rows - ir)
    bufferTile(panels, rows: rows, columns: columns, buffer)
    finishTile(g, chunk, buffer, row: row + ir, column: column, rows: rows, columns: columns)
    panels.advance()
    ir += MR
  }
}

/// - Returns: whether the tiles have been computed.
@inline(always)
private func computesInRegisters(
  _ g: GEMMArguments<Float>, _ updates: UnsafeMutablePointer<TileUpdates>?, _ chunk: Chunk, _ panels: Panels, row: Int,
  column: Int, columns: Int, _ count: Int
) -> Bool {
  if columns == NR { return computeFullTiles(g, updates, chunk, panels, row: row, column: column, count: count) }
  guard let updates, chunk.isFirst && chunk.isLast else { return false }
  let first = Tile(panels, offset: row * g.cRowStride + column, rowStride: g.cRowStride)
  return updateEdgeTiles(first, count, columns: columns, updates.pointee.pass)
}
