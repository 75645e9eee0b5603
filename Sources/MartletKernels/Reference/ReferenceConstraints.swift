// The constraints of weights, column by column.

import MartletKernelInterface

extension Reference {
  static func constrain(
    _ constraint: WeightConstraint, _ weights: UnsafeMutablePointer<Scalar>, _ rowStride: Int, _ rows: Int,
    _ columns: Int
  ) {
    for j in 0..<columns {
      var squares: Scalar = 0
      for r in 0..<rows { squares += weights[r * rowStride + j] * weights[r * rowStride + j] }
      let norm = squares.squareRoot()
      for r in 0..<rows {
        let w = weights[r * rowStride + j]
        weights[r * rowStride + j] = constrained(constraint, w, norm)
      }
    }
  }

  private static func constrained(_ constraint: WeightConstraint, _ w: Scalar, _ norm: Scalar) -> Scalar {
    let epsilon = Scalar(WeightConstraint.epsilon)
    switch constraint.kind {
    case .nonNegative: return w < 0 ? 0 : w  // this way round NaN stays NaN
    case .unitNorm: return w / (norm + epsilon)
    case .maximumNorm:
      let limit = Scalar(constraint.limit)
      return w * ((norm > limit ? limit : norm) / (norm + epsilon))
    }
  }
}
