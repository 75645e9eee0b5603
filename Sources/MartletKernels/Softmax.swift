// Softmax over rows, and what the losses share with it.

/// y_j = exp(x_j - max) / sum_k exp(x_k - max) per row; x and y may be the same.
func softmax(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int) {
  for r in 0..<rows {
    let (x, y) = (x + r * columns, y + r * columns)
    let greatest = maximum(of: x, columns)
    var sums = Vector.zero
    // The exponentials of the last elements, often the only ones, wait in a register.
    let (full, rest) = (columns / width * width, columns % width)
    for j in stride(from: 0, to: full, by: width) {
      let e = exp(load(x + j) - greatest)
      store(e, y + j)
      sums += e
    }
    var last = Vector.zero
    if rest > 0 {
      last = exp(load(x + full, rest) - greatest)
      sums += firstLanes(rest, of: last)
    }
    // The sum is at least 1, the exponential of the greatest element.
    let reciprocal = 1 / sum(sums)
    for j in stride(from: 0, to: full, by: width) { store(load(y + j) * reciprocal, y + j) }
    if rest > 0 { store(last * reciprocal, y + full, rest) }
  }
}

/// dX_j = y_j (dY_j - sum_k dY_k y_k) per row; dX and dY may be the same.
func softmaxGradient(
  _ y: UnsafePointer<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>, _ rows: Int,
  _ columns: Int
) {
  for r in 0..<rows {
    let (y, dY, dX) = (y + r * columns, dY + r * columns, dX + r * columns)
    var products = Vector.zero
    forEachVector(columns) { j, lanes in products = multiplyAdd(load(dY + j, lanes), load(y + j, lanes), products) }
    let dot = sum(products)
    forEachVector(columns) { j, lanes in
      store(load(y + j, lanes) * (load(dY + j, lanes) - dot), dX + j, lanes)
    }
  }
}

/// The greatest element; NaN elements are passed over.
@inline(__always)
func maximum(of x: UnsafePointer<Float>, _ count: Int) -> Float {
  var greatest = Vector(repeating: -.infinity)
  forEachVector(count) { j, lanes in
    let v = load(x + j, lanes)
    // Lanes beyond the end are 0, which may be greater than all elements.
    greatest = maximum(lanes == width ? v : select(isBefore(lanes), v, greatest), greatest)
  }
  return greatestLane(greatest)
}

/// 0, 1, 2, ... As floats, because the comparison of integer vectors goes lane by lane.
@inline(always)
private var laneNumbers: Vector {
  #if MARTLET_AVX512
    Vector(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  #elseif MARTLET_AVX2
    Vector(0, 1, 2, 3, 4, 5, 6, 7)
  #else
    Vector(0, 1, 2, 3)
  #endif
}

/// The lanes before `count`.
@inline(always)
func isBefore(_ count: Int) -> SIMDMask<IntegerVector> { laneNumbers .< Float(count) }

/// The lane of that number, if there is one.
@inline(always)
func isLane(_ number: Int32) -> SIMDMask<IntegerVector> { laneNumbers .== Float(number) }

/// `v` with zeros from lane `lanes` on, for sums.
@inline(__always)
func firstLanes(_ lanes: Int, of v: Vector) -> Vector {
  lanes == width ? v : select(isBefore(lanes), v, .zero)
}
