// The losses that C passes to a trainer: an array of structs that grow, so their size is their distance.

import CMartlet
import MartletCore
import MartletNN
import MartletTraining

extension OutputLoss {
  /// The losses of a trainer's options; the default for none.
  ///
  /// - Parameter model: whose outputs they are for, as messages call it.
  /// - Throws: `invalidArgument` naming the element and its member; `outOfMemory`.
  static func losses(
    _ pointer: UnsafePointer<martlet_loss>?, count: Int32, outputs: Int, of model: String
  ) throws(MartletError) -> [OutputLoss] {
    guard count == 0 || count == 1 || Int(count) == outputs else {
      throw MartletError(
        .invalidArgument,
        "loss_count is \(count); it must be 0, 1 or the number of outputs of \(model), \(outputs)")
    }
    guard count > 0 else { return TrainerOptions().losses }
    let first = try required(pointer, "losses")
    let stride = Int(first.pointee.struct_size)
    var losses: [OutputLoss] = []
    for index in 0..<Int(count) {
      let name = "losses[\(index)]"
      let element = (UnsafeRawPointer(first) + index * stride).assumingMemoryBound(to: martlet_loss.self)
      let loss = try structure(element, "martlet_loss", name)
      guard Int(loss.struct_size) == stride else {
        throw MartletError(
          .invalidArgument,
          "\(name) has struct_size \(loss.struct_size) and losses[0] has \(stride); they must be equal")
      }
      losses.append(try OutputLoss(loss, name))
    }
    return losses
  }

  private init(_ loss: martlet_loss, _ name: String) throws(MartletError) {
    self.init(
      LossConfiguration(
        try constant(
          loss.kind, "\(name).kind", as: Loss.self,
          "MARTLET_SPARSE_CATEGORICAL_CROSSENTROPY to MARTLET_BINARY_FOCAL_CROSSENTROPY"),
        fromLogits: try flag(loss.from_logits, "\(name).from_logits"), weight: loss.weight,
        labelSmoothing: loss.label_smoothing, delta: loss.delta, gamma: loss.gamma, alpha: loss.alpha,
        appliesClassBalancing: try flag(loss.apply_class_balancing, "\(name).apply_class_balancing")),
      accuracy: try constant(
        loss.accuracy, "\(name).accuracy", as: AccuracyChoice.self,
        "MARTLET_ACCURACY_OF_LOSS to MARTLET_ACCURACY_BINARY"))
    guard let weights = loss.class_weights else {
      guard loss.class_count == 0 else {
        throw MartletError(
          .invalidArgument, "\(name).class_count is \(loss.class_count), but \(name).class_weights is NULL")
      }
      return
    }
    try checkAlignment(of: UInt(bitPattern: weights), MemoryLayout<Float>.alignment, "\(name).class_weights")
    classWeights = try ClassWeights(
      copying: weights, count: try count(Int64(loss.class_count), "\(name).class_count", minimum: 1))
  }
}
