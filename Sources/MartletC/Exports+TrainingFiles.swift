// martlet.h: Training: files.

import CMartlet
import MartletCore
import MartletIO
import MartletTraining

@_cdecl("martlet_trainer_save") @implementation
public func martlet_trainer_save(
  _ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ metrics: UnsafePointer<CChar>?
) -> martlet_status {
  withTrainer(trainer, .inspect, model: .inspect) { trainer in
    let path = try nonEmptyString(path, "path")
    let metrics = try metrics.map { pointer throws(MartletError) in try string(pointer, "metrics") }
    try TrainerFile.save(trainer.trainer, metrics: metrics, path: path)
  }
}

@_cdecl("martlet_trainer_load_state") @implementation
public func martlet_trainer_load_state(_ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> martlet_status {
  withTrainer(trainer, .change, model: .inspect) { trainer in
    try TrainerFile.loadState(path: try nonEmptyString(path, "path"), into: trainer.trainer)
  }
}
