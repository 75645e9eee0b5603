// The objects behind the opaque pointers of C, and the way from one to the other: the only Unmanaged in the project. A
// pointer of the wrong handle type cannot be told from a right one; NULL can.

import CMartlet
import MartletCore
import MartletNN
import MartletTraining

/// An object that C can hold.
protocol Handle: AnyObject {
  /// The handle for messages: "model 'mnist'".
  var description: String { get }
  var usage: Usage { get }
}

extension Handle {
  /// A reference for C to hold.
  func passToC() -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(self).toOpaque()) }

  /// Gives up C's reference. A call that is running on the object keeps it until it returns.
  static func destroy(_ pointer: OpaquePointer?) {
    guard let pointer else { return }
    Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).release()
  }

  /// - Throws: `invalidArgument` if the pointer is NULL.
  static func object(_ pointer: OpaquePointer?, _ name: String) throws(MartletError) -> Self {
    guard let pointer else { throw MartletError(.invalidArgument, "\(name) is NULL") }
    return Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
  }

  /// Runs `body` with a claim on the object, which stays alive meanwhile even if C destroys the handle in a callback.
  func with<Result>(_ access: Access, _ body: () throws -> Result) throws -> Result {
    try withExtendedLifetime(self) { try usage.with(access, description, body) }
  }
}

extension TrainerHandle {
  /// `martlet_trainer_interrupt`, which may run in a signal handler at any moment, also inside malloc, a lock or
  /// another call on this trainer. So it takes no reference, lock or memory and initialises nothing: it goes from C's
  /// pointer through two constant fields to the trainer's flag and stores one atomic. C's own reference keeps the
  /// objects alive.
  static func interrupt(_ pointer: OpaquePointer) {
    Unmanaged<TrainerHandle>.fromOpaque(UnsafeRawPointer(pointer))._withUnsafeGuaranteedRef { $0.trainer.interrupt() }
  }
}

// MARK: Exports of one handle

/// An export that works on a model.
func withModel(
  _ pointer: OpaquePointer?, _ access: Access, _ body: (ModelHandle) throws -> Void
) -> martlet_status {
  status {
    let model = try ModelHandle.object(pointer, "model")
    try model.with(access) { try body(model) }
  }
}

/// An export that works on a dataset.
func withDataset(
  _ pointer: OpaquePointer?, _ access: Access, _ body: (DatasetHandle) throws -> Void
) -> martlet_status {
  status {
    let dataset = try DatasetHandle.object(pointer, "dataset")
    try dataset.with(access) { try body(dataset) }
  }
}

/// An export that works on a trainer, and on its model if `model` says how; then the model must have its layers still.
func withTrainer(
  _ pointer: OpaquePointer?, _ access: Access, model: Access? = nil, _ body: (TrainerHandle) throws -> Void
) -> martlet_status {
  status {
    let trainer = try TrainerHandle.object(pointer, "trainer")
    try trainer.with(access) {
      if let model {
        try trainer.model.with(model) {
          try trainer.requireCurrent()
          try body(trainer)
        }
      } else {
        try body(trainer)
      }
    }
  }
}
