// The gate to libhdf5, which the host or h5py may be using too: one thread of ours at a time, no error printed, no
// global setting changed. Everything in this module that calls HDF5 runs inside `HDF5Library.exclusively`.

import CHDF5
import MartletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum HDF5Library {
  /// Run calls of HDF5 under the process-wide lock, with the thread's error handler put aside.
  static func exclusively<Result>(_ body: () throws(MartletError) -> Result) throws(MartletError) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    let handler = chdf5_silence_errors()
    defer { chdf5_restore_errors(handler) }
    return try body()
  }

  /// What HDF5 says about the call that just failed: the innermost message of its error stack.
  static func lastMessage() -> String {
    var message = ""
    withUnsafeMutablePointer(to: &message) { message in
      _ = H5Ewalk2(
        hid_t(H5E_DEFAULT), H5E_WALK_UPWARD,
        { _, error, message in
          guard let description = error?.pointee.desc else { return 0 }
          message?.assumingMemoryBound(to: String.self).pointee = String(cString: description)
          return 1
        }, message)
    }
    return message.isEmpty ? "HDF5 gives no reason" : message
  }

  /// A thread that forks takes the lock first, so that the child does not find it taken by a thread it does not have.
  nonisolated(unsafe) private static let mutex: UnsafeMutablePointer<pthread_mutex_t> = {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    mutexForFork = mutex
    pthread_atfork(
      { pthread_mutex_lock(mutexForFork) }, { pthread_mutex_unlock(mutexForFork) },
      { pthread_mutex_unlock(mutexForFork) })
    return mutex
  }()
}

/// Set once, before the handlers that read it are installed.
nonisolated(unsafe) private var mutexForFork: UnsafeMutablePointer<pthread_mutex_t>!

/// An identifier of HDF5 (file, object, type, dataspace, property list), closed at the end of its scope.
struct HDF5Handle: ~Copyable {
  let id: hid_t

  /// - Throws: `failure`, if HDF5 gave no identifier.
  init(_ id: hid_t, _ failure: @autoclosure () -> MartletError) throws(MartletError) {
    guard id >= 0 else { throw failure() }
    self.id = id
  }

  deinit { H5Idec_ref(id) }
}
