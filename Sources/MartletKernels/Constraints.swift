// Constraints of weights. A vector's squares are added in an order that its length alone decides: down a column in
// ascending order, one column in each lane; along a row (one column, without gaps) in as many partial sums as a
// register of the module has lanes, then those by a tree.

import MartletKernelInterface

func constrain(
  _ constraint: WeightConstraint, _ weights: UnsafeMutablePointer<Float>, _ rowStride: Int, _ rows: Int,
  _ columns: Int
) {
  if columns == 1, rowStride == 1 {
    constrainRow(constraint, weights, rows)
  } else {
    constrainColumns(constraint, weights, rowStride, rows, columns)
  }
}

private func constrainColumns(
  _ constraint: WeightConstraint, _ weights: UnsafeMutablePointer<Float>, _ rowStride: Int, _ rows: Int,
  _ columns: Int
) {
  @inline(__always)
  func constrain(_ j: Int, _ lanes: Int) {
    let column = weights + j
    var squares = Vector.zero
    for r in 0..<rows {
      let w = load(column + r * rowStride, lanes)
      squares = multiplyAdd(w, w, squares)
    }
    let norm = squareRoot(squares)
    for r in 0..<rows {
      let w = load(column + r * rowStride, lanes)
      store(constrained(constraint, w, norm), column + r * rowStride, lanes)
    }
  }
  forEachVector(columns, constrain)
}

private func constrainRow(_ constraint: WeightConstraint, _ weights: UnsafeMutablePointer<Float>, _ count: Int) {
  var squares = Vector.zero
  @inline(__always)
  func add(_ i: Int, _ lanes: Int) {
    let w = load(weights + i, lanes)
    squares = multiplyAdd(w, w, squares)
  }
  forEachVector(count, add)
  let norm = squareRoot(Vector(repeating: sum(squares)))
  @inline(__always)
  func constrain(_ i: Int, _ lanes: Int) {
    store(constrained(constraint, load(weights + i, lanes), norm), weights + i, lanes)
  }
  forEachVector(count, constrain)
}

@inline(__always)
private func constrained(_ constraint: WeightConstraint, _ w: Vector, _ norm: Vector) -> Vector {
  let divisor = norm + WeightConstraint.epsilon
  switch constraint.kind {
  case .nonNegative: return select(w .< 0, .zero, w)
  case .unitNorm: return w / divisor
  case .maximumNorm:
    let limit = Vector(repeating: constraint.limit)
    return w * (select(norm .> limit, limit, norm) / divisor)
  }
}
