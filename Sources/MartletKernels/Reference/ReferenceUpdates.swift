// Reference updates: the formulas of UpdateRule.swift, one weight at a time.

import MartletKernelInterface

extension Reference {
  /// 2 l2 w + l1 sign(w)
  static func regularizationGradient(_ l1: Float, _ l2: Float, _ w: Scalar) -> Scalar {
    2 * Scalar(l2) * w + Scalar(l1) * sign(w)
  }

  private static func sign(_ x: Scalar) -> Scalar { x > 0 ? 1 : x < 0 ? -1 : 0 }

  /// Apply `rule` to the weight at `i`.
  static func update(_ rule: UpdateRule, _ target: UpdateTarget<Scalar>, at i: Int, gradient: Scalar) {
    let w = target.weights + i
    var g = gradient + regularizationGradient(target.l1, target.l2, w.pointee)
    g *= Scalar(rule.gradientScale)
    // Comparisons keep NaN.
    let limit = Scalar(rule.clipValue)
    g = g > limit ? limit : g < -limit ? -limit : g
    w.pointee -= Scalar(rule.weightDecay) * w.pointee

    let (s0, s1, s2) = (target.slot0, target.slot1, target.slot2)
    let rate = Scalar(rule.rate)
    let momentum = Scalar(rule.momentum)
    let (beta1, beta2, rho) = (Scalar(rule.beta1), Scalar(rule.beta2), Scalar(rule.rho))
    let epsilon = Scalar(rule.epsilon)
    switch rule.kind {
    case .gradientDescent:
      w.pointee -= rate * g
    case .momentum:
      guard let m = s0 else { return }
      m[i] = momentum * m[i] - rate * g
      w.pointee += m[i]
    case .nesterov:
      guard let m = s0 else { return }
      m[i] = momentum * m[i] - rate * g
      w.pointee += momentum * m[i] - rate * g
    case .adam:
      guard let m = s0, let v = s1 else { return }
      m[i] += (g - m[i]) * Scalar(1 - rule.beta1)
      v[i] += (g * g - v[i]) * Scalar(1 - rule.beta2)
      w.pointee -= m[i] * rate / (v[i].squareRoot() + epsilon)
    case .amsgrad:
      guard let m = s0, let v = s1, let largest = s2 else { return }
      m[i] += (g - m[i]) * Scalar(1 - rule.beta1)
      v[i] += (g * g - v[i]) * Scalar(1 - rule.beta2)
      largest[i] = max(largest[i], v[i])
      w.pointee -= m[i] * rate / (largest[i].squareRoot() + epsilon)
    case .adamax:
      guard let m = s0, let u = s1 else { return }
      m[i] += (g - m[i]) * Scalar(1 - rule.beta1)
      u[i] = max(beta2 * u[i], abs(g))
      w.pointee -= m[i] * rate / (u[i] + epsilon)
    case .nadam:
      guard let m = s0, let v = s1 else { return }
      m[i] += (g - m[i]) * Scalar(1 - rule.beta1)
      v[i] += (g * g - v[i]) * Scalar(1 - rule.beta2)
      let step = m[i] * rate + g * Scalar(rule.gradientRate)
      w.pointee -= step / ((v[i] * Scalar(rule.squareScale)).squareRoot() + epsilon)
    case .rmsprop:
      guard let v = s0 else { return }
      v[i] = rho * v[i] + Scalar(1 - rule.rho) * g * g
      rmspropStep(w, at: i, rate * g / (v[i] + epsilon).squareRoot(), momentum, momentum > 0 ? s1 : nil)
    case .centeredRMSprop:
      guard let v = s0, let mean = momentum > 0 ? s2 : s1 else { return }
      v[i] = rho * v[i] + Scalar(1 - rule.rho) * g * g
      mean[i] = rho * mean[i] + Scalar(1 - rule.rho) * g
      let variance = max(v[i] - mean[i] * mean[i], 0)
      rmspropStep(w, at: i, rate * g / (variance + epsilon).squareRoot(), momentum, momentum > 0 ? s1 : nil)
    case .adagrad:
      guard let v = s0 else { return }
      v[i] += g * g
      w.pointee -= rate * g / (v[i] + epsilon).squareRoot()
    case .adadelta:
      guard let v = s0, let x = s1 else { return }
      v[i] = rho * v[i] + Scalar(1 - rule.rho) * g * g
      let step = (x[i] + epsilon).squareRoot() * g / (v[i] + epsilon).squareRoot()
      x[i] = rho * x[i] + Scalar(1 - rule.rho) * step * step
      w.pointee -= rate * step
    case .lion:
      guard let m = s0 else { return }
      w.pointee -= rate * sign(beta1 * m[i] + Scalar(1 - rule.beta1) * g)
      m[i] = beta2 * m[i] + Scalar(1 - rule.beta2) * g
    }
  }

  private static func rmspropStep(
    _ w: UnsafeMutablePointer<Scalar>, at i: Int, _ step: Scalar, _ momentum: Scalar, _ m: UnsafeMutablePointer<Scalar>?
  ) {
    guard let m else {
      w.pointee -= step
      return
    }
    m[i] = momentum * m[i] + step
    w.pointee -= m[i]
  }
}
