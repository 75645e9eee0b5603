// Sizes of the blocks that a matrix product is cut into, and where they lie in the workspace. MR and NR follow the
// registers, MC and NC the caches. KC is the same everywhere: it is where sums are cut (`KernelTable.chunk`), so it
// decides bits; the other four do not.

import MartletKernelInterface

/// K of a block: one chain of multiply-adds. A packed micropanel of B, KC x NR, is 8 to 32 KB, a micropanel of A 4 to
/// 12 KB, so that one of them stays in the L1 cache while the other comes from L2.
@inline(always) var KC: Int { 256 }

#if MARTLET_AVX512
  /// 12 x 2 accumulators and 2 vectors of B take 26 of 32 registers; elements of A are broadcast from memory.
  @inline(always) var MR: Int { 12 }
  typealias TileRow = InlineArray<2, Vector>
#elseif MARTLET_AVX2
  /// 4 x 3 accumulators, 3 vectors of B and one broadcast element of A take all 16 registers: 12 multiply-adds for 7
  /// loads, where 6 x 2 would need 8.
  @inline(always) var MR: Int { 4 }
  typealias TileRow = InlineArray<3, Vector>
#elseif arch(arm64)
  /// 8 x 3 accumulators, 3 vectors of B and 8 elements of A, which a multiply-add takes from a lane, are 29 of 32
  /// registers.
  @inline(always) var MR: Int { 8 }
  typealias TileRow = InlineArray<3, Vector>
#else
  /// 4 x 2 accumulators, 2 vectors of B, one element of A and the products take 12 or more of 16 registers.
  @inline(always) var MR: Int { 4 }
  typealias TileRow = InlineArray<2, Vector>
#endif

/// Columns of a tile.
@inline(always) var NR: Int { TileRow.count * Vector.scalarCount }

/// Floats of the block that stays in the L2 cache: half a megabyte of 1 MiB, as the other operand and C pass by.
@inline(always) var blockCount: Int { 504 * KC }

/// Rows of A that pass by a kept block of B: few, as C is walked through in columns of so many rows, and far from the
/// order of its memory with more; but several tiles, as each column has work of its own, which shows where k is short.
/// (96 rather than 24: a training step is 4 % faster with k = 8, and the same with k = 32, 100 and 256.) A multiple of
/// every MR.
@inline(always) private var passingRows: Int { 96 }

/// Columns of C for which it does not pay to pack A. Packing takes a third of the time of a column of tiles; with rows
/// that are read in place each column takes a little longer.
@inline(always) var fewColumns: Int { 512 }

/// Terms of a sum for which it does not pay to pack the A of a weight gradient: so many rows of a batch stay side by
/// side in the L1 cache of 12 ways, even if they are apart by a power of two.
@inline(always) var fewTerms: Int { 12 }

/// The size of the blocks that `count` lines are cut into: as few blocks as `most` lines allow, of the same size but
/// for rounding to `multiple`.
@inline(always)
private func balanced(_ count: Int, most: Int, multiple: Int) -> Int {
  let blocks = (count + most - 1) / most
  return (count + blocks * multiple - 1) / (blocks * multiple) * multiple
}

/// How a product is cut into blocks, in one of two orders.
///
/// If K is long, a block of A stays in the L2 cache while panels of B pass through the L1 cache, each packed once and
/// read by all rows of the block. MC is large, so that B and C seldom come by.
///
/// If K is a single chunk, C is touched only once, and K may be so short that most of the time goes into that: in
/// weight gradients of small batches, where C are the weights. So C is walked through nearly in the order of its
/// memory. The block that stays is of B, and MC is small, for the reason at `passingRows`.
struct Blocking {
  let mc: Int
  let nc: Int
  /// Whether B is packed as a block, for all rows of C, rather than panel by panel.
  let keepsB: Bool
  /// Whether the blocks of rows come in descending order. The forward product has read the weights from the first row
  /// to the last: those that are still in the cache are updated first, and the first ones are there when the next
  /// forward product begins.
  let isBottomUp: Bool
  /// Whether a block of rows goes through all chunks before the next block does. A few columns of C, such as the pixels
  /// of a convolution have, then stay in the L2 cache until they are finished, and B is read once more for each block.
  let finishesBlocks: Bool

  init(_ g: GEMMArguments<Float>) {
    keepsB = g.k <= KC
    isBottomUp = if case .update = g.epilogue { keepsB } else { false }
    if keepsB {
      mc = passingRows
      nc = balanced(g.n, most: blockCount / max(g.k, 1) / NR * NR, multiple: NR)
    } else {
      mc = balanced(g.m, most: blockCount / KC / MR * MR, multiple: MR)
      nc = g.n
    }
    finishesBlocks = !keepsB && mc * nc <= blockCount / 2
  }
}

/// The parts of the workspace, each a multiple of 64 bytes: one tile; another one, of gradients that wait; the lines of
/// a panel that have been converted; the block that stays in the L2 cache; the panel or panels of the other operand.
struct GEMMWorkspace {
  let tile: UnsafeMutablePointer<Float>
  let lines: UnsafeMutablePointer<Float>
  let a: UnsafeMutablePointer<Float>
  let b: UnsafeMutablePointer<Float>

  init(_ base: UnsafeMutablePointer<Float>, _ blocking: Blocking) {
    tile = base
    lines = base + 2 * MR * NR
    let (block, panel) = (lines + MR * KC, lines + MR * KC + blockCount)
    (a, b) = blocking.keepsB ? (panel, block) : (block, panel)
  }

  static func waitingTile(_ base: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> { base + MR * NR }

  static var count: Int { 2 * MR * NR + MR * KC + blockCount + max(passingRows, NR) * KC }

  /// If C is a single row, the workspace has this many of its sums at its beginning: half of an L1 cache.
  static var sumsOfRow: Int { 4096 }
}
