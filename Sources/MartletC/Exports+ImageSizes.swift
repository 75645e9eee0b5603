// martlet.h: Models: building, what makes images and sequences smaller or larger: poolings, borders, other sizes.

import CMartlet
import MartletCore
import MartletKernelInterface
import MartletNN

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

@_cdecl("martlet_global_max_pooling") @implementation
public func martlet_global_max_pooling(
  _ model: OpaquePointer?, _ input: martlet_node, _ keepdims: Int32, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try addGlobalPooling(.max, to: model, input, keepdims, name, out_node) }
}

@_cdecl("martlet_global_average_pooling") @implementation
public func martlet_global_average_pooling(
  _ model: OpaquePointer?, _ input: martlet_node, _ keepdims: Int32, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in try addGlobalPooling(.average, to: model, input, keepdims, name, out_node) }
}

@_cdecl("martlet_zero_padding2d") @implementation
public func martlet_zero_padding2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ top: Int64, _ bottom: Int64, _ left: Int64, _ right: Int64,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  addBorders(.zeroPadding, to: model, input, (top, bottom, left, right), name, out_node)
}

@_cdecl("martlet_cropping2d") @implementation
public func martlet_cropping2d(
  _ model: OpaquePointer?, _ input: martlet_node, _ top: Int64, _ bottom: Int64, _ left: Int64, _ right: Int64,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  addBorders(.cropping, to: model, input, (top, bottom, left, right), name, out_node)
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

private func addBorders(
  _ kind: Borders.Kind, to model: OpaquePointer?, _ input: martlet_node,
  _ sizes: (top: Int64, bottom: Int64, left: Int64, right: Int64), _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let layer = Borders(
      kind, top: try borderSize(sizes.top, "top"), bottom: try borderSize(sizes.bottom, "bottom"),
      left: try borderSize(sizes.left, "left"), right: try borderSize(sizes.right, "right"))
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

private func borderSize(_ value: Int64, _ name: String) throws(MartletError) -> Int {
  guard (0...Int64(Borders.maximumSize)).contains(value) else {
    throw MartletError(.invalidArgument, "\(name) is \(value); it must be 0 to \(Borders.maximumSize)")
  }
  return Int(value)
}

extension Interpolation {
  init(code: Int32) throws(MartletError) {
    switch code {
    case MARTLET_NEAREST: self = .nearest
    case MARTLET_BILINEAR: self = .bilinear
    default:
      throw MartletError(
        .invalidArgument, "interpolation is \(code); it must be MARTLET_NEAREST or MARTLET_BILINEAR")
    }
  }
}
