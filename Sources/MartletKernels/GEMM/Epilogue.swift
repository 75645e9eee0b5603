// What happens to a tile in the buffer when the microkernel has computed it: most of those at the edges, and those with
// an epilogue that FullTiles.swift does not have. Chunks before the last are added up in C; after the last one, while
// the tile is in the L1 cache, the epilogue makes the result of it. Row by row, in vectors.

import MartletKernelInterface

/// Where a chunk stands in the sum over k.
struct Chunk {
  var isFirst: Bool
  var isLast: Bool
}

/// Bring rows x columns of `tile` (row stride NR), which belong to C at (row, column), to where the arguments want
/// them.
func finishTile(
  _ g: GEMMArguments<Float>, _ chunk: Chunk, _ tile: UnsafeMutablePointer<Float>, row: Int, column: Int, rows: Int,
  columns: Int
) {
  let offset = row * g.cRowStride + column
  /// C at the tile; of the `.update` epilogue only if there are several chunks.
  let c = g.c.map { $0 + offset }

  if case .store(let alpha, let beta) = g.epilogue {
    if let c { storeTile(tile, alpha, c, chunk.isFirst ? beta : 1, g.cRowStride, rows, columns) }
    return
  }
  if !chunk.isFirst, let c {
    forEachRow(rows, columns) { r, j, lanes in
      let p = tile + r * NR + j
      store(load(c + r * g.cRowStride + j, lanes) + load(p), p)
    }
  }
  guard chunk.isLast else {
    if let c { storeTile(tile, 1, c, 0, g.cRowStride, rows, columns) }
    return
  }

  switch g.epilogue {
  case .store: break  // done
  case .biasActivation(let bias, let f):
    storeAffineTile(g, AffineArguments(offset: bias, activation: f), tile, row: row, column: column, rows, columns)
  case .affine(let affine):
    storeAffineTile(g, affine.pointee, tile, row: row, column: column, rows, columns)
  case .activationGradient(let v, let vRowStride, let f):
    guard let c else { return }
    let v = v + row * vRowStride + column
    switch f.kind {
    case .relu:
      forEachRow(rows, columns) { r, j, lanes in
        let dX = reluGradient(load(tile + r * NR + j), load(v + r * vRowStride + j, lanes))
        store(dX, c + r * g.cRowStride + j, lanes)
      }
    default:
      for r in 0..<rows { activationGradient(f, v + r * vRowStride, tile + r * NR, c + r * g.cRowStride, columns) }
    }
  case .update(let rule, let target):
    update(
      UpdatePass(rule, target).from(offset),
      UpdateArea(gradient: tile, gradientStride: NR, weightStride: g.cRowStride, rows: rows, columns: columns))
  }
}

/// C = activation(scale tile + offset + residual)
@inline(never)
private func storeAffineTile(
  _ g: GEMMArguments<Float>, _ e: AffineArguments<Float>, _ tile: UnsafePointer<Float>, row: Int, column: Int,
  _ rows: Int, _ columns: Int
) {
  guard let c = g.c else { return }
  let offset = row * g.cRowStride + column
  // ReLU on the way; what takes longer, row by row afterwards.
  let isReLU = if case .relu = e.activation.kind { true } else { false }
  forEachRow(rows, columns) { r, j, lanes in
    let i = offset + r * g.cRowStride + j
    let x = affine(e, load(tile + r * NR + j), column: column + j, element: i, lanes)
    store(isReLU ? relu(x) : x, c + i, lanes)
  }
  switch e.activation.kind {
  case .linear, .relu: break
  default:
    for r in 0..<rows {
      let y = c + offset + r * g.cRowStride
      activation(e.activation, y, y, columns)
    }
  }
}

/// C = alpha tile + beta C; C is not read if beta is 0.
@inline(always)
private func storeTile(
  _ tile: UnsafePointer<Float>, _ alpha: Float, _ c: UnsafeMutablePointer<Float>, _ beta: Float, _ rowStride: Int,
  _ rows: Int, _ columns: Int
) {
  forEachRow(rows, columns) { r, j, lanes in
    let p = c + r * rowStride + j
    var x = load(tile + r * NR + j) * alpha
    if beta != 0 { x = load(p, lanes) * beta + x }
    store(x, p, lanes)
  }
}

@inline(always)
private func forEachRow(_ rows: Int, _ columns: Int, _ body: (_ row: Int, _ column: Int, _ lanes: Int) -> Void) {
  for r in 0..<rows { forEachVector(columns) { j, lanes in body(r, j, lanes) } }
}
