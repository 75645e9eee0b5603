// The element-wise activations of the kernels, as plain data.

/// Element-wise activations. Phi is the distribution function of the standard normal distribution.
package enum ActivationKind: Int32, Sendable, BitwiseCopyable, CaseIterable {
  /// x
  case linear
  /// max(x, 0)
  case relu
  /// x for x > 0, else alpha x
  case leakyReLU
  /// 1 / (1 + exp(-x))
  case sigmoid
  case tanh
  /// x for x > 0, else alpha (exp(x) - 1)
  case elu
  /// 1.0507 elu(x) with alpha 1.67326 (Klambauer et al. 2017)
  case selu
  /// log(1 + exp(x))
  case softplus
  /// x sigmoid(x)
  case silu
  /// x Phi(x)
  case gelu
  /// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the approximation of `gelu` by its authors
  case geluTanh
  /// x / 6 + 1 / 2, not below 0 nor above 1
  case hardSigmoid
  /// exp(x)
  case exponential
  /// `maximum` for x >= `maximum`, x from `threshold` to there, else alpha (x - threshold)
  case clippedReLU
  /// x times `hardSigmoid` of x
  case hardSwish
}

/// An activation with its parameters.
package struct ActivationFunction: Sendable, Equatable, BitwiseCopyable {
  package var kind: ActivationKind
  /// Of `leakyReLU`, `elu` and `clippedReLU`; at least 0, so that the sign of the output of the first two is that of
  /// the input.
  package var alpha: Float
  /// Of `clippedReLU`, at least 0.
  package var maximum: Float
  /// Of `clippedReLU`, at least 0.
  package var threshold: Float

  package init(_ kind: ActivationKind, alpha: Float = 0, maximum: Float = .infinity, threshold: Float = 0) {
    self.kind = kind
    self.alpha = alpha
    self.maximum = maximum
    self.threshold = threshold
  }

  /// Whether the derivative is made from the input x. That of all others follows from the output y = f(x), so that a
  /// layer need not keep its input; these take some outputs more than once.
  package var gradientNeedsInput: Bool {
    switch kind {
    case .silu, .gelu, .geluTanh, .hardSwish: true
    case .clippedReLU: alpha != 0 || threshold != 0
    case .linear, .relu, .leakyReLU, .sigmoid, .tanh, .elu, .selu, .softplus, .hardSigmoid, .exponential: false
    }
  }
}
