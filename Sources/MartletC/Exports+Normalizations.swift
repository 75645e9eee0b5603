// martlet.h: Models: building, layers with weights for each channel: batch, layer and group normalisation, PReLU.

import CMartlet
import MartletCore
import MartletNN

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

private func normalizationEpsilon(_ value: Double) throws(MartletError) -> Double {
  guard Float(value) > 0, Float(value).isFinite else {
    throw MartletError(.invalidArgument, "epsilon is \(value); it must be > 0 and finite as a float")
  }
  return value
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
