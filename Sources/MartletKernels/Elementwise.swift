// Element-wise arithmetic over flat arrays and rows.

import MartletKernelInterface

func scale(
  _ x: UnsafePointer<Float>, _ scale: Double, _ offset: Double, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  let (scale, offset) = (Float(scale), Float(offset))
  forEachVector(count) { i, lanes in
    let scaled = multiplyAdd(load(x + i, lanes), Vector(repeating: scale), Vector(repeating: offset))
    store(scaled, y + i, lanes)
  }
}

func standardizeColumns(
  _ x: UnsafePointer<Float>, _ mean: UnsafePointer<Float>, _ factor: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int
) {
  for r in 0..<rows {
    let (x, y) = (x + r * columns, y + r * columns)
    forEachVector(columns) { j, lanes in
      store((load(x + j, lanes) - load(mean + j, lanes)) * load(factor + j, lanes), y + j, lanes)
    }
  }
}

func combine(
  _ combination: Combination, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ count: Int
) {
  switch combination {
  case .add: forEachVector(count) { i, lanes in store(load(a + i, lanes) + load(b + i, lanes), y + i, lanes) }
  case .subtract: forEachVector(count) { i, lanes in store(load(a + i, lanes) - load(b + i, lanes), y + i, lanes) }
  case .multiply: forEachVector(count) { i, lanes in store(load(a + i, lanes) * load(b + i, lanes), y + i, lanes) }
  case .maximum:
    forEachVector(count) { i, lanes in
      let (a, b) = (load(a + i, lanes), load(b + i, lanes))
      // Comparisons with NaN are false: a NaN in b is kept by the outer choice, one in a by the inner.
      let greater = a.replacing(with: b, where: a .< b)
      store(greater.replacing(with: b, where: b .!= b), y + i, lanes)
    }
  }
}

func gate(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ whereEqual: Bool, _ x: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  forEachVector(count) { i, lanes in
    let isEqual = load(a + i, lanes) .== load(b + i, lanes)
    let x = load(x + i, lanes)
    let kept =
      whereEqual ? Vector.zero.replacing(with: x, where: isEqual) : x.replacing(with: Vector.zero, where: isEqual)
    store(kept, y + i, lanes)
  }
}

func copyColumns(
  _ x: UnsafePointer<Float>, _ xStride: Int, _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ rows: Int,
  _ columns: Int
) {
  for r in 0..<rows {
    let (x, y) = (x + r * xStride, y + r * yStride)
    forEachVector(columns) { j, lanes in store(load(x + j, lanes), y + j, lanes) }
  }
}

func movingAverage(
  _ x: UnsafePointer<Float>, _ momentum: Double, _ average: UnsafeMutablePointer<Float>, _ count: Int
) {
  let (momentum, gain) = (Float(momentum), Float(1 - momentum))
  forEachVector(count) { i, lanes in
    let kept = load(average + i, lanes) * momentum
    store(multiplyAdd(load(x + i, lanes), Vector(repeating: gain), kept), average + i, lanes)
  }
}
