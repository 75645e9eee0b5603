// C of one row: a prediction. All time goes into reading B, each element of which is used once; so B is streamed in the
// order of its memory, and it is the sums that wait, in the L1 cache. Each is the same chain as in a tile.

import MartletKernelInterface

/// The product of one row, where the columns of B are adjacent.
func multiplyRow(_ g: GEMMArguments<Float>) {
  let sums = g.workspace
  for jc in stride(from: 0, to: g.n, by: GEMMWorkspace.sumsOfRow) {
    let nc = min(GEMMWorkspace.sumsOfRow, g.n - jc)
    var pc = 0
    repeat {  // once even for K = 0
      let kc = min(KC, g.k - pc)
      let chunk = Chunk(isFirst: pc == 0, isLast: pc + kc == g.k)
      sums.update(repeating: 0, count: nc)
      addProducts(g.a + pc * g.aColumnStride, g.b + pc * g.bRowStride + jc, g, kc: kc, nc: nc, to: sums)
      finishTile(g, chunk, sums, row: 0, column: jc, rows: 1, columns: nc)
      pc += kc
    } while pc < g.k
  }
}

/// sums[j] += a[k] b[k, j] in ascending k. Eight k at a time, so that the sums are seldom read and written, while the
/// rows of B are few enough for a processor to foresee.
@inline(never)
private func addProducts(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ g: GEMMArguments<Float>, kc: Int, nc: Int,
  to sums: UnsafeMutablePointer<Float>
) {
  var (a, b) = (a, b)
  for _ in 0..<(kc / 8) {
    let z = Vector.zero
    addProducts([z, z, z, z, z, z, z, z], a, g.aColumnStride, b, g.bRowStride, nc, to: sums)
    a += 8 * g.aColumnStride
    b += 8 * g.bRowStride
  }
  for _ in 0..<(kc % 8) {
    addProducts([.zero], a, g.aColumnStride, b, g.bRowStride, nc, to: sums)
    a += g.aColumnStride
    b += g.bRowStride
  }
}

/// The same for `depth` k, whose elements of A find room in `elements`.
@inline(always)
private func addProducts<let depth: Int>(
  _ elements: InlineArray<depth, Vector>, _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>,
  _ bStride: Int, _ nc: Int, to sums: UnsafeMutablePointer<Float>
) {
  var elements = elements
  for k in 0..<depth { elements[k] = Vector(repeating: a[k * aStride]) }
  @inline(always)
  func addProducts(_ j: Int, _ lanes: Int) {
    var sum = load(sums + j, lanes)
    for k in 0..<depth { sum = multiplyAdd(elements[k], load(b + k * bStride + j, lanes), sum) }
    store(sum, sums + j, lanes)
  }
  forEachVector(nc, addProducts)
}
