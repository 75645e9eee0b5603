// martlet.h: Models: building, convolutions and what goes with them: poolings, batch normalisation.

import CMartlet
import MartletCore
import MartletKernelInterface
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

@_cdecl("martlet_max_pooling2d") @implementation
public func martlet_max_pooling2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ pool_height: Int64, _ pool_width: Int64,
  _ options: UnsafePointer<martlet_pooling_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let size = [try windowSize(pool_height, "pool_height"), try windowSize(pool_width, "pool_width")]
    try addPooling(.max, rank: 2, size, to: model, input, options, out_node)
  }
}

@_cdecl("martlet_max_pooling1d") @implementation
public func martlet_max_pooling1d(
  _ model: OpaquePointer?, _ input: martlet_node, _ pool_size: Int64,
  _ options: UnsafePointer<martlet_pooling_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    try addPooling(
      .max, rank: 1, [1, try windowSize(pool_size, "pool_size")], to: model, input, options, out_node)
  }
}

@_cdecl("martlet_global_max_pooling") @implementation
public func martlet_global_max_pooling(
  _ model: OpaquePointer?, _ input: martlet_node, _ keepdims: Int32, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try addGlobalPooling(.max, to: model, input, keepdims, name, out_node) }
}

@_cdecl("martlet_average_pooling2d") @implementation
public func martlet_average_pooling2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ pool_height: Int64, _ pool_width: Int64,
  _ options: UnsafePointer<martlet_pooling_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let size = [try windowSize(pool_height, "pool_height"), try windowSize(pool_width, "pool_width")]
    try addPooling(.average, rank: 2, size, to: model, input, options, out_node)
  }
}

@_cdecl("martlet_average_pooling1d") @implementation
public func martlet_average_pooling1d(
  _ model: OpaquePointer?, _ input: martlet_node, _ pool_size: Int64,
  _ options: UnsafePointer<martlet_pooling_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    try addPooling(
      .average, rank: 1, [1, try windowSize(pool_size, "pool_size")], to: model, input, options, out_node)
  }
}

@_cdecl("martlet_global_average_pooling") @implementation
public func martlet_global_average_pooling(
  _ model: OpaquePointer?, _ input: martlet_node, _ keepdims: Int32, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try addGlobalPooling(.average, to: model, input, keepdims, name, out_node) }
}

@_cdecl("martlet_batch_normalization") @implementation
public func martlet_batch_normalization(
  _ model: OpaquePointer?, _ input: martlet_node, _ options: UnsafePointer<martlet_batch_normalization_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    var layer = BatchNormalization()
    var name: String?
    if let options = try MartletC.options(options, "martlet_batch_normalization_options") {
      try layer.configure(options)
      name = try optionalString(options.name, "name")
    }
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_zero_padding2d") @implementation
public func martlet_zero_padding2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ top: Int64, _ bottom: Int64, _ left: Int64, _ right: Int64,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let layer = Borders(
      .zeroPadding, top: try borderSize(top, "top"), bottom: try borderSize(bottom, "bottom"),
      left: try borderSize(left, "left"), right: try borderSize(right, "right"))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_cropping2d") @implementation
public func martlet_cropping2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ top: Int64, _ bottom: Int64, _ left: Int64, _ right: Int64,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let layer = Borders(
      .cropping, top: try borderSize(top, "top"), bottom: try borderSize(bottom, "bottom"),
      left: try borderSize(left, "left"), right: try borderSize(right, "right"))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_resizing") @implementation
public func martlet_resizing(
  _ model: OpaquePointer?, _ input: martlet_node, _ height: Int64, _ width: Int64, _ interpolation: Int32,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let (down, across) = (try windowSize(height, "height"), try windowSize(width, "width"))
    let layer = Resizing(.of(height: down, width: across), try Interpolation(code: interpolation))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_up_sampling2d") @implementation
public func martlet_up_sampling2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ height_factor: Int64, _ width_factor: Int64, _ interpolation: Int32,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let (down, across) = (try windowSize(height_factor, "height_factor"), try windowSize(width_factor, "width_factor"))
    let layer = Resizing(.times(down, across), try Interpolation(code: interpolation))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_layer_normalization") @implementation
public func martlet_layer_normalization(
  _ model: OpaquePointer?, _ input: martlet_node, _ options: UnsafePointer<martlet_row_normalization_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try addNormalization(.layer, to: model, input, options, out_node) }
}

@_cdecl("martlet_group_normalization") @implementation
public func martlet_group_normalization(
  _ model: OpaquePointer?, _ input: martlet_node, _ groups: Int64,
  _ options: UnsafePointer<martlet_row_normalization_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let groups = groups == -1 ? nil : try windowSize(groups, "groups")
    try addNormalization(.groups(groups), to: model, input, options, out_node)
  }
}

private func addNormalization(
  _ kind: GroupNormalization.Kind, to model: ModelHandle, _ input: martlet_node,
  _ options: UnsafePointer<martlet_row_normalization_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let result = try required(out_node, "out_node")
  var layer = GroupNormalization(kind)
  var name: String?
  if let options = try MartletC.options(options, "martlet_row_normalization_options") {
    layer.epsilon = try normalizationEpsilon(options.epsilon)
    let beta = try WeightOptions(
      options.beta_initializer, options.beta_regularizer, options.beta_constraint, "beta")
    let gamma = try WeightOptions(
      options.gamma_initializer, options.gamma_regularizer, options.gamma_constraint, "gamma")
    layer.beta = try flag(options.center, "center") ? beta : nil
    layer.gamma = try flag(options.scale, "scale") ? gamma : nil
    name = try optionalString(options.name, "name")
  }
  result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
}

@_cdecl("martlet_prelu") @implementation
public func martlet_prelu(
  _ model: OpaquePointer?, _ input: martlet_node, _ options: UnsafePointer<martlet_prelu_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    var layer = PReLU()
    var name: String?
    if let options = try MartletC.options(options, "martlet_prelu_options") {
      layer.sharedAxes = try count(Int64(options.shared_axes), "shared_axes", minimum: 0)
      layer.alpha = try WeightOptions(
        options.alpha_initializer, options.alpha_regularizer, options.alpha_constraint, "alpha")
      name = try optionalString(options.name, "name")
    }
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

private func normalizationEpsilon(_ value: Double) throws(MartletError) -> Double {
  guard Float(value) > 0, Float(value).isFinite else {
    throw MartletError(.invalidArgument, "epsilon is \(value); it must be > 0 and finite as a float")
  }
  return value
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

extension WeightOptions {
  fileprivate init(
    _ initializer: martlet_initializer, _ regularizer: martlet_regularizer, _ constraint: martlet_constraint,
    _ name: String
  ) throws(MartletError) {
    self.init(
      try Initializer(initializer, "\(name)_initializer"),
      regularizer: try Regularizer(regularizer, "\(name)_regularizer"),
      constraint: try Constraint.optional(constraint, "\(name)_constraint"))
  }
}

private func addPooling(
  _ kind: Pooling.Kind, rank: Int, _ size: [Int], to model: ModelHandle, _ input: martlet_node,
  _ options: UnsafePointer<martlet_pooling_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let result = try required(out_node, "out_node")
  var window = SlidingWindow(size: size, strides: size)
  var name: String?
  if let options = try MartletC.options(options, "martlet_pooling_options") {
    window.padding = try padding(options.padding, isSequence: false)
    let strides = rank == 1 ? [0, options.strides.0] : [options.strides.0, options.strides.1]
    for (axis, stride) in strides.enumerated() where stride != 0 {
      window.strides[axis] = try windowSize(stride, "strides[\(rank == 1 ? 0 : axis)]")
    }
    name = try optionalString(options.name, "name")
  }
  let layer = Pooling(kind, rank: rank, window: window)
  result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
}

private func addGlobalPooling(
  _ kind: Pooling.Kind, to model: ModelHandle, _ input: martlet_node, _ keepdims: Int32,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let result = try required(out_node, "out_node")
  let name = try optionalString(name, "name")
  let rank = try model.shape(ofNode: input).rank == 2 ? 1 : 2
  let layer = Pooling(kind, rank: rank, window: nil, keepsDimensions: try flag(keepdims, "keepdims"))
  result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
}

extension BatchNormalization {
  /// Takes over what C chose, in the order of the struct.
  fileprivate mutating func configure(_ options: martlet_batch_normalization_options) throws(MartletError) {
    let (center, scale) = (try flag(options.center, "center"), try flag(options.scale, "scale"))
    guard (0...1).contains(options.momentum) else {
      throw MartletError(.invalidArgument, "momentum is \(options.momentum); it must be 0 to 1")
    }
    momentum = options.momentum
    epsilon = try normalizationEpsilon(options.epsilon)
    let betaOptions = try WeightOptions(
      options.beta_initializer, options.beta_regularizer, options.beta_constraint, "beta")
    let gammaOptions = try WeightOptions(
      options.gamma_initializer, options.gamma_regularizer, options.gamma_constraint, "gamma")
    (beta, gamma) = (center ? betaOptions : nil, scale ? gammaOptions : nil)
    movingMean = try Initializer(options.moving_mean_initializer, "moving_mean_initializer")
    movingVariance = try Initializer(options.moving_variance_initializer, "moving_variance_initializer")
  }
}

private func borderSize(_ value: Int64, _ name: String) throws(MartletError) -> Int {
  guard (0...Int64(Borders.maximumSize)).contains(value) else {
    throw MartletError(.invalidArgument, "\(name) is \(value); it must be 0 to \(Borders.maximumSize)")
  }
  return Int(value)
}

extension Interpolation {
  fileprivate init(code: Int32) throws(MartletError) {
    switch code {
    case MARTLET_NEAREST: self = .nearest
    case MARTLET_BILINEAR: self = .bilinear
    default:
      throw MartletError(
        .invalidArgument, "interpolation is \(code); it must be MARTLET_NEAREST or MARTLET_BILINEAR")
    }
  }
}

private func windowSize(_ value: Int64, _ name: String) throws(MartletError) -> Int {
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

private func padding(_ value: Int32, isSequence: Bool) throws(MartletError) -> SlidingWindow.Padding {
  switch value {
  case MARTLET_VALID: return .valid
  case MARTLET_SAME: return .same
  case MARTLET_CAUSAL where isSequence: return .causal
  default:
    let allowed = isSequence ? "MARTLET_VALID, MARTLET_SAME or MARTLET_CAUSAL" : "MARTLET_VALID or MARTLET_SAME"
    throw MartletError(.invalidArgument, "padding is \(value); it must be \(allowed)")
  }
}
