// The transforms of convolutions by kernels of 3 x 3, which leave the products to the matrix product. Vectors run over
// channels or filters; a transform adds and subtracts, so that its time is that of reading and writing.

import MartletKernelInterface

private typealias Four = (Vector, Vector, Vector, Vector)

func winogradWeights(_ w: UnsafePointer<Float>, _ size: Int, _ count: Int, _ u: UnsafeMutablePointer<Float>) {
  /// A column of G times three elements.
  @inline(always)
  func transformed(_ a: Vector, _ b: Vector, _ c: Vector) -> Four {
    let sum = a + c
    return (a, (sum + b) * 0.5, (sum - b) * 0.5, c)
  }
  @inline(always)
  func transform(_ j: Int, _ lanes: Int) {
    @inline(always)
    func column(_ x: Int) -> Four {
      let p = w + x * size + j
      return transformed(load(p, lanes), load(p + 3 * size, lanes), load(p + 6 * size, lanes))
    }
    let (a, b, c) = (column(0), column(1), column(2))
    storeRow(transformed(a.0, b.0, c.0), u + j, size, lanes)
    storeRow(transformed(a.1, b.1, c.1), u + 4 * size + j, size, lanes)
    storeRow(transformed(a.2, b.2, c.2), u + 8 * size + j, size, lanes)
    storeRow(transformed(a.3, b.3, c.3), u + 12 * size + j, size, lanes)
  }
  forEachVector(count, transform)
}

func winogradInput(_ b: WinogradBlock, _ x: UnsafePointer<Float>, _ v: UnsafeMutablePointer<Float>) {
  let g = b.geometry
  let (channels, rowLength, stride) = (g.channels, g.width * g.channels, b.inputStride)
  @inline(always)
  func transformed(_ d: Four) -> Four { (d.0 - d.2, d.1 + d.2, d.2 - d.1, d.1 - d.3) }
  var destination = v
  for tile in b.tiles {
    let place = b.place(of: tile)
    let (top, left) = (place.y - g.top, place.x - g.left)
    let corner = ((place.image * g.height + top) * g.width + left) * channels
    let (rows, columns) = (inside(from: top, g.height), inside(from: left, g.width))
    @inline(always)
    func transform(_ pixel: (_ y: Int, _ x: Int, _ channel: Int, _ lanes: Int) -> Vector) {
      forEachVector(channels) { c, lanes in
        @inline(always)
        func column(_ x: Int) -> Four {
          transformed((pixel(0, x, c, lanes), pixel(1, x, c, lanes), pixel(2, x, c, lanes), pixel(3, x, c, lanes)))
        }
        let (d0, d1, d2, d3) = (column(0), column(1), column(2), column(3))
        let p = destination + c
        storeRow(transformed((d0.0, d1.0, d2.0, d3.0)), p, stride, lanes)
        storeRow(transformed((d0.1, d1.1, d2.1, d3.1)), p + 4 * stride, stride, lanes)
        storeRow(transformed((d0.2, d1.2, d2.2, d3.2)), p + 8 * stride, stride, lanes)
        storeRow(transformed((d0.3, d1.3, d2.3, d3.3)), p + 12 * stride, stride, lanes)
      }
    }
    @inline(always)
    func pixel(_ y: Int, _ column: Int, _ c: Int, _ lanes: Int) -> Vector {
      load(x + corner + y * rowLength + column * channels + c, lanes)
    }
    @inline(always)
    func pixelOrZero(_ y: Int, _ column: Int, _ c: Int, _ lanes: Int) -> Vector {
      rows.contains(y) && columns.contains(column) ? pixel(y, column, c, lanes) : .zero
    }
    if rows.count == 4 && columns.count == 4 { transform(pixel) } else { transform(pixelOrZero) }
    destination += channels
  }
}

/// Those of the four places from `first` on that lie in an image.
@inline(always)
private func inside(from first: Int, _ length: Int) -> Range<Int> {
  let low = min(max(0, -first), 4)
  return low..<max(low, min(4, length - first))
}

func winogradOutput(
  _ b: WinogradBlock, _ m: UnsafePointer<Float>, _ e: AffineArguments<Float>, _ y: UnsafeMutablePointer<Float>
) {
  let g = b.geometry
  let (column, filters, stride) = (b.filters.lowerBound, b.filters.count, b.outputStride)
  let (right, below) = (b.filterCount, g.patchesAcross * b.filterCount)
  // ReLU on the way; what takes longer, pixel by pixel afterwards.
  let isReLU = if case .relu = e.activation.kind { true } else { false }
  let isDone = if case .linear = e.activation.kind { true } else { isReLU }
  @inline(always)
  func transformed(_ z: Four) -> (Vector, Vector) { (z.0 + z.1 + z.2, z.1 - z.2 - z.3) }
  var source = m
  for tile in b.tiles {
    let place = b.place(of: tile)
    let pixel = (place.image * g.patchesDown + place.y) * g.patchesAcross + place.x
    let (isWide, isHigh) = (place.x + 1 < g.patchesAcross, place.y + 1 < g.patchesDown)
    let first = pixel * b.filterCount + column
    @inline(always)
    func transform(_ j: Int, _ lanes: Int) {
      @inline(always)
      func row(_ i: Int) -> (Vector, Vector) {
        let p = source + 4 * i * stride + j
        return transformed(
          (load(p, lanes), load(p + stride, lanes), load(p + 2 * stride, lanes), load(p + 3 * stride, lanes)))
      }
      @inline(always)
      func finish(_ z: Vector, _ pixel: Int) {
        let result = affine(e, z, column: column + j, element: pixel + j, lanes)
        store(isReLU ? relu(result) : result, y + pixel + j, lanes)
      }
      let (z0, z1, z2, z3) = (row(0), row(1), row(2), row(3))
      let (l, r) = (transformed((z0.0, z1.0, z2.0, z3.0)), transformed((z0.1, z1.1, z2.1, z3.1)))
      finish(l.0, first)
      if isWide { finish(r.0, first + right) }
      if isHigh {
        finish(l.1, first + below)
        if isWide { finish(r.1, first + below + right) }
      }
    }
    forEachVector(filters, transform)
    if !isDone {
      for down in 0..<(isHigh ? 2 : 1) {
        for across in 0..<(isWide ? 2 : 1) {
          let p = y + first + down * below + across * right
          activation(e.activation, p, p, filters)
        }
      }
    }
    source += filters
  }
}

@inline(always)
private func storeRow(_ row: Four, _ p: UnsafeMutablePointer<Float>, _ stride: Int, _ lanes: Int) {
  store(row.0, p, lanes)
  store(row.1, p + stride, lanes)
  store(row.2, p + 2 * stride, lanes)
  store(row.3, p + 3 * stride, lanes)
}
