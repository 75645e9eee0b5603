// Keras' BatchNormalization, to ours and back.

import MartletCore
import MartletNN

extension KerasLayer {
  func batchNormalization(_ row: Shape) throws(MartletError) -> BatchNormalization {
    try refuse("renorm", "virtual_batch_size", "adjustment")
    let axes = config["axis"].map { $0.arrayValue ?? [$0] } ?? [.integer(-1)]
    // Axis 0 is the batch, so the last axis of a row has its rank as number.
    guard axes.count == 1, axes[0] == .integer(-1) || axes[0] == .integer(row.rank) else {
      throw error(.unsupported, "is over another axis than the last, which is not supported")
    }
    let momentum = try number("momentum", default: 0.99)
    guard (0...1).contains(momentum) else {
      throw error(.formatError, "has the momentum \(momentum); it must be 0 to 1")
    }
    let epsilon = try number("epsilon", default: 1e-3)
    guard Float(epsilon) > 0, Float(epsilon).isFinite else {
      throw error(.formatError, "has the epsilon \(epsilon); it must be above 0 and finite as a float")
    }
    return BatchNormalization(
      momentum: momentum, epsilon: epsilon,
      beta: try flag("center", default: true) ? try weightOptions("beta", rank: 1, default: .zeros) : nil,
      gamma: try flag("scale", default: true) ? try weightOptions("gamma", rank: 1, default: .ones) : nil,
      movingMean: Initializer(keras: config["moving_mean_initializer"], rank: 1) ?? .zeros,
      movingVariance: Initializer(keras: config["moving_variance_initializer"], rank: 1) ?? .ones)
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
