// The first tile that needs a panel of B, where B is transposed and few rows meet it: packing the panel first would
// take half as long as the tile. So 16 k are transposed at a time, for which the processor finds room between the
// multiply-adds of the 16 before; they are left packed for the tiles below. The chains are those of the microkernel.

import CMartletCPU
import MartletKernelInterface

/// Whether the first tile of a panel of B transposes it.
@inline(always)
func transposesPanel(_ g: GEMMArguments<Float>, columns: Int) -> Bool {
  #if MARTLET_AVX512
    g.bBlocks == nil && g.bColumnStride != 1 && columns == NR && g.m <= transposingRows
  #else
    false
  #endif
}

#if MARTLET_AVX512
  /// For so many rows of C: with more, what is won with the first tile is little, and full tiles lose their own ways.
  @inline(always) private var transposingRows: Int { 16 }

  /// The product of two panels in a buffer with row stride NR, of at least `rows` <= MR.
  func transposingTile(_ panels: Panels, rows: Int, _ buffer: UnsafeMutablePointer<Float>) {
    let whole = panels.kc / 16 * 16
    if let packed = panels.packedB, whole < panels.kc {
      packPanel(
        NR, panels.b + whole, lines: NR, readLines: NR, kc: panels.kc - whole, lineStride: panels.bStride, kStride: 1,
        into: packed + whole * NR)
    }
    switch computedRows(rows) {
    case 12: transposingTile12(panels, buffer)
    case 8: transposingTile8(panels, buffer)
    case 4: transposingTile4(panels, buffer)
    default: transposingTile1(panels, buffer)
    }
  }

  @inline(never)
  private func transposingTile12(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    let z = zeroRow
    compute([z, z, z, z, z, z, z, z, z, z, z, z], panels, buffer)
  }

  @inline(never)
  private func transposingTile8(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    let z = zeroRow
    compute([z, z, z, z, z, z, z, z], panels, buffer)
  }

  @inline(never)
  private func transposingTile4(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    let z = zeroRow
    compute([z, z, z, z], panels, buffer)
  }

  @inline(never)
  private func transposingTile1(_ panels: Panels, _ buffer: UnsafeMutablePointer<Float>) {
    compute([zeroRow], panels, buffer)
  }

  @inline(always)
  private func compute<let rows: Int>(
    _ zeros: Sums<rows, 2>, _ panels: Panels, _ buffer: UnsafeMutablePointer<Float>
  ) {
    guard let packed = panels.packedB else { return }
    var (sums, steps, columns) = (zeros, panels, panels.b)
    (steps.b, steps.bStride) = (UnsafePointer(packed), NR)
    for k in stride(from: 0, to: panels.kc - 15, by: 16) {
      for j in NR..<(2 * NR) { martlet_prefetch_far(columns + j * panels.bStride) }
      martlet_transpose16x16(columns, panels.bStride, packed + k * NR, NR)
      martlet_transpose16x16(columns + width * panels.bStride, panels.bStride, packed + k * NR + width, NR)
      columns += 16
      for k in 0..<16 { step(&sums, &steps, k, separateRows: false, readsB: false, false) }
    }
    for k in 0..<(panels.kc % 16) { step(&sums, &steps, k, separateRows: false, readsB: false, false) }
    for r in 0..<rows {
      for v in 0..<2 { store(sums[r][v], buffer + r * NR + v * width) }
    }
  }
#endif
