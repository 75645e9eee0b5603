// martlet.h: Models: building; the layers that rearrange rows, add noise to them or penalise them.

import CMartlet
import MartletCore
import MartletNN

@_cdecl("martlet_reshape") @implementation
public func martlet_reshape(
  _ model: OpaquePointer?, _ input: martlet_node, _ rank: Int32, _ shape: UnsafePointer<Int64>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let layer = Reshape(try dimensions(shape, "shape", rank: rank).map { Int($0) })
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_permute") @implementation
public func martlet_permute(
  _ model: OpaquePointer?, _ input: martlet_node, _ rank: Int32, _ dims: UnsafePointer<Int32>?,
  _ name: UnsafePointer<CChar>?, _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let layer = Permute(try dimensions(dims, "dims", rank: rank).map { Int($0) })
    result.pointee = try model.add(layer, name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_gaussian_noise") @implementation
public func martlet_gaussian_noise(
  _ model: OpaquePointer?, _ input: martlet_node, _ stddev: Double, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    _ = try finite(finiteFloat(stddev, "stddev"), "stddev", minimum: 0)
    result.pointee = try model.add(GaussianNoise(standardDeviation: stddev), name: name, inputs: [Int(input)])
  }
}

@_cdecl("martlet_activity_regularization") @implementation
public func martlet_activity_regularization(
  _ model: OpaquePointer?, _ input: martlet_node, _ l1: Float, _ l2: Float, _ name: UnsafePointer<CChar>?,
  _ out_node: UnsafeMutablePointer<martlet_node>?
) -> martlet_status {
  withModel(model, .change) { model in
    let result = try required(out_node, "out_node")
    let name = try optionalString(name, "name")
    let regularizer = Regularizer(l1: try finite(l1, "l1", minimum: 0), l2: try finite(l2, "l2", minimum: 0))
    result.pointee = try model.add(ActivityRegularization(regularizer), name: name, inputs: [Int(input)])
  }
}

/// The `rank` numbers of an argument.
///
/// - Throws: `invalidArgument` for a rank that no row has, or NULL.
private func dimensions<Number: FixedWidthInteger>(
  _ pointer: UnsafePointer<Number>?, _ name: String, rank: Int32
) throws(MartletError) -> UnsafeBufferPointer<Number> {
  guard (1..<MARTLET_MAX_RANK).contains(rank) else {
    throw MartletError(.invalidArgument, "rank is \(rank); it must be 1 to \(MARTLET_MAX_RANK - 1)")
  }
  return UnsafeBufferPointer(start: try required(pointer, name), count: Int(rank))
}
