// Updates with K = 1, from the gradient of a single row. All time goes into reading and writing the weights and their
// state; so they are walked through in the order of their memory, where a column of tiles would jump from row to row.
// The weights of a few rows are asked for while their gradients are made, which wait in the L1 cache.

import CMartletCPU
import MartletKernelInterface

/// Whether to update in this way: more weights than stay in the L2 cache. From there, tiles are faster.
@inline(always)
func isLargeOuterUpdate(_ g: GEMMArguments<Float>) -> Bool {
  g.k == 1 && g.bColumnStride == 1 && readsInPlace(g) && g.m * g.n > blockCount
}

/// Update weights with the product of one column and one row, whose elements are adjacent.
func updateWithOuterProduct(_ g: GEMMArguments<Float>, _ pass: UpdatePass) {
  for jc in stride(from: 0, to: g.n, by: gradientsAtOnce) {
    let nc = min(gradientsAtOnce, g.n - jc)
    let rowsAtOnce = gradientsAtOnce / nc
    var end = g.m
    while end > 0 {  // upwards, for the reason at `Blocking.isBottomUp`
      let row = max(0, end - rowsAtOnce)
      let start = row * g.cRowStride + jc
      for r in row..<end {
        multiply(
          g.a[r * g.aRowStride], g.b + jc, into: g.workspace + (r - row) * nc, nc,
          asksFor: pass.weights + r * g.cRowStride + jc)
      }
      update(
        pass.from(start),
        UpdateArea(
          gradient: g.workspace, gradientStride: nc, weightStride: g.cRowStride, rows: end - row, columns: nc))
      end = row
    }
  }
}

/// 4 KB of gradients, and of weights as many, beside a row of B: a quarter of an L1 cache.
@inline(always) private var gradientsAtOnce: Int { 1024 }

@inline(always)
private func multiply(
  _ a: Float, _ b: UnsafePointer<Float>, into gradients: UnsafeMutablePointer<Float>, _ count: Int,
  asksFor weights: UnsafePointer<Float>
) {
  let a = Vector(repeating: a)
  forEachVector(count) { j, lanes in
    martlet_prefetch(weights + j)
    store(multiplyAdd(a, load(b + j, lanes), .zero), gradients + j, lanes)
  }
}
