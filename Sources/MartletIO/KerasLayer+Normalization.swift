// Keras' layers with a weight for each channel, to ours and back: BatchNormalization, LayerNormalization,
// GroupNormalization and PReLU.

import MartletCore
import MartletNN

extension KerasLayer {
  func pReLU(_ row: Shape) throws(MartletError) -> PReLU {
    let axes = config["shared_axes"].map { $0 == .null ? [] : $0.arrayValue ?? [$0] } ?? []
    let shared = axes.compactMap(\.integerValue)
    let places = Array(1..<max(row.rank, 1))
    guard shared.count == axes.count, shared.isEmpty || shared.sorted() == places else {
      throw error(
        .unsupported,
        "shares the axes \(config["shared_axes"] ?? .null); for rows of shape \(row) none or \(places) is supported")
    }
    return PReLU(alpha: try weightOptions("alpha", rank: row.rank, default: .zeros), sharedAxes: shared.count)
  }

  static func members(of layer: PReLU, _ row: Shape) -> [String: JSON] {
    let places = (1..<max(row.rank, 1)).map { JSON.integer($0) }
    return members(of: layer.alpha, "alpha", rank: row.rank)
      .merging(["shared_axes": layer.sharedAxes > 0 ? .array(places) : .null]) { $1 }
  }

  func batchNormalization(_ row: Shape) throws(MartletError) -> BatchNormalization {
    try refuse("renorm", "virtual_batch_size", "adjustment")
    try checkLastAxis(row)
    let momentum = try number("momentum", default: 0.99)
    guard (0...1).contains(momentum) else {
      throw error(.formatError, "has the momentum \(momentum); it must be 0 to 1")
    }
    return BatchNormalization(
      momentum: momentum, epsilon: try epsilon(),
      beta: try flag("center", default: true) ? try weightOptions("beta", rank: 1, default: .zeros) : nil,
      gamma: try flag("scale", default: true) ? try weightOptions("gamma", rank: 1, default: .ones) : nil,
      movingMean: Initializer(keras: config["moving_mean_initializer"], rank: 1) ?? .zeros,
      movingVariance: Initializer(keras: config["moving_variance_initializer"], rank: 1) ?? .ones)
  }

  func layerNormalization(_ row: Shape) throws(MartletError) -> GroupNormalization {
    try refuse("rms_scaling")
    return try rowNormalization(.layer, row)
  }

  func groupNormalization(_ row: Shape) throws(MartletError) -> GroupNormalization {
    let groups = config["groups"] == nil ? 32 : try integer("groups")
    guard groups == -1 || (1...SlidingWindow.maximumSize).contains(groups) else {
      throw error(.formatError, "has \(groups) groups; it must be 1 to \(SlidingWindow.maximumSize), or -1")
    }
    return try rowNormalization(.groups(groups == -1 ? nil : groups), row)
  }

  private func rowNormalization(
    _ kind: GroupNormalization.Kind, _ row: Shape
  ) throws(MartletError) -> GroupNormalization {
    try checkLastAxis(row)
    return GroupNormalization(
      kind, epsilon: try epsilon(),
      beta: try flag("center", default: true) ? try weightOptions("beta", rank: 1, default: .zeros) : nil,
      gamma: try flag("scale", default: true) ? try weightOptions("gamma", rank: 1, default: .ones) : nil)
  }

  private func checkLastAxis(_ row: Shape) throws(MartletError) {
    let axes = config["axis"].map { $0.arrayValue ?? [$0] } ?? [.integer(-1)]
    // Axis 0 is the batch, so the last axis of a row has its rank as number.
    guard axes.count == 1, axes[0] == .integer(-1) || axes[0] == .integer(row.rank) else {
      throw error(.unsupported, "is over another axis than the last, which is not supported")
    }
  }

  private func epsilon() throws(MartletError) -> Double {
    let epsilon = try number("epsilon", default: 1e-3)
    guard Float(epsilon) > 0, Float(epsilon).isFinite else {
      throw error(.formatError, "has the epsilon \(epsilon); it must be above 0 and finite as a float")
    }
    return epsilon
  }

  static func members(of layer: GroupNormalization) -> [String: JSON] {
    var members: [String: JSON] = [
      "axis": .integer(-1), "epsilon": .number(layer.epsilon), "center": .bool(layer.beta != nil),
      "scale": .bool(layer.gamma != nil),
    ]
    if case .groups(let groups) = layer.kind { members["groups"] = .integer(groups ?? -1) }
    members.merge(self.members(of: layer.beta ?? WeightOptions(.zeros), "beta", rank: 1)) { $1 }
    members.merge(self.members(of: layer.gamma ?? WeightOptions(.ones), "gamma", rank: 1)) { $1 }
    return members
  }

  static func members(of layer: BatchNormalization) -> [String: JSON] {
    var members: [String: JSON] = [
      "axis": .integer(-1), "momentum": .number(layer.momentum), "epsilon": .number(layer.epsilon),
      "center": .bool(layer.beta != nil), "scale": .bool(layer.gamma != nil),
      "moving_mean_initializer": layer.movingMean.kerasJSON,
      "moving_variance_initializer": layer.movingVariance.kerasJSON,
    ]
    members.merge(self.members(of: layer.beta ?? WeightOptions(.zeros), "beta", rank: 1)) { $1 }
    members.merge(self.members(of: layer.gamma ?? WeightOptions(.ones), "gamma", rank: 1)) { $1 }
    return members
  }
}
