// The activations a layer configuration can name. How they are computed is the kernels' business.

import MartletKernelInterface

package enum Activation: Sendable, Equatable {
  case linear
  case relu
  case leakyReLU(slope: Float)
  case sigmoid
  case tanh
  /// Over the last axis.
  case softmax
  case elu(alpha: Float)
  case selu
  case softplus
  case silu
  case gelu
  /// GELU in its authors' approximation by tanh.
  case geluTanh
  case hardSigmoid
  case exponential
  /// `maximum` for x >= `maximum`, x from `threshold` to there, else slope (x - threshold).
  case clippedReLU(slope: Float, maximum: Float, threshold: Float)
  /// x times the hard sigmoid of x.
  case hardSwish

  /// The ReLU that ends at 6.
  package static let relu6 = Activation.clippedReLU(slope: 0, maximum: 6, threshold: 0)

  /// The slope that Keras' `leaky_relu` has as a function.
  package static let defaultSlope: Float = 0.2

  /// The alpha that Keras' `elu` has as a function.
  package static let defaultAlpha: Float = 1

  /// The element-wise function, or nil for softmax, which works on rows.
  package var elementwise: ActivationFunction? {
    switch self {
    case .linear: ActivationFunction(.linear)
    case .relu: ActivationFunction(.relu)
    case .leakyReLU(let slope): ActivationFunction(.leakyReLU, alpha: slope)
    case .sigmoid: ActivationFunction(.sigmoid)
    case .tanh: ActivationFunction(.tanh)
    case .softmax: nil
    case .elu(let alpha): ActivationFunction(.elu, alpha: alpha)
    case .selu: ActivationFunction(.selu)
    case .softplus: ActivationFunction(.softplus)
    case .silu: ActivationFunction(.silu)
    case .gelu: ActivationFunction(.gelu)
    case .geluTanh: ActivationFunction(.geluTanh)
    case .hardSigmoid: ActivationFunction(.hardSigmoid)
    case .exponential: ActivationFunction(.exponential)
    case .clippedReLU(let slope, let maximum, let threshold):
      ActivationFunction(.clippedReLU, alpha: slope, maximum: maximum, threshold: threshold)
    case .hardSwish: ActivationFunction(.hardSwish)
    }
  }
}
