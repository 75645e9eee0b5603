// Element-wise arithmetic over flat arrays and rows.

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

func multiply(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  forEachVector(count) { i, lanes in store(load(a + i, lanes) * load(b + i, lanes), y + i, lanes) }
}

func add(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  forEachVector(count) { i, lanes in store(load(y + i, lanes) + load(x + i, lanes), y + i, lanes) }
}
