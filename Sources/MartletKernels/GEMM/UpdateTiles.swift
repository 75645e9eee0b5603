// Tiles of a weight gradient that go from the registers into the weights, for the optimisers that training mostly uses:
// no gradient is written to memory. Full tiles, and those at the right edge, whose last vector is not full; so few rows
// of a batch make a gradient that each call counts. The rest takes the buffer (Epilogue.swift).

import MartletKernelInterface

/// Compute `count` full tiles, one below the other, and update the weights with them.
///
/// - Parameters:
///   - partial: C, if it holds the chunks before this one.
///   - pass: of the whole product.
/// - Returns: false if there is no such rule here; then nothing has been done.
@inline(always)
func updateFullTiles(
  _ first: Tile, _ count: Int, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>
) -> Bool {
  switch pass.pointee.rule.pointee.kind {
  case .gradientDescent: first.forEach(count) { gradientDescentTile($0, partial, pass) }
  case .momentum, .nesterov: first.forEach(count) { momentumTile($0, partial, pass) }
  case .adam, .amsgrad: first.forEach(count) { adamTile($0, partial, pass) }
  case .rmsprop, .centeredRMSprop: first.forEach(count) { rmspropTile($0, partial, pass) }
  case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
  }
  return true
}

/// The same for tiles at the right edge, `columns` < NR wide, of a product whose K is one chunk.
func updateEdgeTiles(_ first: Tile, _ count: Int, columns: Int, _ pass: UnsafePointer<UpdatePass>) -> Bool {
  let lanes = (columns - 1) % width + 1
  if columns <= width {
    switch pass.pointee.rule.pointee.kind {
    case .gradientDescent: first.forEach(count) { gradientDescentNarrowTile($0, lanes, pass) }
    case .momentum, .nesterov: first.forEach(count) { momentumNarrowTile($0, lanes, pass) }
    case .adam, .amsgrad: first.forEach(count) { adamNarrowTile($0, lanes, pass) }
    case .rmsprop, .centeredRMSprop: first.forEach(count) { rmspropNarrowTile($0, lanes, pass) }
    case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
    }
  } else if columns > NR - width {  // a tile of three vectors has no form for two
    switch pass.pointee.rule.pointee.kind {
    case .gradientDescent: first.forEach(count) { gradientDescentEdgeTile($0, lanes, pass) }
    case .momentum, .nesterov: first.forEach(count) { momentumEdgeTile($0, lanes, pass) }
    case .adam, .amsgrad: first.forEach(count) { adamEdgeTile($0, lanes, pass) }
    case .rmsprop, .centeredRMSprop: first.forEach(count) { rmspropEdgeTile($0, lanes, pass) }
    case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
    }
  } else {
    return false
  }
  return true
}

@inline(never)
private func gradientDescentTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(GradientDescent.self, tile, zeroTile, isEdge: false, lastLanes: width, partial, pass)
}

@inline(never)
private func gradientDescentEdgeTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(GradientDescent.self, tile, zeroTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func gradientDescentNarrowTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(GradientDescent.self, tile, zeroNarrowTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func momentumTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(Momentum.self, tile, zeroTile, isEdge: false, lastLanes: width, partial, pass)
}

@inline(never)
private func momentumEdgeTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(Momentum.self, tile, zeroTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func momentumNarrowTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(Momentum.self, tile, zeroNarrowTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func adamTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(Adam.self, tile, zeroTile, isEdge: false, lastLanes: width, partial, pass)
}

@inline(never)
private func adamEdgeTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(Adam.self, tile, zeroTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func adamNarrowTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(Adam.self, tile, zeroNarrowTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func rmspropTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(RMSprop.self, tile, zeroTile, isEdge: false, lastLanes: width, partial, pass)
}

@inline(never)
private func rmspropEdgeTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(RMSprop.self, tile, zeroTile, isEdge: true, lastLanes: lanes, nil, pass)
}

@inline(never)
private func rmspropNarrowTile(_ tile: Tile, _ lanes: Int, _ pass: UnsafePointer<UpdatePass>) {
  update(RMSprop.self, tile, zeroNarrowTile, isEdge: true, lastLanes: lanes, nil, pass)
}

/// Update weights and state with a tile as their gradient, of whose last vector so many lanes are in C.
@inline(always)
private func update<Step: UpdateStep, let rows: Int, let vectors: Int>(
  _: Step.Type, _ tile: Tile, _ zeros: Sums<rows, vectors>, isEdge: Bool, lastLanes: Int,
  _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>
) {
  guard let step = Step(pass.pointee) else { return }
  let (offset, rowStride, weights) = (tile.offset, tile.rowStride, pass.pointee.weights)
  let slot0 = pass.pointee.slot0 ?? weights
  let slot1 = pass.pointee.slot1 ?? slot0
  var sums = zeros
  accumulate(
    &sums, tile.panels, mayBeEdge: isEdge,
    prefetching: [
      TileRows(first: weights + offset, stride: rowStride), TileRows(first: slot0 + offset, stride: rowStride),
      TileRows(first: slot1 + offset, stride: rowStride),
    ])
  @inline(always)
  func lanes(_ v: Int) -> Int { v + 1 < vectors ? width : lastLanes }
  if let partial {
    for r in 0..<rows {
      for v in 0..<vectors { sums[r][v] = load(partial + offset + r * rowStride + v * width, lanes(v)) + sums[r][v] }
    }
  }
  if !pass.pointee.isPlain {
    @inline(always)
    func modifyRow(_ r: Int) {
      for v in 0..<vectors {
        let p = weights + offset + r * rowStride + v * width
        let weight = load(p, lanes(v))
        sums[r][v] = pass.pointee.modified(sums[r][v], weight)
        store(pass.pointee.decayed(weight), p, lanes(v))
      }
    }
    forEachTileRow(modifyRow)
  }
  @inline(always)
  func updateRow(_ r: Int) {
    for v in 0..<vectors {
      let i = offset + r * rowStride + v * width
      step.apply(load(weights + i, lanes(v)), sums[r][v], i, lanes(v))
    }
  }
  forEachTileRow(updateRow)
}
