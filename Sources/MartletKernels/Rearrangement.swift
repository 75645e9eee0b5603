// Moving elements without changing them.

import MartletKernelInterface

/// Tiles keep the lines that are read and those that are written in the L1 cache together.
private let tile = 16

func swapAxes(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ blocks: Int, _ first: Int, _ second: Int,
  _ inner: Int
) {
  for block in 0..<blocks {
    let offset = block * first * second * inner
    if inner == 1 {
      transpose(x + offset, y + offset, first, second)
    } else {
      for i in 0..<first {
        for j in 0..<second {
          let (from, to) = (x + offset + (i * second + j) * inner, y + offset + (j * first + i) * inner)
          forEachVector(inner) { k, lanes in store(load(from + k, lanes), to + k, lanes) }
        }
      }
    }
  }
}

/// y [columns, rows] = x^T, x [rows, columns].
private func transpose(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int) {
  var row = 0
  while row < rows {
    let rowEnd = min(row + tile, rows)
    var column = 0
    while column < columns {
      let columnEnd = min(column + tile, columns)
      for i in row..<rowEnd {
        for j in column..<columnEnd { y[j * rows + i] = x[i * columns + j] }
      }
      column = columnEnd
    }
    row = rowEnd
  }
}
