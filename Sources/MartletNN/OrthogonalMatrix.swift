// Uniformly distributed (Haar) matrices with orthonormal columns, for the orthogonal initialiser.
//
// Keras takes Q of the QR decomposition A = Q R of a matrix A of normal numbers, each column times the sign of its
// diagonal element of R. A Householder reflection keeps the distribution of the columns it has still to reach, so the
// next vector to reflect can be drawn when it is needed and A need not be factored: the same distribution at half the
// cost (G. W. Stewart, "The efficient generation of random orthogonal matrices", 1980).
//
//     Q = H_0 H_1 ... H_(n-1) D,   H_k = I - tau_k v_k v_k^T,   v_k zero above row k,   D = diag(+-1)
//
// In double, in an order that only the shape decides. Memory: the vectors v, 8 bytes for each element of the array.

import MartletCore

struct OrthogonalMatrix {
  /// Length and number of the orthonormal vectors.
  private let length: Int
  private let count: Int
  /// Whether the array's columns are orthonormal, or its rows.
  private let vectorsAreColumns: Bool
  /// v_k at k * length, from element k on.
  private let reflectors: TensorStorage
  /// tau_k, and the diagonal of D.
  private let factors: TensorStorage
  /// Columns of Q that are computed together, one in each lane.
  private let block: TensorStorage

  private typealias Lanes = SIMD8<Double>

  /// Draw the reflections of an array whose last axis is the matrix's columns.
  ///
  /// - Throws: `outOfMemory`.
  init(_ shape: Shape, _ source: RandomSource) throws(MartletError) {
    let columns = shape.lastDimension
    let rows = shape.elementCount / max(columns, 1)
    (length, count, vectorsAreColumns) = (max(rows, columns), min(rows, columns), rows >= columns)
    let purpose = "an orthogonal matrix of shape \(shape)"
    reflectors = try TensorStorage(count: shape.elementCount, of: Double.self, purpose: purpose)
    factors = try TensorStorage(count: 2 * count, of: Double.self, purpose: purpose)
    block = try TensorStorage(count: length, of: Lanes.self, purpose: purpose)
    let (v, tau) = (reflectors.pointer(as: Double.self), factors.pointer(as: Double.self))
    for k in 0..<count {
      (tau[k], tau[count + k]) = OrthogonalMatrix.reflection(v + k * length, k..<length, source, UInt64(k * length))
    }
  }

  /// The reflection of a vector x of normal numbers to -sign(x_k) |x| e_k: v = x + sign(x_k) |x| e_k, tau = 2 / v^T v.
  /// R would have -sign(x_k) |x| on its diagonal.
  private static func reflection(
    _ v: UnsafeMutablePointer<Double>, _ range: Range<Int>, _ source: RandomSource, _ firstIndex: UInt64
  ) -> (tau: Double, sign: Double) {
    var squares = 0.0
    for index in range {
      v[index] = source.normal(at: firstIndex + UInt64(index))
      squares += v[index] * v[index]
    }
    let (head, norm) = (v[range.lowerBound], squares.squareRoot())
    guard norm > 0 else { return (0, 1) }
    v[range.lowerBound] = head + (head < 0 ? -norm : norm)
    return (1 / (norm * (norm + abs(head))), head < 0 ? 1 : -1)
  }

  /// values = gain Q, or its transpose.
  func fill(_ values: UnsafeMutablePointer<Float>, gain: Float) {
    defer { withExtendedLifetime((reflectors, factors, block)) {} }
    let (v, tau) = (reflectors.pointer(as: Double.self), factors.pointer(as: Double.self))
    let columns = block.pointer(as: Lanes.self)
    let (elementStride, vectorStride) = vectorsAreColumns ? (count, 1) : (1, length)
    for first in stride(from: 0, to: count, by: Lanes.scalarCount) {
      let lanes = min(Lanes.scalarCount, count - first)
      columns.update(repeating: .zero, count: length)
      for lane in 0..<lanes { columns[first + lane][lane] = tau[count + first + lane] }
      // Column j of D is e_j, which the reflections after the j-th leave alone.
      for k in (0..<(first + lanes)).reversed() { reflect(columns, v + k * length, tau[k], from: k) }
      for element in 0..<length {
        let scaled = columns[element] * Double(gain)
        for lane in 0..<lanes {
          values[element * elementStride + (first + lane) * vectorStride] = Float(scaled[lane])
        }
      }
    }
  }

  /// x = x - tau v (v^T x), for the vectors x in the lanes.
  private func reflect(
    _ x: UnsafeMutablePointer<Lanes>, _ v: UnsafePointer<Double>, _ tau: Double, from start: Int
  ) {
    var product = Lanes.zero
    for index in start..<length { product += v[index] * x[index] }
    product *= tau
    for index in start..<length { x[index] -= v[index] * product }
  }
}
