// Full tiles go from the registers to where they belong without a stop in the buffer: plain products, chunks before the
// last one, and the epilogues that training spends its time in. Each is a function of its own that the microkernel is
// inlined into, so that its sums stay in registers; other epilogues and the edges take the buffer (Epilogue.swift).

import MartletKernelInterface

#if MARTLET_AVX512
  private typealias FullTile = Sums<12, 2>
#elseif MARTLET_AVX2
  private typealias FullTile = Sums<4, 3>
#else
  private typealias FullTile = Sums<4, 2>
#endif

/// Compute the full tile of C at (row, column) and bring it to where the arguments want it.
///
/// - Returns: false if there is no such epilogue here; then nothing has been done.
func computeFullTile(_ g: GEMMArguments<Float>, _ chunk: Chunk, _ panels: Panels, row: Int, column: Int) -> Bool {
  let offset = row * g.cRowStride + column
  guard chunk.isLast else { return store(g, chunk, panels, offset) }
  /// The chunks before this one.
  let partial = chunk.isFirst ? nil : g.c.map { UnsafePointer($0 + offset) }
  switch g.epilogue {
  case .store: return store(g, chunk, panels, offset)
  case .biasActivation(let bias, let f):
    guard let c = g.c else { return false }
    switch f.kind {
    case .linear: biasTile(panels, partial, bias.map { $0 + column }, c + offset, g.cRowStride, isReLU: false)
    case .relu: biasTile(panels, partial, bias.map { $0 + column }, c + offset, g.cRowStride, isReLU: true)
    default: return false
    }
  case .activationGradient(let v, let vRowStride, let f):
    guard let c = g.c, case .relu = f.kind else { return false }
    reluGradientTile(panels, partial, v + row * vRowStride + column, vRowStride, c + offset, g.cRowStride)
  case .update(let rule, let target):
    let pass = UpdatePass(rule, target, at: offset)
    switch rule.pointee.kind {
    case .gradientDescent: gradientDescentTile(pass, panels, partial, g.cRowStride)
    case .momentum, .nesterov: momentumTile(pass, panels, partial, g.cRowStride)
    case .adam, .amsgrad: adamTile(pass, panels, partial, g.cRowStride)
    case .rmsprop, .centeredRMSprop: rmspropTile(pass, panels, partial, g.cRowStride)
    case .adamax, .nadam, .adagrad, .adadelta, .lion: return false
    }
  }
  return true
}

// MARK: Products that are stored

@inline(always)
private func store(_ g: GEMMArguments<Float>, _ chunk: Chunk, _ panels: Panels, _ offset: Int) -> Bool {
  guard let c = g.c else { return false }
  storeTile(panels, adds: !chunk.isFirst, c + offset, g.cRowStride)
  return true
}

/// C = or += tile
@inline(never)
private func storeTile(_ panels: Panels, adds: Bool, _ c: UnsafeMutablePointer<Float>, _ rowStride: Int) {
  var sums = zeroTile
  accumulate(&sums, panels, prefetching: [TileRows(first: c, stride: rowStride)])
  if adds { add(c, rowStride, to: &sums) }
  store(&sums, c, rowStride)
}

/// C = tile + bias, or the ReLU of it
@inline(never)
private func biasTile(
  _ panels: Panels, _ partial: UnsafePointer<Float>?, _ bias: UnsafePointer<Float>?, _ c: UnsafeMutablePointer<Float>,
  _ rowStride: Int, isReLU: Bool
) {
  var sums = zeroTile
  accumulate(&sums, panels, prefetching: [TileRows(first: c, stride: rowStride)])
  if let partial { add(partial, rowStride, to: &sums) }
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

/// C = tile * relu'(y)
@inline(never)
private func reluGradientTile(
  _ panels: Panels, _ partial: UnsafePointer<Float>?, _ y: UnsafePointer<Float>, _ yStride: Int,
  _ c: UnsafeMutablePointer<Float>, _ rowStride: Int
) {
  var sums = zeroTile
  accumulate(
    &sums, panels, prefetching: [TileRows(first: y, stride: yStride), TileRows(first: c, stride: rowStride)])
  if let partial { add(partial, rowStride, to: &sums) }
  @inline(always)
  func finishRow(_ r: Int) {
    for v in 0..<TileRow.count {
      let dX = reluGradient(sums[r][v], load(y + r * yStride + v * width))
      store(dX, c + r * rowStride + v * width)
    }
  }
  forEachRow(finishRow)
}

/// Add what earlier chunks have come to.
@inline(always)
private func add(_ partial: UnsafePointer<Float>, _ rowStride: Int, to sums: inout FullTile) {
  for r in 0..<MR {
    for v in 0..<TileRow.count { sums[r][v] = load(partial + r * rowStride + v * width) + sums[r][v] }
  }
}

/// (`inout` as a copy would lie in memory.)
@inline(always)
private func store(_ sums: inout FullTile, _ c: UnsafeMutablePointer<Float>, _ rowStride: Int) {
  for r in 0..<MR {
    for v in 0..<TileRow.count { store(sums[r][v], c + r * rowStride + v * width) }
  }
}

// MARK: Gradients that update weights

@inline(never)
private func gradientDescentTile(
  _ pass: UpdatePass, _ panels: Panels, _ partial: UnsafePointer<Float>?, _ rowStride: Int
) {
  updateTile(GradientDescent.self, pass, panels, partial, rowStride)
}

@inline(never)
private func momentumTile(
  _ pass: UpdatePass, _ panels: Panels, _ partial: UnsafePointer<Float>?, _ rowStride: Int
) {
  updateTile(Momentum.self, pass, panels, partial, rowStride)
}

@inline(never)
private func adamTile(
  _ pass: UpdatePass, _ panels: Panels, _ partial: UnsafePointer<Float>?, _ rowStride: Int
) {
  updateTile(Adam.self, pass, panels, partial, rowStride)
}

@inline(never)
private func rmspropTile(
  _ pass: UpdatePass, _ panels: Panels, _ partial: UnsafePointer<Float>?, _ rowStride: Int
) {
  updateTile(RMSprop.self, pass, panels, partial, rowStride)
}

/// Update weights and state, whose rows are `rowStride` apart, with the tile as their gradient.
@inline(always)
private func updateTile<Step: UpdateStep>(
  _: Step.Type, _ pass: UpdatePass, _ panels: Panels, _ partial: UnsafePointer<Float>?, _ rowStride: Int
) {
  guard let step = Step(pass) else { return }
  let slot0 = pass.slot0 ?? pass.weights
  let slot1 = pass.slot1 ?? slot0
  var sums = zeroTile
  accumulate(
    &sums, panels,
    prefetching: [
      TileRows(first: pass.weights, stride: rowStride), TileRows(first: slot0, stride: rowStride),
      TileRows(first: slot1, stride: rowStride),
    ])
  if let partial { add(partial, rowStride, to: &sums) }
  if !pass.isPlain {
    @inline(always)
    func modifyRow(_ r: Int) {
      for v in 0..<TileRow.count {
        let p = pass.weights + r * rowStride + v * width
        let weight = load(p)
        sums[r][v] = pass.modified(sums[r][v], weight)
        store(pass.decayed(weight), p)
      }
    }
    forEachRow(modifyRow)
  }
  @inline(always)
  func updateRow(_ r: Int) {
    for v in 0..<TileRow.count {
      let i = r * rowStride + v * width
      step.apply(load(pass.weights + i), sums[r][v], i, width)
    }
  }
  forEachRow(updateRow)
}

// MARK: Rows

/// Call `body` for all rows of a tile: written out, because a loop that the optimiser finds too long to unroll would
/// put the sums into memory to index them. (For the same reason `body` is a local function that is always inlined: a
/// closure that is called so often would not be.)
@inline(always)
private func forEachRow(_ body: (_ r: Int) -> Void) {
  body(0)
  body(1)
  body(2)
  body(3)
  #if MARTLET_AVX512
    body(4)
    body(5)
    body(6)
    body(7)
    body(8)
    body(9)
    body(10)
    body(11)
  #endif
}
