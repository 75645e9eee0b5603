// martlet.h: Models: building, convolutions.

import CMartlet
import MartletCore
import MartletNN

@_cdecl("martlet_conv2d") @implementation
public func martlet_conv2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ filters: Int64, _ kernel_height: Int64, _ kernel_width: Int64,
  _ options: UnsafePointer<martlet_conv_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let size = [try windowSize(kernel_height, "kernel_height"), try windowSize(kernel_width, "kernel_width")]
    try addConvolution(rank: 2, filters, size, to: model, input, options, out_node)
  }
}

@_cdecl("martlet_conv1d") @implementation
public func martlet_conv1d(
  _ model: OpaquePointer?, _ input: martlet_node, _ filters: Int64, _ kernel_size: Int64,
  _ options: UnsafePointer<martlet_conv_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    try addConvolution(
      rank: 1, filters, [1, try windowSize(kernel_size, "kernel_size")], to: model, input, options, out_node)
  }
}

@_cdecl("martlet_depthwise_conv2d") @implementation
public func martlet_depthwise_conv2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ kernel_height: Int64, _ kernel_width: Int64,
  _ options: UnsafePointer<martlet_conv_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let size = [try windowSize(kernel_height, "kernel_height"), try windowSize(kernel_width, "kernel_width")]
    try add(to: model, input, options, out_node, size) { o in
      DepthwiseConvolution(
        window: o.window, multiplier: o.multiplier, activation: o.activation, useBias: o.useBias, kernel: o.kernel,
        bias: o.bias)
    }
  }
}

@_cdecl("martlet_separable_conv2d") @implementation
public func martlet_separable_conv2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ filters: Int64, _ kernel_height: Int64, _ kernel_width: Int64,
  _ options: UnsafePointer<martlet_conv_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let filters = try count(filters, "filters", minimum: 1)
    let size = [try windowSize(kernel_height, "kernel_height"), try windowSize(kernel_width, "kernel_width")]
    try add(to: model, input, options, out_node, size) { o in
      SeparableConvolution(
        depthwise: DepthwiseConvolution(window: o.window, multiplier: o.multiplier, kernel: o.kernel),
        filters: filters, activation: o.activation, useBias: o.useBias, pointwise: o.pointwise, bias: o.bias)
    }
  }
}

@_cdecl("martlet_conv2d_transpose") @implementation
public func martlet_conv2d_transpose(
  _ model: OpaquePointer?, _ input: martlet_node, _ filters: Int64, _ kernel_height: Int64, _ kernel_width: Int64,
  _ options: UnsafePointer<martlet_conv_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let filters = try count(filters, "filters", minimum: 1)
    let size = [try windowSize(kernel_height, "kernel_height"), try windowSize(kernel_width, "kernel_width")]
    try add(to: model, input, options, out_node, size) { o in
      TransposedConvolution(
        filters: filters, window: o.window, activation: o.activation, useBias: o.useBias, kernel: o.kernel,
        bias: o.bias)
    }
  }
}

private func addConvolution(
  rank: Int, _ filters: Int64, _ size: [Int], to model: ModelHandle, _ input: martlet_node,
  _ options: UnsafePointer<martlet_conv_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let filters = try count(filters, "filters", minimum: 1)
  try add(to: model, input, options, out_node, size, rank: rank) { o in
    Convolution(
      rank: rank, filters: filters, window: o.window, groups: o.groups, activation: o.activation, useBias: o.useBias,
      kernel: o.kernel, bias: o.bias)
  }
}

/// Add the layer that `layer` makes of the options.
private func add(
  to model: ModelHandle, _ input: martlet_node, _ options: UnsafePointer<martlet_conv_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?, _ size: [Int], rank: Int = 2,
  _ layer: (ConvolutionOptions) -> any Layer
) throws(MartletError) {
  let result = try required(out_node, "out_node")
  let options = try ConvolutionOptions(size: size, rank: rank, options)
  result.pointee = try model.add(layer(options), name: options.name, inputs: [Int(input)])
}

/// `martlet_conv_options`, checked.
private struct ConvolutionOptions {
  var window: SlidingWindow
  var groups = 1
  var multiplier = 1
  var activation = Activation.linear
  var useBias = true
  var kernel = WeightOptions(.glorotUniform)
  var bias = WeightOptions(.zeros)
  var pointwise = WeightOptions(.glorotUniform)
  var name: String?

  init(size: [Int], rank: Int, _ pointer: UnsafePointer<martlet_conv_options>?) throws(MartletError) {
    window = SlidingWindow(size: size, strides: [1, 1])
    guard let options = try MartletC.options(pointer, "martlet_conv_options") else { return }
    window.padding = try padding(options.padding, isSequence: rank == 1)
    window.strides = try pair((options.strides.0, options.strides.1), "strides", rank: rank)
    window.dilation = try pair((options.dilation.0, options.dilation.1), "dilation", rank: rank)
    groups = try windowSize(options.groups, "groups")
    activation = try Activation(options.activation, alpha: nil)
    useBias = try flag(options.use_bias, "use_bias")
    kernel = try WeightOptions(
      options.kernel_initializer, options.kernel_regularizer, options.kernel_constraint, "kernel")
    bias = try WeightOptions(options.bias_initializer, options.bias_regularizer, options.bias_constraint, "bias")
    multiplier = try windowSize(options.depth_multiplier, "depth_multiplier")
    pointwise = try WeightOptions(
      options.pointwise_initializer, options.pointwise_regularizer, options.pointwise_constraint, "pointwise")
    name = try optionalString(options.name, "name")
  }
}

extension WeightOptions {
  init(
    _ initializer: martlet_initializer, _ regularizer: martlet_regularizer, _ constraint: martlet_constraint,
    _ name: String
  ) throws(MartletError) {
    self.init(
      try Initializer(initializer, "\(name)_initializer"),
      regularizer: try Regularizer(regularizer, "\(name)_regularizer"),
      constraint: try Constraint.optional(constraint, "\(name)_constraint"))
  }
}

func windowSize(_ value: Int64, _ name: String) throws(MartletError) -> Int {
  guard (1...Int64(SlidingWindow.maximumSize)).contains(value) else {
    throw MartletError(.invalidArgument, "\(name) is \(value); it must be 1 to \(SlidingWindow.maximumSize)")
  }
  return Int(value)
}

/// A size for each axis of images; of sequences the first one is across.
private func pair(_ values: (Int64, Int64), _ name: String, rank: Int) throws(MartletError) -> [Int] {
  let first = try windowSize(values.0, "\(name)[0]")
  return rank == 1 ? [1, first] : [first, try windowSize(values.1, "\(name)[1]")]
}

func padding(_ value: Int32, isSequence: Bool) throws(MartletError) -> SlidingWindow.Padding {
  switch value {
  case MARTLET_VALID: return .valid
  case MARTLET_SAME: return .same
  case MARTLET_CAUSAL where isSequence: return .causal
  default:
    let allowed = isSequence ? "MARTLET_VALID, MARTLET_SAME or MARTLET_CAUSAL" : "MARTLET_VALID or MARTLET_SAME"
    throw MartletError(.invalidArgument, "padding is \(value); it must be \(allowed)")
  }
}
