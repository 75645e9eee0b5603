// How weights start: Keras' initialisers, drawn from the counter-based random source so that a weight depends only on
// the model's seed, the array's place in the model and the element's index. Each of Keras' classes is a case of its
// own, so that a file keeps the class it was written with; those that scale by the fans are all one computation.

import MartletCore

package enum Initializer: Sendable, Equatable {
  case zeros
  case ones
  case constant(Float)
  /// N(mean, deviation^2)
  case randomNormal(mean: Float, standardDeviation: Float)
  /// N(mean, deviation^2), drawn again beyond two deviations from the mean; the deviation is that before the cut.
  case truncatedNormal(mean: Float, standardDeviation: Float)
  /// U(minimum, maximum)
  case randomUniform(minimum: Float, maximum: Float)
  case varianceScaling(VarianceScaling)
  /// Glorot and Bengio 2010: variance 2 / (fan_in + fan_out).
  case glorotUniform
  case glorotNormal
  /// He et al. 2015: variance 2 / fan_in.
  case heUniform
  case heNormal
  /// LeCun et al. 1998: variance 1 / fan_in.
  case lecunUniform
  case lecunNormal
  /// gain times a uniformly random matrix with orthonormal columns, or rows if those are fewer; Saxe et al. 2014. All
  /// axes but the last are the matrix's rows.
  case orthogonal(gain: Float)
  /// gain on the main diagonal, 0 elsewhere.
  case identity(gain: Float)

  /// Draws of mean 0 and variance scale / fan.
  package struct VarianceScaling: Sendable, Equatable {
    /// What the fan is.
    package enum Mode: Sendable { case fanIn, fanOut, fanAverage }
    package enum Distribution: Sendable { case truncatedNormal, untruncatedNormal, uniform }

    package var scale: Float
    package var mode: Mode
    package var distribution: Distribution

    package init(scale: Float, mode: Mode, distribution: Distribution) {
      self.scale = scale
      self.mode = mode
      self.distribution = distribution
    }

    /// Keras divides by at least 1.
    func variance(of shape: Shape) -> Double {
      let fans = Fans(shape)
      let fan =
        switch mode {
        case .fanIn: Double(fans.inputs)
        case .fanOut: Double(fans.outputs)
        case .fanAverage: (Double(fans.inputs) + Double(fans.outputs)) / 2
        }
      return Double(scale) / max(1, fan)
    }
  }

  /// How many numbers go into an output of a weight array, and how many outputs an input goes to. A kernel's last two
  /// axes are inputs and outputs; axes before them are the places of a filter. Of a vector both are its size.
  package struct Fans: Equatable {
    package let inputs: Int
    package let outputs: Int

    package init(_ shape: Shape) {
      let sizes = shape.dimensions
      let places = sizes.dropLast(2).reduce(1, *)
      inputs = places * (sizes.suffix(2).first ?? 1)
      outputs = places * shape.lastDimension
    }
  }

  /// Standard deviation of a standard normal cut at two: what Keras divides by so that the truncated draw has the
  /// asked deviation. sqrt(1 - 2 c phi(c) / (2 Phi(c) - 1)) at c = 2.
  static let truncatedStandardDeviation = 0.87962566103423978

  /// Whether this can start an array.
  ///
  /// - Throws: `invalidArgument` for a matrix where there is none.
  package func check(_ shape: Shape, ofWeight name: String) throws(MartletError) {
    switch self {
    case .orthogonal where shape.rank < 2:
      throw MartletError(
        .invalidArgument,
        "the orthogonal initializer of weight '\(name)' needs 2 dimensions or more; the weight has shape \(shape)")
    case .identity where shape.rank != 2:
      throw MartletError(
        .invalidArgument,
        "the identity initializer of weight '\(name)' needs 2 dimensions; the weight has shape \(shape)")
    default: break
    }
  }

  /// Fill an array of this shape, which `check` has passed.
  ///
  /// - Throws: `outOfMemory`, from `orthogonal` only.
  package func fill(
    _ values: UnsafeMutablePointer<Float>, _ shape: Shape, source: RandomSource
  ) throws(MartletError) {
    let count = shape.elementCount
    switch self {
    case .zeros: values.update(repeating: 0, count: count)
    case .ones: values.update(repeating: 1, count: count)
    case .constant(let value): values.update(repeating: value, count: count)
    case .randomNormal(let mean, let deviation):
      source.fillNormal(values, count: count, mean: mean, stddev: deviation)
    case .truncatedNormal(let mean, let deviation):
      source.fillTruncatedNormal(values, count: count, mean: mean, stddev: deviation)
    case .randomUniform(let minimum, let maximum):
      source.fillUniform(values, count: count, low: minimum, high: maximum)
    case .orthogonal(let gain): try OrthogonalMatrix(shape, source).fill(values, gain: gain)
    case .identity(let gain):
      values.update(repeating: 0, count: count)
      let columns = shape.lastDimension
      for index in 0..<min(shape.dimensions[0], columns) { values[index * columns + index] = gain }
    case .varianceScaling, .glorotUniform, .glorotNormal, .heUniform, .heNormal, .lecunUniform, .lecunNormal:
      if let scaling { fill(values, shape, scaling, source) }
    }
  }

  /// The scaling by fans that this is, if it is one.
  private var scaling: VarianceScaling? {
    switch self {
    case .varianceScaling(let scaling): scaling
    case .glorotUniform: VarianceScaling(scale: 1, mode: .fanAverage, distribution: .uniform)
    case .glorotNormal: VarianceScaling(scale: 1, mode: .fanAverage, distribution: .truncatedNormal)
    case .heUniform: VarianceScaling(scale: 2, mode: .fanIn, distribution: .uniform)
    case .heNormal: VarianceScaling(scale: 2, mode: .fanIn, distribution: .truncatedNormal)
    case .lecunUniform: VarianceScaling(scale: 1, mode: .fanIn, distribution: .uniform)
    case .lecunNormal: VarianceScaling(scale: 1, mode: .fanIn, distribution: .truncatedNormal)
    case .zeros, .ones, .constant, .randomNormal, .truncatedNormal, .randomUniform, .orthogonal, .identity: nil
    }
  }

  private func fill(
    _ values: UnsafeMutablePointer<Float>, _ shape: Shape, _ scaling: VarianceScaling, _ source: RandomSource
  ) {
    let variance = scaling.variance(of: shape)
    switch scaling.distribution {
    case .uniform:
      let limit = Float((3 * variance).squareRoot())
      source.fillUniform(values, count: shape.elementCount, low: -limit, high: limit)
    case .untruncatedNormal:
      source.fillNormal(values, count: shape.elementCount, stddev: Float(variance.squareRoot()))
    case .truncatedNormal:
      let deviation = Float(variance.squareRoot() / Initializer.truncatedStandardDeviation)
      source.fillTruncatedNormal(values, count: shape.elementCount, stddev: deviation)
    }
  }
}
