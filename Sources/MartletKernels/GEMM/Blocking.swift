// Sizes of the blocks that a matrix product is cut into, and where they lie in the workspace. MR and NR follow the
// registers, MC and NC the caches. KC is the same everywhere: it is where sums are cut (`KernelTable.chunk`), so it
// decides bits; the other four do not.

import MartletKernelInterface

/// K of a block: one chain of multiply-adds. A packed micropanel of B, KC x NR, is 16 to 32 KB, a micropanel of A 4 to
/// 12 KB, so that one of them stays in the L1 cache while the other comes from L2.
@inline(__always) var KC: Int { 256 }

#if MARTLET_AVX512
  /// 12 x 2 accumulators and 2 vectors of B take 26 of 32 registers; elements of A are broadcast from memory.
  @inline(__always) var MR: Int { 12 }
  typealias TileRow = InlineArray<2, Vector>
#elseif MARTLET_AVX2
  /// 4 x 3 accumulators, 3 vectors of B and one broadcast element of A take all 16 registers: 12 multiply-adds for 7
  /// loads, where 6 x 2 would need 8.
  @inline(__always) var MR: Int { 4 }
  typealias TileRow = InlineArray<3, Vector>
#else
  /// 4 x 2 accumulators, 2 vectors of B, one element of A and the products take 12 or more of 16 registers.
  @inline(__always) var MR: Int { 4 }
  typealias TileRow = InlineArray<2, Vector>
#endif

/// Columns of a tile.
@inline(__always) var NR: Int { TileRow.count * Vector.scalarCount }

/// Rows of a packed block of A: MC x KC floats are 240 KB, half of the L2 cache of the smaller processors. A multiple
/// of every MR.
@inline(__always) var MC: Int { 240 }

/// Columns of a packed block of B at most: KC x NC floats are 1.25 MB, which stays in the L3 cache, and it is so wide
/// that packing A again for each block does not show. A multiple of NR.
@inline(__always) var NC: Int { 1280 / NR * NR }

/// Columns of the blocks that n columns are cut into: as few as NC allows, of the same size but for rounding to NR.
@inline(__always)
func balancedNC(_ n: Int) -> Int {
  let blocks = (n + NC - 1) / NC
  return (n + blocks * NR - 1) / (blocks * NR) * NR
}

/// Up to this many rows, B is read where it lies if its columns are adjacent: packing pays only when each element is
/// used several times.
@inline(__always) var unpackedRowLimit: Int { 4 * MR }

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

  static var count: Int { MR * NR + MC * KC + KC * NC }
}
