// martlet.h: Models: building, what changes images at random in training.

import CMartlet
import MartletCore
import MartletKernelInterface
import MartletNN

@_cdecl("martlet_random_flip") @implementation
public func martlet_random_flip(
  _ model: OpaquePointer?, _ input: martlet_node, _ mode: Int32, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    guard (MARTLET_FLIP_HORIZONTAL...MARTLET_FLIP_HORIZONTAL_AND_VERTICAL).contains(mode) else {
      throw MartletError(.invalidArgument, "mode is \(mode); it must be one of the MARTLET_FLIP_ constants")
    }
    let map = RandomMap.flip(
      horizontal: mode != MARTLET_FLIP_VERTICAL, vertical: mode != MARTLET_FLIP_HORIZONTAL)
    try add(RandomTransform(map), name, to: model, input, out_node)
  }
}

@_cdecl("martlet_random_translation") @implementation
public func martlet_random_translation(
  _ model: OpaquePointer?, _ input: martlet_node, _ height_factor: UnsafePointer<Double>?,
  _ width_factor: UnsafePointer<Double>?, _ options: UnsafePointer<martlet_random_transform_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let map = RandomMap.translation(
      height: try factor(height_factor, "height_factor"), width: try factor(width_factor, "width_factor"))
    try add(map, options, to: model, input, out_node)
  }
}

@_cdecl("martlet_random_rotation") @implementation
public func martlet_random_rotation(
  _ model: OpaquePointer?, _ input: martlet_node, _ factor: UnsafePointer<Double>?,
  _ options: UnsafePointer<martlet_random_transform_options>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    try add(.rotation(try MartletC.factor(factor, "factor")), options, to: model, input, out_node)
  }
}

@_cdecl("martlet_random_zoom") @implementation
public func martlet_random_zoom(
  _ model: OpaquePointer?, _ input: martlet_node, _ height_factor: UnsafePointer<Double>?,
  _ width_factor: UnsafePointer<Double>?, _ options: UnsafePointer<martlet_random_transform_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let map = RandomMap.zoom(
      height: try factor(height_factor, "height_factor"),
      width: width_factor == nil ? nil : try factor(width_factor, "width_factor"))
    try add(map, options, to: model, input, out_node)
  }
}

@_cdecl("martlet_random_crop") @implementation
public func martlet_random_crop(
  _ model: OpaquePointer?, _ input: martlet_node, _ height: Int64, _ width: Int64, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let layer = RandomTransform(height: try windowSize(height, "height"), width: try windowSize(width, "width"))
    try add(layer, name, to: model, input, out_node)
  }
}

@_cdecl("martlet_random_contrast") @implementation
public func martlet_random_contrast(
  _ model: OpaquePointer?, _ input: martlet_node, _ factor: UnsafePointer<Double>?,
  _ value_range: UnsafePointer<Float>?, _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    var layer = RandomContrast(try MartletC.factor(factor, "factor", in: FactorRange.unsigned))
    if value_range != nil {
      let range = try required(value_range, "value_range")
      layer.valueRange = try valueRange(range[0], range[1])
    }
    try add(layer, name, to: model, input, out_node)
  }
}

@_cdecl("martlet_random_erasing") @implementation
public func martlet_random_erasing(
  _ model: OpaquePointer?, _ input: martlet_node, _ options: UnsafePointer<martlet_random_erasing_options>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let options = try MartletC.options(options, "martlet_random_erasing_options")
    var layer = RandomErasing()
    if let options {
      layer.factor = try factor(options.factor, "factor", in: FactorRange.unsigned)
      layer.scale = try factor(options.scale, "scale", in: FactorRange.unsigned)
      layer.valueRange = try valueRange(options.value_range.0, options.value_range.1)
      let (first, second, third) = options.fill_value
      switch options.fill_count {
      case 0: layer.fill = .noise
      case 1: layer.fill = .value(try finite(first, "fill_value[0]"))
      case 3:
        layer.fill = .values(
          SIMD3(
            try finite(first, "fill_value[0]"), try finite(second, "fill_value[1]"),
            try finite(third, "fill_value[2]")))
      default: throw MartletError(.invalidArgument, "fill_count is \(options.fill_count); it must be 0, 1 or 3")
      }
    }
    try add(layer, options?.name, to: model, input, out_node)
  }
}

private func add(
  _ map: RandomMap, _ options: UnsafePointer<martlet_random_transform_options>?, to model: ModelHandle,
  _ input: martlet_node, _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let options = try MartletC.options(options, "martlet_random_transform_options")
  var layer = RandomTransform(map)
  if let options {
    layer.fillMode = try constant(
      options.fill_mode, "fill_mode", as: FillMode.self, "MARTLET_FILL_CONSTANT to MARTLET_FILL_WRAP")
    layer.interpolation = try Interpolation(code: options.interpolation)
    layer.fillValue = try finite(options.fill_value, "fill_value")
  }
  try add(layer, options?.name, to: model, input, out_node)
}

private func add(
  _ layer: any Layer, _ name: UnsafePointer<CChar>?, to model: ModelHandle, _ input: martlet_node,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) throws(MartletError) {
  let result = try required(out_node, "out_node")
  let name = try optionalString(name, "name")
  result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
}

private func factor(
  _ pair: UnsafePointer<Double>?, _ name: String, in bounds: ClosedRange<Double> = FactorRange.signed
) throws(MartletError) -> FactorRange {
  let pair = try required(pair, name)
  return try factor((pair[0], pair[1]), name, in: bounds)
}

private func factor(
  _ pair: (Double, Double), _ name: String, in bounds: ClosedRange<Double>
) throws(MartletError) -> FactorRange {
  guard let factor = FactorRange(pair.0, pair.1, in: bounds) else {
    throw MartletError(
      .invalidArgument,
      "\(name) is from \(pair.0) to \(pair.1); it must be an ascending pair within "
        + "\(bounds.lowerBound) to \(bounds.upperBound)")
  }
  return factor
}

private func valueRange(_ low: Float, _ high: Float) throws(MartletError) -> (low: Float, high: Float) {
  guard low.isFinite, high.isFinite, low <= high else {
    throw MartletError(
      .invalidArgument, "value_range is from \(low) to \(high); it must be an ascending pair of numbers")
  }
  return (low, high)
}
