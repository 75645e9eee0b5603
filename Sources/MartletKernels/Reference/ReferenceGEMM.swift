// Reference matrix product: three plain loops with the contract's order of summation and every epilogue.

import MartletKernelInterface

extension Reference {
  static func gemm(_ arguments: GEMMArguments<Scalar>) {
    for i in 0..<arguments.m {
      for j in 0..<arguments.n { element(arguments, i, j) }
    }
  }

  private static func a(_ g: GEMMArguments<Scalar>, _ i: Int, _ p: Int) -> Scalar {
    guard let source = g.aSource else { return g.a[i * g.aRowStride + p * g.aColumnStride] }
    return source.isTransposed ? element(p, i, of: source.rows) : element(i, p, of: source.rows)
  }

  /// Element (i, j) of C: the chunks of its sum, then the epilogue.
  private static func element(_ g: GEMMArguments<Scalar>, _ i: Int, _ j: Int) {
    let index = i * g.cRowStride + j
    var (alpha, sum): (Scalar, Scalar) = (1, 0)
    if case .store(let scale, let beta) = g.epilogue {
      alpha = Scalar(scale)
      if beta != 0, let c = g.c { sum = Scalar(beta) * c[index] }
    }
    let chunk = KernelTable<Scalar>.chunk
    for start in stride(from: 0, to: g.k, by: chunk) {
      var chain: Scalar = 0
      for p in start..<min(start + chunk, g.k) {
        chain += a(g, i, p) * g.b[p * g.bRowStride + j * g.bColumnStride]
      }
      sum += alpha * chain
    }
    switch g.epilogue {
    case .store:
      g.c?[index] = sum
    case .biasActivation(let bias, let activation):
      g.c?[index] = activate(activation, bias.map { sum + $0[j] } ?? sum)
    case .activationGradient(let v, let vRowStride, let activation):
      g.c?[index] = sum * derivative(activation, from: v[i * vRowStride + j])
    case .update(let rule, let target):
      update(rule.pointee, target, at: index, gradient: sum)
    }
  }
}
