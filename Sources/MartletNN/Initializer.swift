// How weights start: Keras' initialisers, drawn from the counter-based random source so that a weight depends only on the
// model's seed, the array's place in the model and the element's index.

import MartletCore

/// fan_in = I and fan_out = O for a Dense kernel [I, O].
package enum Initializer: Sendable, Equatable {
  /// U(-l, l), l = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010.
  case glorotUniform
  /// Truncated normal, standard deviation sqrt(2 / (fan_in + fan_out)).
  case glorotNormal
  /// U(-l, l), l = sqrt(6 / fan_in); He et al. 2015.
  case heUniform
  /// Truncated normal, standard deviation sqrt(2 / fan_in).
  case heNormal
  case randomNormal(standardDeviation: Float)
  case zeros
  case constant(Float)

  /// Standard deviation of a standard normal cut at two: what Keras divides by so that the truncated draw has the
  /// asked deviation. sqrt(1 - 2 c phi(c) / (2 Phi(c) - 1)) at c = 2.
  static let truncatedStandardDeviation = 0.87962566103423978

  /// Fill `count` weights.
  package func fill(
    _ values: UnsafeMutablePointer<Float>, count: Int, fanIn: Int, fanOut: Int, source: RandomSource
  ) {
    switch self {
    case .glorotUniform:
      let limit = Float((6 / Double(fanIn + fanOut)).squareRoot())
      source.fillUniform(values, count: count, low: -limit, high: limit)
    case .glorotNormal:
      fillTruncated(values, count, deviation: (2 / Double(fanIn + fanOut)).squareRoot(), source)
    case .heUniform:
      let limit = Float((6 / Double(fanIn)).squareRoot())
      source.fillUniform(values, count: count, low: -limit, high: limit)
    case .heNormal:
      fillTruncated(values, count, deviation: (2 / Double(fanIn)).squareRoot(), source)
    case .randomNormal(let standardDeviation):
      source.fillNormal(values, count: count)
      for index in 0..<count { values[index] *= standardDeviation }
    case .zeros:
      values.update(repeating: 0, count: count)
    case .constant(let value):
      values.update(repeating: value, count: count)
    }
  }

  private func fillTruncated(
    _ values: UnsafeMutablePointer<Float>, _ count: Int, deviation: Double, _ source: RandomSource
  ) {
    let factor = Float(deviation / Initializer.truncatedStandardDeviation)
    source.fillTruncatedNormal(values, count: count)
    for index in 0..<count { values[index] *= factor }
  }
}
