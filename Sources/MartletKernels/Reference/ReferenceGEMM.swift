// Reference matrix product: three plain loops with the contract's order of summation and every epilogue, and the
// update rules, one weight at a time.

import MartletKernelInterface

extension Reference {
  static func gemm(_ arguments: GEMMArguments<Scalar>) {
    for i in 0..<arguments.m {
      for j in 0..<arguments.n { element(arguments, i, j) }
    }
  }

  /// Element (i, j) of C: the chunks of its sum, then the epilogue.
  private static func element(_ g: GEMMArguments<Scalar>, _ i: Int, _ j: Int) {
    let index = i * g.cRowStride + j
    var sum: Scalar = 0
    let chunk = KernelTable<Scalar>.chunk
    for start in stride(from: 0, to: g.k, by: chunk) {
      var chain: Scalar = 0
      for p in start..<min(start + chunk, g.k) {
        chain += g.a[i * g.aRowStride + p * g.aColumnStride] * g.b[p * g.bRowStride + j * g.bColumnStride]
      }
      sum += chain
    }
    switch g.epilogue {
    case .store:
      g.c?[index] = sum
    case .biasActivation(let bias, let activation):
      g.c?[index] = activate(activation, bias.map { sum + $0[j] } ?? sum)
    case .activationGradient(let v, let vRowStride, let activation):
      g.c?[index] = sum * derivative(activation, from: v[i * vRowStride + j])
    case .update(let rule, let target):
      update(rule, target, at: index, gradient: sum)
    }
  }

  /// 2 l2 w + l1 sign(w)
  static func regularizationGradient(_ l1: Float, _ l2: Float, _ w: Scalar) -> Scalar {
    let sign: Scalar = w > 0 ? 1 : w < 0 ? -1 : 0
    return 2 * Scalar(l2) * w + Scalar(l1) * sign
  }

  /// Apply `rule` to the weight at `i`.
  static func update(_ rule: UpdateRule, _ target: UpdateTarget<Scalar>, at i: Int, gradient: Scalar) {
    let w = target.weights + i
    let g = gradient + regularizationGradient(target.l1, target.l2, w.pointee)
    let rate = Scalar(rule.rate)
    let momentum = Scalar(rule.momentum)
    switch rule.kind {
    case .gradientDescent:
      w.pointee -= rate * g
    case .momentum:
      guard let m = target.slot0 else { return }
      m[i] = momentum * m[i] - rate * g
      w.pointee += m[i]
    case .nesterov:
      guard let m = target.slot0 else { return }
      m[i] = momentum * m[i] - rate * g
      w.pointee += momentum * m[i] - rate * g
    case .adam:
      guard let m = target.slot0, let v = target.slot1 else { return }
      m[i] += (g - m[i]) * Scalar(1 - rule.beta1)
      v[i] += (g * g - v[i]) * Scalar(1 - rule.beta2)
      w.pointee -= m[i] * rate / (v[i].squareRoot() + Scalar(rule.epsilon))
    }
  }
}
