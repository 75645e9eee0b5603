// martlet.h: Models: building.

import CMartlet
import MartletCore
import MartletNN

@_cdecl("martlet_model_create") @implementation
public func martlet_model_create(
  _ name: UnsafePointer<CChar>?, _ seed: UInt64, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_model, "out_model")
    let name = try optionalString(name, "name") ?? "model"
    result.pointee = try ModelHandle(name: name, seed: seed).passToC()
  }
}

@_cdecl("martlet_model_destroy") @implementation
public func martlet_model_destroy(_ model: OpaquePointer?) {
  ModelHandle.destroy(model)
}

@_cdecl("martlet_input") @implementation
public func martlet_input(
  _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ rank: Int32, _ shape: UnsafePointer<Int64>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    guard (1..<MARTLET_MAX_RANK).contains(rank) else {
      throw MartletError(.invalidArgument, "rank is \(rank); it must be 1 to \(MARTLET_MAX_RANK - 1)")
    }
    let dimensions = UnsafeBufferPointer(start: try required(shape, "shape"), count: Int(rank))
    let shape = try Shape(
      dimensions.enumerated().map { try count($1, "shape[\($0)]", minimum: 1) }, of: "an input's row (shape)")
    result.pointee = try model.add(InputLayer(shape: shape), name: name, inputs: [])
  }
}

@_cdecl("martlet_dense") @implementation
public func martlet_dense(
  _ model: OpaquePointer?, _ input: martlet_node, _ units: Int64,
  _ options: UnsafePointer<martlet_dense_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    var layer = Dense(units: try count(units, "units", minimum: 1))
    var name: String?
    if let options = try MartletC.options(options, "martlet_dense_options") {
      try layer.configure(options)
      name = try optionalString(options.name, "name")
    }
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_activation") @implementation
public func martlet_activation(
  _ model: OpaquePointer?, _ input: martlet_node, _ activation: Int32, _ alpha: Float, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let layer = ActivationLayer(try Activation(activation, alpha: alpha))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_softmax") @implementation
public func martlet_softmax(
  _ model: OpaquePointer?, _ input: martlet_node, _ axis_count: Int32, _ axes: UnsafePointer<Int32>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let rank = try model.shape(ofNode: input).rank
    guard (1...rank).contains(Int(axis_count)) else {
      throw MartletError(.invalidArgument, "axis_count is \(axis_count); it must be 1 to \(rank), the rank of the rows")
    }
    let axes = UnsafeBufferPointer(start: try required(axes, "axes"), count: Int(axis_count)).map { Int($0) }
    let isLast = axes == [-1] || axes == [rank]
    let layer: any Layer = isLast ? ActivationLayer(.softmax) : Softmax(axes: axes)
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_relu") @implementation
public func martlet_relu(
  _ model: OpaquePointer?, _ input: martlet_node, _ max_value: Float, _ negative_slope: Float, _ threshold: Float,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    guard max_value >= 0 else {
      throw MartletError(.invalidArgument, "max_value is \(max_value); it must be >= 0; infinity for none")
    }
    let activation = Activation.clippedReLU(
      slope: try finite(negative_slope, "negative_slope", minimum: 0), maximum: max_value,
      threshold: try finite(threshold, "threshold", minimum: 0))
    result.pointee = try model.add(ActivationLayer(activation), name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_dropout") @implementation
public func martlet_dropout(
  _ model: OpaquePointer?, _ input: martlet_node, _ rate: Double, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try addDropout(to: model, input, rate, .none, name, out_node) }
}

@_cdecl("martlet_spatial_dropout") @implementation
public func martlet_spatial_dropout(
  _ model: OpaquePointer?, _ input: martlet_node, _ rate: Double, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let rank = try model.shape(ofNode: input).rank == 2 ? 1 : 2
    try addDropout(to: model, input, rate, .places(rank: rank), name, out_node)
  }
}

private func addDropout(
  to model: ModelHandle, _ input: martlet_node, _ rate: Double, _ sharing: Dropout.Sharing,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let result = try required(out_node, "out_node")
  let name = try optionalString(name, "name")
  guard rate >= 0, rate < 1 else {
    throw MartletError(.invalidArgument, "rate is \(rate); it must be >= 0 and < 1")
  }
  result.pointee = try model.add(Dropout(rate: rate, sharing: sharing), name: name, inputs: [Int(input)])
}

@_cdecl("martlet_flatten") @implementation
public func martlet_flatten(
  _ model: OpaquePointer?, _ input: martlet_node, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    result.pointee = try model.add(Flatten(), name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_rescaling") @implementation
public func martlet_rescaling(
  _ model: OpaquePointer?, _ input: martlet_node, _ scale: Double, _ offset: Double, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    _ = try (finiteFloat(scale, "scale"), finiteFloat(offset, "offset"))
    result.pointee = try model.add(Rescaling(scale: scale, offset: offset), name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_channel_rescaling") @implementation
public func martlet_channel_rescaling(
  _ model: OpaquePointer?, _ input: martlet_node, _ scale_count: Int64, _ scale: UnsafePointer<Double>?,
  _ offset_count: Int64, _ offset: UnsafePointer<Double>?, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let shape = try model.shape(ofNode: input)
    func numbers(
      _ pointer: UnsafePointer<Double>?, _ name: String, _ count: Int64
    ) throws(MartletError) -> [Double] {
      // Checked before `count` values are read.
      guard let number = Int(exactly: count), number == 1 || number == shape.lastDimension else {
        throw MartletError(
          .invalidArgument,
          "\(name)_count is \(count); rows of shape \(shape) take 1 or, one for each channel, \(shape.lastDimension)")
      }
      guard number <= Rescaling.maximumCount else {
        throw MartletError(
          .unsupported, "\(name)_count is \(count); at most \(Rescaling.maximumCount) numbers are supported")
      }
      let values = Array(UnsafeBufferPointer(start: try required(pointer, name), count: number))
      for (index, value) in values.enumerated() { _ = try finiteFloat(value, "\(name)[\(index)]") }
      return values
    }
    let layer = Rescaling(
      scale: try numbers(scale, "scale", scale_count), offset: try numbers(offset, "offset", offset_count))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_normalization") @implementation
public func martlet_normalization(
  _ model: OpaquePointer?, _ input: martlet_node, _ count: Int64, _ mean: UnsafePointer<Float>?,
  _ variance: UnsafePointer<Float>?, _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    // Checked before `count` values are read.
    let shape = try model.shape(ofNode: input)
    let allowed = [1, shape.lastDimension, shape.elementCount]
    guard let count = Int(exactly: count), allowed.contains(count) else {
      throw MartletError(
        .invalidArgument,
        "count is \(count); rows of shape \(shape) take 1, \(shape.lastDimension) or \(shape.elementCount) statistics")
    }
    guard count <= Normalization.maximumCount else {
      throw MartletError(
        .unsupported, "count is \(count); at most \(Normalization.maximumCount) statistics are supported")
    }
    let means = try finiteValues(mean, "mean", count: count)
    let variances =
      variance == nil
      ? [Float](repeating: 1, count: count) : try finiteValues(variance, "variance", count: count, minimum: 0)
    result.pointee = try model.add(Normalization(mean: means, variance: variances), name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_add") @implementation
public func martlet_add(
  _ model: OpaquePointer?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  merge(model, Merge(.add), input_count, inputs, name, out_node)
}

@_cdecl("martlet_multiply") @implementation
public func martlet_multiply(
  _ model: OpaquePointer?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  merge(model, Merge(.multiply), input_count, inputs, name, out_node)
}

@_cdecl("martlet_average") @implementation
public func martlet_average(
  _ model: OpaquePointer?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  merge(model, Merge(.average), input_count, inputs, name, out_node)
}

@_cdecl("martlet_maximum") @implementation
public func martlet_maximum(
  _ model: OpaquePointer?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  merge(model, Merge(.maximum), input_count, inputs, name, out_node)
}

@_cdecl("martlet_subtract") @implementation
public func martlet_subtract(
  _ model: OpaquePointer?, _ a: martlet_node, _ b: martlet_node, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    result.pointee = try model.add(Merge(.subtract), name: name, inputs: [Int(a), Int(b)])
  }
}

@_cdecl("martlet_concatenate") @implementation
public func martlet_concatenate(
  _ model: OpaquePointer?, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?, _ axis: Int32,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  merge(model, Concatenate(axis: Int(axis)), input_count, inputs, name, out_node)
}

@_cdecl("martlet_share") @implementation
public func martlet_share(
  _ model: OpaquePointer?, _ node: martlet_node, _ input_count: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    result.pointee = try model.share(layerOf: node, inputs: try nodes(inputs, input_count, "input"))
  }
}

@_cdecl("martlet_model_build") @implementation
public func martlet_model_build(
  _ model: OpaquePointer?, _ output_count: Int32, _ outputs: UnsafePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try model.build(outputs: try nodes(outputs, output_count, "output")) }
}

/// Adds a layer that reads several nodes.
private func merge(
  _ model: OpaquePointer?, _ layer: any Layer, _ inputCount: Int32, _ inputs: UnsafePointer<martlet_node>?,
  _ name: UnsafePointer<CChar>?, _ outNode: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(outNode, "out_node")
    let name = try optionalString(name, "name")
    result.pointee = try model.add(layer, name: name, inputs: try nodes(inputs, inputCount, "input"))
  }
}

/// The nodes of a list that C passes.
///
/// - Throws: `invalidArgument` for NULL, an empty list and one longer than any model's.
func nodes(
  _ pointer: UnsafePointer<martlet_node>?, _ count: Int32, _ name: String
) throws(MartletError) -> [Int] {
  let maximum = 4096
  guard (1...maximum).contains(Int(count)) else {
    throw MartletError(.invalidArgument, "\(name)_count is \(count); it must be 1 to \(maximum)")
  }
  return UnsafeBufferPointer(start: try required(pointer, "\(name)s"), count: Int(count)).map { Int($0) }
}

// MARK: Configurations

extension Dense {
  /// Takes over what C chose, in the order of the struct.
  fileprivate mutating func configure(_ options: martlet_dense_options) throws(MartletError) {
    activation = try Activation(options.activation, alpha: nil)
    useBias = try flag(options.use_bias, "use_bias")
    kernelInitializer = try Initializer(options.kernel_initializer, "kernel_initializer")
    biasInitializer = try Initializer(options.bias_initializer, "bias_initializer")
    kernelRegularizer = try Regularizer(options.kernel_regularizer, "kernel_regularizer")
    biasRegularizer = try Regularizer(options.bias_regularizer, "bias_regularizer")
    kernelConstraint = try Constraint.optional(options.kernel_constraint, "kernel_constraint")
    biasConstraint = try Constraint.optional(options.bias_constraint, "bias_constraint")
  }
}

extension Activation {
  /// - Parameter alpha: nil for Keras' default.
  init(_ kind: Int32, _ name: String = "activation", alpha: Float?) throws(MartletError) {
    switch kind {
    case MARTLET_LINEAR: self = .linear
    case MARTLET_RELU: self = .relu
    case MARTLET_LEAKY_RELU: self = .leakyReLU(slope: try finite(alpha ?? Activation.defaultSlope, "alpha", minimum: 0))
    case MARTLET_SIGMOID: self = .sigmoid
    case MARTLET_TANH: self = .tanh
    case MARTLET_SOFTMAX: self = .softmax
    case MARTLET_ELU: self = .elu(alpha: try finite(alpha ?? Activation.defaultAlpha, "alpha", minimum: 0))
    case MARTLET_SELU: self = .selu
    case MARTLET_SOFTPLUS: self = .softplus
    case MARTLET_SILU: self = .silu
    case MARTLET_GELU: self = .gelu
    case MARTLET_GELU_TANH: self = .geluTanh
    case MARTLET_HARD_SIGMOID: self = .hardSigmoid
    case MARTLET_EXPONENTIAL: self = .exponential
    case MARTLET_RELU6: self = .relu6
    case MARTLET_HARD_SWISH: self = .hardSwish
    default:
      throw MartletError(
        .invalidArgument, "\(name) is \(kind), which is none of MARTLET_LINEAR to MARTLET_HARD_SWISH")
    }
  }
}

/// A copy of `count` values.
///
/// - Throws: `invalidArgument` for NULL and for the first value that is not finite or below `minimum`.
private func finiteValues(
  _ pointer: UnsafePointer<Float>?, _ name: String, count: Int, minimum: Float? = nil
) throws(MartletError) -> [Float] {
  let values = Array(UnsafeBufferPointer(start: try required(pointer, name), count: count))
  for (index, value) in values.enumerated() where !value.isFinite || value < minimum ?? value {
    _ = try finite(value, "\(name)[\(index)]", minimum: minimum)
  }
  return values
}
