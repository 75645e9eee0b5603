// Sums over arrays. The order of every sum is fixed by the shape alone.

import CMartletCPU

/// Sums over rows, each column in ascending row order. Four vectors of columns at a time hide the latency of the
/// additions; columns do not depend on each other, so that changes no bit.
func columnSums(
  _ x: UnsafePointer<Float>, _ rowStride: Int, _ rows: Int, _ columns: Int, _ sums: UnsafeMutablePointer<Float>
) {
  var j = 0
  while j + 4 * width <= columns {
    var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    for r in 0..<rows {
      let row = x + r * rowStride + j
      a += load(row)
      b += load(row + width)
      c += load(row + 2 * width)
      d += load(row + 3 * width)
    }
    store(a, sums + j)
    store(b, sums + j + width)
    store(c, sums + j + 2 * width)
    store(d, sums + j + 3 * width)
    j += 4 * width
  }
  forEachVector(columns - j) { i, lanes in
    var sum = Vector.zero
    for r in 0..<rows { sum += load(x + r * rowStride + j + i, lanes) }
    store(sum, sums + j + i, lanes)
  }
}

/// Sum |w| and sum w^2 in double. Element i goes to lane i mod 8 of the sums of its block of 4,096; the lanes are added
/// by a tree, the blocks in ascending order. A square of a float is exact in double, so every instruction set gives the
/// same bits.
func norms(_ weights: UnsafePointer<Float>, _ count: Int) -> (absolute: Double, squared: Double) {
  let blockSize = 4096
  var total = (absolute: 0.0, squared: 0.0)
  for start in stride(from: 0, to: count, by: blockSize) {
    let block = weights + start
    let blockCount = min(blockSize, count - start)
    var (absolute, squared) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    @inline(__always)
    func add(_ w: SIMD8<Double>) {
      absolute += w.replacing(with: 0 - w, where: w .< 0)
      squared += w * w
    }
    var i = 0
    while i + 8 <= blockCount {
      add(martlet_load_double8(block + i))
      i += 8
    }
    if i < blockCount {
      var rest = SIMD8<Float>.zero
      for lane in 0..<(blockCount - i) { rest[lane] = block[i + lane] }
      add(SIMD8<Double>(rest))
    }
    total.absolute += sum(absolute)
    total.squared += sum(squared)
  }
  return total
}

@inline(__always)
private func sum(_ v: SIMD8<Double>) -> Double {
  let half = v.lowHalf + v.highHalf
  return (half.x + half.z) + (half.y + half.w)
}

/// Whether no element is NaN or infinite: 0 x is 0 for finite x and NaN for all others, and NaN stays in a sum. Four
/// sums, as each addition waits for the one before.
func allFinite(_ x: UnsafePointer<Float>, _ count: Int) -> Bool {
  var (zeros0, zeros1, zeros2, zeros3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
  var i = 0
  while i + 4 * width <= count {
    zeros0 += load(x + i) * 0
    zeros1 += load(x + i + width) * 0
    zeros2 += load(x + i + 2 * width) * 0
    zeros3 += load(x + i + 3 * width) * 0
    i += 4 * width
  }
  forEachVector(count - i) { j, lanes in zeros0 += load(x + i + j, lanes) * 0 }
  return sum((zeros0 + zeros1) + (zeros2 + zeros3)) == 0
}
