// Tiles of a weight gradient that go into the weights, for the optimisers that training mostly uses: from the
// registers, or for Adam and RMSprop by way of the L1 cache. Full tiles, and those at the right edge, whose last vector
// is not full: where a batch has few rows, a tile is so little work that a way through the buffer would show. The rest
// takes the buffer (Epilogue.swift).

import MartletKernelInterface

/// The updates of one product.
struct TileUpdates {
  let pass: UnsafePointer<UpdatePass>
  /// A full tile of gradients that waits to be applied, row stride NR, and where it begins in the weights. Roots and
  /// quotients take long, and the processor does not look far enough ahead to begin with the next tile meanwhile; so a
  /// tile of Adam or RMSprop is applied row by row between the multiply-adds of the tile after it, if there are enough.
  let waiting: UnsafeMutablePointer<Float>
  var waitingStart: Int?

  /// Apply the last tile.
  func finish(rowStride: Int) {
    guard let waitingStart else { return }
    update(
      pass.pointee.from(waitingStart),
      UpdateArea(gradient: waiting, gradientStride: NR, weightStride: rowStride, rows: MR, columns: NR))
  }
}

/// Compute `count` full tiles, one below the other, and update the weights with them.
///
/// - Parameters:
///   - partial: C, if it holds the chunks before this one.
///   - updates: of the whole product, to be finished after its last tile.
/// - Returns: false if there is no such rule here; then nothing has been done.
@inline(always)
func updateFullTiles(
  _ first: Tile, _ count: Int, _ partial: UnsafePointer<Float>?, _ updates: UnsafeMutablePointer<TileUpdates>
) -> Bool {
  let pass = updates.pointee.pass
  switch pass.pointee.rule.pointee.kind {
  case .gradientDescent: first.forEach(count) { gradientDescentTile($0, partial, pass) }
  case .momentum: first.forEach(count) { momentumTile($0, partial, pass) }
  case .nesterov: first.forEach(count) { nesterovTile($0, partial, pass) }
  case .adam, .amsgrad:
    if isLong(first.panels) {
      first.forEach(count) { adamTileLater($0, partial, updates) }
    } else {
      first.forEach(count) { adamTile($0, partial, pass) }
    }
  case .rmsprop, .centeredRMSprop:
    if isLong(first.panels) {
      first.forEach(count) { rmspropTileLater($0, partial, updates) }
    } else {
      first.forEach(count) { rmspropTile($0, partial, pass) }
    }
  case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
  }
  return true
}

/// The same for tiles at the right edge, `columns` < NR wide, of a product whose K is one chunk.
func updateEdgeTiles(_ first: Tile, _ count: Int, columns: Int, _ pass: UnsafePointer<UpdatePass>) -> Bool {
  if columns <= width {
    switch pass.pointee.rule.pointee.kind {
    case .gradientDescent: first.forEach(count) { gradientDescentNarrowTile($0, pass) }
    case .momentum: first.forEach(count) { momentumNarrowTile($0, pass) }
    case .nesterov: first.forEach(count) { nesterovNarrowTile($0, pass) }
    case .adam, .amsgrad: first.forEach(count) { adamNarrowTile($0, pass) }
    case .rmsprop, .centeredRMSprop: first.forEach(count) { rmspropNarrowTile($0, pass) }
    case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
    }
  } else if columns > NR - width {  // a tile of three vectors has no form for two
    switch pass.pointee.rule.pointee.kind {
    case .gradientDescent: first.forEach(count) { gradientDescentEdgeTile($0, pass) }
    case .momentum: first.forEach(count) { momentumEdgeTile($0, pass) }
    case .nesterov: first.forEach(count) { nesterovEdgeTile($0, pass) }
    case .adam, .amsgrad: first.forEach(count) { adamEdgeTile($0, pass) }
    case .rmsprop, .centeredRMSprop: first.forEach(count) { rmspropEdgeTile($0, pass) }
    case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
    }
  } else {
    return false
  }
  return true
}

@inline(never)
private func gradientDescentTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(GradientDescent.self, tile, zeroTile, isEdge: false, partial, pass)
}

@inline(never)
private func gradientDescentEdgeTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(GradientDescent.self, tile, zeroTile, isEdge: true, nil, pass)
}

@inline(never)
private func gradientDescentNarrowTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(GradientDescent.self, tile, zeroNarrowTile, isEdge: true, nil, pass)
}

@inline(never)
private func momentumTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(Momentum.self, tile, zeroTile, isEdge: false, partial, pass)
}

@inline(never)
private func momentumEdgeTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(Momentum.self, tile, zeroTile, isEdge: true, nil, pass)
}

@inline(never)
private func momentumNarrowTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(Momentum.self, tile, zeroNarrowTile, isEdge: true, nil, pass)
}

@inline(never)
private func nesterovTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(NesterovMomentum.self, tile, zeroTile, isEdge: false, partial, pass)
}

@inline(never)
private func nesterovEdgeTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(NesterovMomentum.self, tile, zeroTile, isEdge: true, nil, pass)
}

@inline(never)
private func nesterovNarrowTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(NesterovMomentum.self, tile, zeroNarrowTile, isEdge: true, nil, pass)
}

@inline(never)
private func adamTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(Adam.self, tile, zeroTile, isEdge: false, partial, pass)
}

@inline(never)
private func adamTileLater(
  _ tile: Tile, _ partial: UnsafePointer<Float>?, _ updates: UnsafeMutablePointer<TileUpdates>
) {
  updateLater(Adam.self, tile, partial, updates)
}

@inline(never)
private func adamEdgeTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(Adam.self, tile, zeroTile, isEdge: true, nil, pass)
}

@inline(never)
private func adamNarrowTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(Adam.self, tile, zeroNarrowTile, isEdge: true, nil, pass)
}

@inline(never)
private func rmspropTile(_ tile: Tile, _ partial: UnsafePointer<Float>?, _ pass: UnsafePointer<UpdatePass>) {
  update(RMSprop.self, tile, zeroTile, isEdge: false, partial, pass)
}

@inline(never)
private func rmspropTileLater(
  _ tile: Tile, _ partial: UnsafePointer<Float>?, _ updates: UnsafeMutablePointer<TileUpdates>
) {
  updateLater(RMSprop.self, tile, partial, updates)
}

@inline(never)
private func rmspropEdgeTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(RMSprop.self, tile, zeroTile, isEdge: true, nil, pass)
}

@inline(never)
private func rmspropNarrowTile(_ tile: Tile, _ pass: UnsafePointer<UpdatePass>) {
  update(RMSprop.self, tile, zeroNarrowTile, isEdge: true, nil, pass)
}

/// Update weights and state with a tile as their gradient.
///
/// - Parameter isEdge: whether some lanes of its last vector may not be in C.
@inline(always)
private func update<Step: UpdateStep, let rows: Int, let vectors: Int>(
  _: Step.Type, _ tile: Tile, _ zeros: Sums<rows, vectors>, isEdge: Bool, _ partial: UnsafePointer<Float>?,
  _ pass: UnsafePointer<UpdatePass>
) {
  guard let step = Step(pass.pointee) else { return }
  let (offset, rowStride, weights) = (tile.offset, tile.rowStride, pass.pointee.weights)
  let (slot0, slot1) = (pass.pointee.slot0, pass.pointee.slot1)
  var sums = zeros
  if isEdge {
    accumulateAdjacentRows(&sums, tile.panels, mayBeEdge: true)
  } else {
    accumulateAdjacentRows(&sums, tile.panels) { r in
      prefetchRow(r, weights + offset, rowStride)
      if let slot0 { prefetchRow(r, slot0 + offset, rowStride) }
      if let slot1 { prefetchRow(r, slot1 + offset, rowStride) }
    }
  }
  @inline(always)
  func lanes(_ v: Int) -> Int { isEdge && v + 1 == vectors ? tile.panels.lastLanes : width }
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

/// Apply the tile that waits while this one is computed, and let this one wait.
@inline(always)
private func updateLater<Step: UpdateStep>(
  _: Step.Type, _ tile: Tile, _ partial: UnsafePointer<Float>?, _ updates: UnsafeMutablePointer<TileUpdates>
) {
  let (pass, waiting) = (updates.pointee.pass, updates.pointee.waiting)
  guard let step = Step(pass.pointee), let slot0 = pass.pointee.slot0 else { return }
  let (offset, rowStride, weights) = (tile.offset, tile.rowStride, pass.pointee.weights)
  let slot1 = pass.pointee.slot1
  let (start, isWaiting) = (updates.pointee.waitingStart ?? 0, updates.pointee.waitingStart != nil)
  var sums = zeroTile
  accumulateAdjacentRows(&sums, tile.panels) { r in
    prefetchRow(r, weights + offset, rowStride)
    prefetchRow(r, slot0 + offset, rowStride)
    if let slot1 { prefetchRow(r, slot1 + offset, rowStride) }
    guard isWaiting else { return }
    for v in 0..<TileRow.count {
      let i = start + r * rowStride + v * width
      var (weight, gradient) = (load(weights + i), load(waiting + r * NR + v * width))
      if !pass.pointee.isPlain {
        (weight, gradient) = (pass.pointee.decayed(weight), pass.pointee.modified(gradient, weight))
      }
      step.apply(weight, gradient, i, width)
    }
  }
  if let partial { add(partial + offset, rowStride, to: &sums) }
  store(&sums, waiting, NR)
  updates.pointee.waitingStart = offset
}
