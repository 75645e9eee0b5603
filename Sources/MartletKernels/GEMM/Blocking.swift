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
#else
  /// 4 x 2 accumulators, 2 vectors of B, one element of A and the products take 12 or more of 16 registers.
  @inline(always) var MR: Int { 4 }
  typealias TileRow = InlineArray<2, Vector>
#endif

/// Columns of a tile.
@inline(always) var NR: Int { TileRow.count * Vector.scalarCount }

/// Rows of a packed block of A: KC x MC floats are 24 KB. So few, because the rows of C are written side by side, and
/// a processor foresees only so many streams; and a panel of B, once in the L1 cache, serves them all. A multiple of
/// every MR.
@inline(always) var MC: Int { 24 }

/// Floats of a packed block of B: half a megabyte, which stays in an L2 cache of 1 MiB while all rows of C pass by.
@inline(always) var packedBCount: Int { 512 * KC }

/// NC: columns of the blocks that n columns are cut into, for kc rows: as few blocks as `packedBCount` allows, of the
/// same size but for rounding to NR.
@inline(always)
func balancedNC(_ n: Int, kc: Int) -> Int {
  let most = packedBCount / max(kc, 1) / NR * NR
  let blocks = (n + most - 1) / most
  return (n + blocks * NR - 1) / (blocks * NR) * NR
}

/// Up to this many rows, B is read where it lies if its columns are adjacent: packing pays only when each element is
/// used several times.
@inline(always) var unpackedRowLimit: Int { 4 * MR }

/// The parts of the workspace: one tile, the packed block of A, the packed block of B; each a multiple of 64 bytes.
struct GEMMWorkspace {
  let tile: UnsafeMutablePointer<Float>
  let a: UnsafeMutablePointer<Float>
  let b: UnsafeMutablePointer<Float>

  init(_ base: UnsafeMutablePointer<Float>) {
    tile = base
    a = tile + MR * NR
    b = a + MC * KC
  }

  static var count: Int { MR * NR + MC * KC + packedBCount }
}
