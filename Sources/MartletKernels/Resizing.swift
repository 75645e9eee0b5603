// Images in another size, and the gradient of that. Vectors run over the channels.

import MartletKernelInterface

/// The two pixels of an axis that an element of the result is made of, the second with `weight`, the first with the
/// rest.
private struct Neighbours {
  let first: Int
  let second: Int
  let weight: Float

  @inline(always)
  init(_ i: Int, of count: Int, over size: Int, _ interpolation: Interpolation) {
    switch interpolation {
    case .nearest:
      first = (2 * i + 1) * size / (2 * count)
      (second, weight) = (first, 0)
    case .bilinear:
      let place = (Double(i) + 0.5) * Double(size) / Double(count) - 0.5
      let inside = min(max(place, 0), Double(size - 1))
      first = Int(inside)
      second = min(first + 1, size - 1)
      weight = Float(inside - Double(first))
    }
  }
}

/// Call `body` for each element of the result with its place and those of the four pixels it is made of, row by row.
@inline(always)
private func forEachElement(
  _ g: ResizeGeometry, _ imageCount: Int,
  _ body: (_ element: Int, _ top: Int, _ bottom: Int, _ down: Neighbours, _ across: Neighbours) -> Void
) {
  for image in 0..<imageCount {
    for i in 0..<g.resultHeight {
      let down = Neighbours(i, of: g.resultHeight, over: g.height, g.interpolation)
      let (top, bottom) = ((image * g.height + down.first) * g.width, (image * g.height + down.second) * g.width)
      for j in 0..<g.resultWidth {
        let across = Neighbours(j, of: g.resultWidth, over: g.width, g.interpolation)
        body(((image * g.resultHeight + i) * g.resultWidth + j) * g.channels, top, bottom, down, across)
      }
    }
  }
}

/// first * (1 - weight) + second * weight; what has no weight is not read, so that an infinity there does no harm.
@inline(always)
private func mix(_ first: Vector, _ second: UnsafePointer<Float>, _ weight: Float, _ lanes: Int) -> Vector {
  weight == 0 ? first : first * (1 - weight) + load(second, lanes) * weight
}

func resize(_ g: ResizeGeometry, _ imageCount: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
  @inline(always)
  func make(_ element: Int, _ top: Int, _ bottom: Int, _ down: Neighbours, _ across: Neighbours) {
    let (a, b) = (x + (top + across.first) * g.channels, x + (top + across.second) * g.channels)
    let (c, d) = (x + (bottom + across.first) * g.channels, x + (bottom + across.second) * g.channels)
    forEachVector(g.channels) { k, lanes in
      var value = mix(load(a + k, lanes), b + k, across.weight, lanes)
      if down.weight != 0 {
        let lower = mix(load(c + k, lanes), d + k, across.weight, lanes)
        value = value * (1 - down.weight) + lower * down.weight
      }
      store(value, y + element + k, lanes)
    }
  }
  forEachElement(g, imageCount, make)
}

func resizeGradient(
  _ g: ResizeGeometry, _ imageCount: Int, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>
) {
  dX.update(repeating: 0, count: imageCount * g.height * g.width * g.channels)
  @inline(always)
  func make(_ element: Int, _ top: Int, _ bottom: Int, _ down: Neighbours, _ across: Neighbours) {
    forEachVector(g.channels) { k, lanes in
      let gradient = load(dY + element + k, lanes)
      @inline(always)
      func add(_ pixel: Int, _ weight: Float) {
        if weight == 0 { return }
        let p = dX + pixel * g.channels + k
        store(load(p, lanes) + gradient * weight, p, lanes)
      }
      add(top + across.first, (1 - down.weight) * (1 - across.weight))
      add(top + across.second, (1 - down.weight) * across.weight)
      add(bottom + across.first, down.weight * (1 - across.weight))
      add(bottom + across.second, down.weight * across.weight)
    }
  }
  forEachElement(g, imageCount, make)
}
