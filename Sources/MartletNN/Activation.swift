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

  /// The slope that Keras' `leaky_relu` has as a function.
  package static let defaultSlope: Float = 0.2

  /// The element-wise function, or nil for softmax, which works on rows.
  package var elementwise: ActivationFunction? {
    switch self {
    case .linear: ActivationFunction(.linear)
    case .relu: ActivationFunction(.relu)
    case .leakyReLU(let slope): ActivationFunction(.leakyReLU, slope: slope)
    case .sigmoid: ActivationFunction(.sigmoid)
    case .tanh: ActivationFunction(.tanh)
    case .softmax: nil
    }
  }
}
