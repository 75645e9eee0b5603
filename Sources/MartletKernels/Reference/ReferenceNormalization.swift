// Reference batch normalisation: plain loops over columns.

import MartletKernelInterface

extension Reference {
  static func columnMoments(
    _ x: UnsafePointer<Scalar>, _ rowStride: Int, _ rows: Int, _ columns: Int, _ mean: UnsafeMutablePointer<Scalar>,
    _ variance: UnsafeMutablePointer<Scalar>
  ) {
    for j in 0..<columns {
      mean[j] = sum(rows) { x[$0 * rowStride + j] } / Scalar(rows)
      variance[j] = sum(rows) { (x[$0 * rowStride + j] - mean[j]) * (x[$0 * rowStride + j] - mean[j]) } / Scalar(rows)
    }
  }

  static func normalizationScale(
    _ variance: UnsafePointer<Scalar>, _ epsilon: Float, _ gamma: UnsafePointer<Scalar>?,
    _ deviation: UnsafeMutablePointer<Scalar>, _ scale: UnsafeMutablePointer<Scalar>, _ count: Int
  ) {
    for j in 0..<count {
      deviation[j] = 1 / (variance[j] + Scalar(epsilon)).squareRoot()
      scale[j] = (gamma?[j] ?? 1) * deviation[j]
    }
  }

  static func normalizationOffset(
    _ mean: UnsafePointer<Scalar>, _ scale: UnsafePointer<Scalar>, _ bias: UnsafePointer<Scalar>?,
    _ beta: UnsafePointer<Scalar>?, _ offset: UnsafeMutablePointer<Scalar>, _ count: Int
  ) {
    for j in 0..<count { offset[j] = (beta?[j] ?? 0) + scale[j] * ((bias?[j] ?? 0) - mean[j]) }
  }

  static func normalizeColumns(
    _ n: NormalizationArguments<Scalar>, _ offset: UnsafePointer<Scalar>?, _ y: UnsafeMutablePointer<Scalar>
  ) {
    for row in 0..<n.rows {
      for j in 0..<n.columns {
        let i = row * n.rowStride + j
        y[i] = (n.x[i] - n.mean[j]) * n.scale[j] + (offset?[j] ?? 0)
      }
    }
  }

  static func normalizationSums(
    _ n: NormalizationArguments<Scalar>, _ dY: UnsafePointer<Scalar>, _ dOffset: UnsafeMutablePointer<Scalar>,
    _ dGamma: UnsafeMutablePointer<Scalar>
  ) {
    for j in 0..<n.columns {
      dOffset[j] = sum(n.rows) { dY[$0 * n.rowStride + j] }
      dGamma[j] =
        sum(n.rows) { dY[$0 * n.rowStride + j] * (n.x[$0 * n.rowStride + j] - n.mean[j]) } * n.deviation[j]
    }
  }

  static func normalizationGradient(
    _ n: NormalizationArguments<Scalar>, _ sums: (dOffset: UnsafePointer<Scalar>, dGamma: UnsafePointer<Scalar>)?,
    _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
  ) {
    for row in 0..<n.rows {
      for j in 0..<n.columns {
        let i = row * n.rowStride + j
        var gradient = dY[i]
        if let sums {
          let normalized = (n.x[i] - n.mean[j]) * n.deviation[j]
          gradient -= (sums.dOffset[j] + normalized * sums.dGamma[j]) / Scalar(n.totalRows)
        }
        dX[i] = gradient * n.scale[j]
      }
    }
  }

  private static func sum(_ rows: Int, _ term: (_ row: Int) -> Scalar) -> Scalar {
    var sum: Scalar = 0
    for row in 0..<rows { sum += term(row) }
    return sum
  }
}
