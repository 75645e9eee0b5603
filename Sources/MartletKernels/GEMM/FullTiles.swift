// Full tiles go from the registers to where they belong without a stop in the buffer: plain products, chunks before the
// last one, and the epilogues that training and prediction spend their time in. Each is a function of its own that the
// microkernel is inlined into, so that its sums stay in registers; those that update weights are in UpdateTiles.swift.
// Other epilogues and most edges take the buffer (Epilogue.swift).

import MartletKernelInterface

/// A full tile to compute.
struct Tile {
  private(set) var panels: Panels
  /// Where it begins in C, and in weights and state, which lie like C.
  private(set) var offset: Int
  let rowStride: Int

  @inline(always)
  init(_ panels: Panels, offset: Int, rowStride: Int) {
    (self.panels, self.offset, self.rowStride) = (panels, offset, rowStride)
  }

  /// Call `body` for this and the tiles below it.
  @inline(always)
  func forEach(_ count: Int, _ body: (Tile) -> Void) {
    var tile = self
    for _ in 0..<count {
      body(tile)
      tile.panels.advance()
      tile.offset += MR * rowStride
    }
  }
}

/// Compute a column of full tiles of C from (row, column) on and bring them to where the arguments want them.
///
/// - Parameter updates: of the whole product, if it updates weights.
/// - Returns: false if there is no such epilogue here; then nothing has been done.
@inline(always)
func computeFullTiles(
  _ g: GEMMArguments<Float>, _ updates: UnsafeMutablePointer<TileUpdates>?, _ chunk: Chunk, _ panels: Panels, row: Int,
  column: Int, count: Int
) -> Bool {
  let first = Tile(panels, offset: row * g.cRowStride + column, rowStride: g.cRowStride)
  if case .update = g.epilogue, chunk.isLast {
    guard let updates else { return false }
    return updateFullTiles(first, count, chunk.isFirst ? nil : g.c.map { UnsafePointer($0) }, updates)
  }
  guard let c = g.c else { return false }
  switch g.epilogue {
  case .store(let alpha, let beta):
    guard alpha == 1 && (beta == 0 || beta == 1) else { return false }
    first.forEach(count) { storeTile($0, adds: !chunk.isFirst || beta == 1, c) }
  case _ where !chunk.isLast: first.forEach(count) { storeTile($0, adds: !chunk.isFirst, c) }
  case .biasActivation(let bias, let f):
    let bias = bias.map { $0 + column }
    switch f.kind {
    case .linear: first.forEach(count) { biasTile($0, adds: !chunk.isFirst, bias, c, isReLU: false) }
    case .relu: first.forEach(count) { biasTile($0, adds: !chunk.isFirst, bias, c, isReLU: true) }
    default: return false
    }
  case .affine(let affine):
    let e = affine.pointee
    guard let scale = e.scale, let offset = e.offset else { return false }
    first.forEach(count) {
      affineTile($0, adds: !chunk.isFirst, scale + column, offset + column, e.residual, e.activation, c)
    }
  case .activationGradient(let v, let vRowStride, let f):
    guard case .relu = f.kind else { return false }
    var y = v + row * vRowStride + column
    first.forEach(count) {
      reluGradientTile($0, adds: !chunk.isFirst, y, vRowStride, c)
      y += MR * vRowStride
    }
  case .update: return false
  }
  return true
}

/// C = or += tile
@inline(never)
private func storeTile(_ tile: Tile, adds: Bool, _ c: UnsafeMutablePointer<Float>) {
  let (c, rowStride) = (c + tile.offset, tile.rowStride)
  var sums = zeroTile
  accumulate(&sums, tile.panels) { r in prefetchRow(r, c, rowStride) }
  if adds { add(c, rowStride, to: &sums) }
  store(&sums, c, rowStride)
}

/// C = tile + bias, or the ReLU of it. adds: to what earlier chunks have come to.
@inline(never)
private func biasTile(
  _ tile: Tile, adds: Bool, _ bias: UnsafePointer<Float>?, _ c: UnsafeMutablePointer<Float>, isReLU: Bool
) {
  let (c, rowStride) = (c + tile.offset, tile.rowStride)
  var sums = zeroTile
  accumulate(&sums, tile.panels) { r in prefetchRow(r, c, rowStride) }
  if adds { add(c, rowStride, to: &sums) }
  if let bias {
    for v in 0..<TileRow.count {
      let b = load(bias + v * width)
      for r in 0..<MR { sums[r][v] += b }
    }
  }
  if isReLU {
    for r in 0..<MR {
      for v in 0..<TileRow.count { sums[r][v] = relu(sums[r][v]) }
    }
  }
  store(&sums, c, rowStride)
}

/// C = activation(scale tile + offset), or with a residual: what ends a layer in prediction.
@inline(never)
private func affineTile(
  _ tile: Tile, adds: Bool, _ scale: UnsafePointer<Float>, _ offset: UnsafePointer<Float>,
  _ residual: UnsafePointer<Float>?, _ f: ActivationFunction, _ c: UnsafeMutablePointer<Float>
) {
  let (c, rowStride) = (c + tile.offset, tile.rowStride)
  let residual = residual.map { $0 + tile.offset }
  // Nothing is below minus infinity.
  let least = if case .relu = f.kind { Vector.zero } else { Vector(repeating: -.infinity) }
  var sums = zeroTile
  accumulate(&sums, tile.panels) { r in
    prefetchRow(r, c, rowStride)
    if let residual { prefetchRow(r, residual, rowStride) }
  }
  if adds { add(c, rowStride, to: &sums) }
  @inline(always)
  func finish(_ x: Vector, _ p: UnsafeMutablePointer<Float>) { store(select(x .< least, least, x), p) }
  @inline(always)
  func finishRow(_ r: Int) {
    for v in 0..<TileRow.count {
      let (j, i) = (v * width, r * rowStride + v * width)
      finish(multiplyAdd(sums[r][v], load(scale + j), load(offset + j)), c + i)
    }
  }
  @inline(always)
  func finishRowWithResidual(_ r: Int) {
    for v in 0..<TileRow.count {
      let (j, i) = (v * width, r * rowStride + v * width)
      let x = multiplyAdd(sums[r][v], load(scale + j), load(offset + j))
      finish(residual.map { x + load($0 + i) } ?? x, c + i)
    }
  }
  residual == nil ? forEachTileRow(finishRow) : forEachTileRow(finishRowWithResidual)
  switch f.kind {
  case .linear, .relu: break
  default: for r in 0..<MR { activation(f, c + r * rowStride, c + r * rowStride, NR) }
  }
}

/// C = tile * relu'(y)
@inline(never)
private func reluGradientTile(
  _ tile: Tile, adds: Bool, _ y: UnsafePointer<Float>, _ yStride: Int, _ c: UnsafeMutablePointer<Float>
) {
  let (c, rowStride) = (c + tile.offset, tile.rowStride)
  var sums = zeroTile
  accumulate(&sums, tile.panels) { r in
    prefetchRow(r, y, yStride)
    prefetchRow(r, c, rowStride)
  }
  if adds { add(c, rowStride, to: &sums) }
  @inline(always)
  func finishRow(_ r: Int) {
    for v in 0..<TileRow.count {
      let dX = reluGradient(sums[r][v], load(y + r * yStride + v * width))
      store(dX, c + r * rowStride + v * width)
    }
  }
  forEachTileRow(finishRow)
}

/// Add what earlier chunks have come to.
@inline(always)
func add(_ partial: UnsafePointer<Float>, _ rowStride: Int, to sums: inout TileSums) {
  for r in 0..<MR {
    for v in 0..<TileRow.count { sums[r][v] = load(partial + r * rowStride + v * width) + sums[r][v] }
  }
}

/// (`inout` as a copy would lie in memory.)
@inline(always)
func store(_ sums: inout TileSums, _ c: UnsafeMutablePointer<Float>, _ rowStride: Int) {
  for r in 0..<MR {
    for v in 0..<TileRow.count { store(sums[r][v], c + r * rowStride + v * width) }
  }
}

/// Call `body` for all rows of a full tile: written out, because a loop that the optimiser finds too long to unroll
/// would put the sums into memory to index them. (For the same reason `body` is a local function that is always
/// inlined: a closure that is called so often would not be.)
@inline(always)
func forEachTileRow(_ body: (_ r: Int) -> Void) {
  body(0)
  body(1)
  body(2)
  body(3)
  #if MARTLET_AVX512 || arch(arm64)
    body(4)
    body(5)
    body(6)
    body(7)
  #endif
  #if MARTLET_AVX512
    body(8)
    body(9)
    body(10)
    body(11)
  #endif
}
