// Reference focal cross-entropies.

import MartletKernelInterface

extension Reference {
  /// (1 - p)^gamma and gamma (1 - p)^(gamma - 1); where the error 1 - p is 0, so is what follows from it.
  private static func modulation(_ error: Scalar, _ row: LossRow) -> (value: Scalar, slope: Scalar) {
    func power(_ exponent: Scalar) -> Scalar {
      error <= 0 ? (exponent == 0 ? 1 : 0) : Scalar.pow(error, exponent)
    }
    let gamma = Scalar(row.parameters.gamma)
    return (power(gamma), gamma * power(gamma - 1))
  }

  /// With q = p / S and d_j = dL/dq_j (0 where clipped):  dL/dp_i = (d_i - sum_j d_j q_j) / S.
  static func categoricalFocalCrossEntropy(_ row: LossRow) -> Scalar {
    let (low, high) = clip
    let alpha = Scalar(row.parameters.alpha)
    var sum: Scalar = 0
    for j in 0..<row.count { sum += row.x[j] }
    func element(_ j: Int) -> (loss: Scalar, q: Scalar, derivative: Scalar) {
      let p = row.x[j] / sum
      let q = p < low ? low : p > high ? high : p
      let (value, slope) = modulation(1 - q, row)
      let weight = alpha * row.target(j)
      let derivative = p < low || p > high ? 0 : weight * (slope * Scalar.log(q) - value / q)
      return (-weight * value * Scalar.log(q), p, derivative)
    }
    var (loss, product): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      let (value, q, derivative) = element(j)
      loss += value
      product += derivative * q
    }
    for j in 0..<row.count { row.setGradient(j, (element(j).derivative - product) / sum) }
    return loss
  }

  /// With p = softmax(z) and g_j = dL/d log p_j:  dL/dz_i = g_i - p_i sum_j g_j.
  static func softmaxFocalCrossEntropy(_ row: LossRow) -> Scalar {
    let alpha = Scalar(row.parameters.alpha)
    let greatest = maximum(row.x, row.count)
    var sum: Scalar = 0
    for j in 0..<row.count { sum += Scalar.exp(row.x[j] - greatest) }
    func logarithm(_ j: Int) -> Scalar { row.x[j] - greatest - Scalar.log(sum) }
    func element(_ j: Int) -> (loss: Scalar, derivative: Scalar) {
      let (t, l) = (row.target(j), logarithm(j))
      // Where t = 0, z may be -infinity.
      guard t != 0 else { return (0, 0) }
      let (value, slope) = modulation(-Scalar.expm1(l), row)
      return (-alpha * t * value * l, alpha * t * (slope * Scalar.exp(l) * l - value))
    }
    var (loss, total): (Scalar, Scalar) = (0, 0)
    for j in 0..<row.count {
      let (value, derivative) = element(j)
      loss += value
      total += derivative
    }
    for j in 0..<row.count { row.setGradient(j, element(j).derivative - Scalar.exp(logarithm(j)) * total) }
    return loss
  }

  private static func weight(_ t: Scalar, _ row: LossRow) -> Scalar {
    let alpha = Scalar(row.parameters.alpha)
    return row.parameters.appliesClassBalancing ? t * alpha + (1 - t) * (1 - alpha) : 1
  }

  static func binaryFocalCrossEntropy(_ row: LossRow) -> Scalar {
    row.mean { p, t in
      let (value, slope) = modulation(t * (1 - p) + (1 - t) * p, row)
      let (loss, derivative) = crossEntropy(ofProbability: p, t)
      return (weight(t, row) * value * loss, weight(t, row) * (slope * (1 - 2 * t) * loss + value * derivative))
    }
  }

  static func sigmoidFocalCrossEntropy(_ row: LossRow) -> Scalar {
    row.mean { z, t in
      let (p, complement) = (sigmoid(z), sigmoid(-z))
      let (value, slope) = modulation(t * complement + (1 - t) * p, row)
      let loss = crossEntropy(ofLogit: z, t)
      return (
        weight(t, row) * value * loss,
        weight(t, row) * (slope * (1 - 2 * t) * p * complement * loss + value * ((1 - t) * p - t * complement))
      )
    }
  }
}
