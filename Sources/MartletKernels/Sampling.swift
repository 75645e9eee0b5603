// Images seen through an affine map, and the gradient of that. Vectors run over the channels.

import MartletKernelInterface

/// The two pixels of an axis around a place, the second with `weight`, the first with the rest; negative where the fill
/// value is.
private struct Span {
  var first: Int
  var second: Int
  var weight: Float

  @inline(never)
  init(_ place: Float, over size: Int, _ interpolation: Interpolation, _ mode: FillMode) {
    switch interpolation {
    case .nearest:
      // In double, where adding a half is exact.
      first = Int(Double(place) + (place < 0 ? -0.5 : 0.5))
      (second, weight) = (first, 0)
    case .bilinear:
      let whole = Int(place)
      first = Float(whole) > place ? whole - 1 : whole
      (second, weight) = (first + 1, place - Float(first))
    }
    if first < 0 || second >= size { (first, second) = (fold(first, size, mode), fold(second, size, mode)) }
  }
}

/// The pixel that is seen at an index, which may lie beyond the borders.
@inline(never)
private func fold(_ index: Int, _ size: Int, _ mode: FillMode) -> Int {
  switch mode {
  case .constant: return index < size ? max(-1, index) : -1
  case .nearest: return max(0, min(index, size - 1))
  case .reflect:
    let place = remainder(index, 2 * size)
    return min(place, 2 * size - 1 - place)
  case .wrap: return remainder(index, size)
  }
}

/// Of the division rounded down: from 0 to period - 1.
@inline(always)
private func remainder(_ index: Int, _ period: Int) -> Int {
  let signed = index % period
  return signed < 0 ? signed + period : signed
}

/// As `forEachVector`, with one copy of the body, which is what the code of this file is made of: most images have
/// fewer channels than a vector has lanes.
@inline(always)
private func forEachPart(_ count: Int, _ body: (_ index: Int, _ lanes: Int) -> Void) {
  for index in stride(from: 0, to: count, by: width) { body(index, min(width, count - index)) }
}

/// Call `body` for each pixel of the results with where it begins, and where its image does.
@inline(always)
private func forEachPixel(
  _ g: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Float>,
  _ body: (_ element: Int, _ image: Int, _ down: Span, _ across: Span) -> Void
) {
  let sizes = g.sizes
  for image in 0..<imageCount {
    let map = maps + image * SampleGeometry.mapCount
    for i in 0..<sizes.resultHeight {
      let (column, row) = (map[1] * Float(i) + map[2], map[4] * Float(i) + map[5])
      for j in 0..<sizes.resultWidth {
        body(
          ((image * sizes.resultHeight + i) * sizes.resultWidth + j) * sizes.channels,
          image * sizes.height * sizes.width * sizes.channels,
          Span(map[3] * Float(j) + row, over: sizes.height, sizes.interpolation, g.fillMode),
          Span(map[0] * Float(j) + column, over: sizes.width, sizes.interpolation, g.fillMode))
      }
    }
  }
}

func sample(
  _ g: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>
) {
  @inline(always)
  func make(_ element: Int, _ image: Int, _ down: Span, _ across: Span) {
    forEachPart(g.sizes.channels) { k, lanes in
      @inline(always)
      func value(_ row: Int, _ column: Int) -> Vector {
        if row < 0 || column < 0 { return Vector(repeating: g.fillValue) }
        return load(x + image + (row * g.sizes.width + column) * g.sizes.channels + k, lanes)
      }
      // What has no weight is not read, so that an infinity there does no harm.
      @inline(always)
      func line(_ row: Int) -> Vector {
        let left = value(row, across.first)
        if across.weight == 0 { return left }
        return left * (1 - across.weight) + value(row, across.second) * across.weight
      }
      var result = line(down.first)
      if down.weight != 0 { result = result * (1 - down.weight) + line(down.second) * down.weight }
      store(result, y + element + k, lanes)
    }
  }
  forEachPixel(g, imageCount, maps, make)
}

func sampleGradient(
  _ g: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Float>, _ dY: UnsafePointer<Float>,
  _ dX: UnsafeMutablePointer<Float>
) {
  dX.update(repeating: 0, count: imageCount * g.sizes.height * g.sizes.width * g.sizes.channels)
  @inline(always)
  func make(_ element: Int, _ image: Int, _ down: Span, _ across: Span) {
    forEachPart(g.sizes.channels) { k, lanes in
      let gradient = load(dY + element + k, lanes)
      @inline(always)
      func add(_ row: Int, _ column: Int, _ weight: Float) {
        if weight == 0 || row < 0 || column < 0 { return }
        let p = dX + image + (row * g.sizes.width + column) * g.sizes.channels + k
        store(load(p, lanes) + gradient * weight, p, lanes)
      }
      add(down.first, across.first, (1 - down.weight) * (1 - across.weight))
      add(down.first, across.second, (1 - down.weight) * across.weight)
      add(down.second, across.first, down.weight * (1 - across.weight))
      add(down.second, across.second, down.weight * across.weight)
    }
  }
  forEachPixel(g, imageCount, maps, make)
}
