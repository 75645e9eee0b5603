// Batch normalisation (Ioffe and Szegedy 2015): statistics of columns, what they make of them, and the gradients. Sums
// over rows are cut as those of matrix products are, so that long ones stay accurate: into chunks, added in their
// order.

import MartletKernelInterface

private var chunk: Int { KC }

/// Call `body` for parts of the columns, with the sum over all rows of what `term` makes of a row there.
@inline(always)
private func forEachColumnSum(
  _ rows: Int, _ columns: Int, _ term: (_ row: Int, _ j: Int, _ lanes: Int) -> Vector,
  _ body: (_ j: Int, _ lanes: Int, _ sum: Vector) -> Void
) {
  forEachVector(columns) { j, lanes in
    var sum = Vector.zero
    var start = 0
    while start < rows {
      // Four sums side by side, as each addition waits for the one before it.
      var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
      let end = min(start + chunk, rows)
      var row = start
      while row + 4 <= end {
        a += term(row, j, lanes)
        b += term(row + 1, j, lanes)
        c += term(row + 2, j, lanes)
        d += term(row + 3, j, lanes)
        row += 4
      }
      while row < end {
        a += term(row, j, lanes)
        row += 1
      }
      sum += (a + b) + (c + d)
      start = end
    }
    body(j, lanes, sum)
  }
}

func columnMoments(
  _ x: UnsafePointer<Float>, _ rowStride: Int, _ rows: Int, _ columns: Int, _ mean: UnsafeMutablePointer<Float>,
  _ variance: UnsafeMutablePointer<Float>
) {
  let share = 1 / Float(rows)
  forEachColumnSum(rows, columns) { row, j, lanes in
    load(x + row * rowStride + j, lanes)
  } _: { j, lanes, sum in
    store(sum * share, mean + j, lanes)
  }
  forEachColumnSum(rows, columns) { row, j, lanes in
    let difference = load(x + row * rowStride + j, lanes) - load(mean + j, lanes)
    return difference * difference
  } _: { j, lanes, sum in
    store(sum * share, variance + j, lanes)
  }
}

func normalizationScale(
  _ variance: UnsafePointer<Float>, _ epsilon: Float, _ gamma: UnsafePointer<Float>?,
  _ deviation: UnsafeMutablePointer<Float>, _ scale: UnsafeMutablePointer<Float>, _ count: Int
) {
  forEachVector(count) { j, lanes in
    let inverse = 1 / squareRoot(load(variance + j, lanes) + epsilon)
    store(inverse, deviation + j, lanes)
    store(gamma.map { load($0 + j, lanes) * inverse } ?? inverse, scale + j, lanes)
  }
}

func normalizationOffset(
  _ mean: UnsafePointer<Float>, _ scale: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
  _ beta: UnsafePointer<Float>?, _ offset: UnsafeMutablePointer<Float>, _ count: Int
) {
  forEachVector(count) { j, lanes in
    let shift = (bias.map { load($0 + j, lanes) } ?? .zero) - load(mean + j, lanes)
    store(shift * load(scale + j, lanes) + (beta.map { load($0 + j, lanes) } ?? .zero), offset + j, lanes)
  }
}

func normalizeColumns(
  _ n: NormalizationArguments<Float>, _ offset: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>
) {
  for row in 0..<n.rows {
    let (x, y) = (n.x + row * n.rowStride, y + row * n.rowStride)
    forEachVector(n.columns) { j, lanes in
      let scaled = (load(x + j, lanes) - load(n.mean + j, lanes)) * load(n.scale + j, lanes)
      store(offset.map { scaled + load($0 + j, lanes) } ?? scaled, y + j, lanes)
    }
  }
}

func normalizationSums(
  _ n: NormalizationArguments<Float>, _ dY: UnsafePointer<Float>, _ dOffset: UnsafeMutablePointer<Float>,
  _ dGamma: UnsafeMutablePointer<Float>
) {
  forEachColumnSum(n.rows, n.columns) { row, j, lanes in
    load(dY + row * n.rowStride + j, lanes)
  } _: { j, lanes, sum in
    store(sum, dOffset + j, lanes)
  }
  forEachColumnSum(n.rows, n.columns) { row, j, lanes in
    let i = row * n.rowStride + j
    return load(dY + i, lanes) * (load(n.x + i, lanes) - load(n.mean + j, lanes))
  } _: { j, lanes, sum in
    store(sum * load(n.deviation + j, lanes), dGamma + j, lanes)
  }
}

func normalizationGradient(
  _ n: NormalizationArguments<Float>, _ sums: (dOffset: UnsafePointer<Float>, dGamma: UnsafePointer<Float>)?,
  _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>
) {
  let share = 1 / Float(n.totalRows)
  for row in 0..<n.rows {
    let start = row * n.rowStride
    forEachVector(n.columns) { j, lanes in
      var gradient = load(dY + start + j, lanes)
      if let sums {
        let normalized = (load(n.x + start + j, lanes) - load(n.mean + j, lanes)) * load(n.deviation + j, lanes)
        gradient -= (load(sums.dOffset + j, lanes) + normalized * load(sums.dGamma + j, lanes)) * share
      }
      store(gradient * load(n.scale + j, lanes), dX + start + j, lanes)
    }
  }
}
