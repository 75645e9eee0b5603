// Who is using a handle. C promises one thread at a time; here the promise is checked, so that a program that breaks
// it gets MARTLET_BUSY instead of a data race.
//
// A handle is free, read by any number of calls, or in the hands of one call that changes it. While that call runs the
// caller's progress callback, the callback's thread is its guest: the functions that the header lists for callbacks go
// through without a claim of their own, which is safe because the call waits. Nobody ever waits for a handle.

import MartletCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a function does with a handle.
struct Access {
  fileprivate let changes: Bool
  fileprivate let isAllowedInCallback: Bool

  /// Reads, from a callback too.
  static let inspect = Access(changes: false, isAllowedInCallback: true)
  /// Reads.
  static let read = Access(changes: false, isAllowedInCallback: false)
  /// Changes something that a callback may change.
  static let adjust = Access(changes: true, isAllowedInCallback: true)
  /// Changes.
  static let change = Access(changes: true, isAllowedInCallback: false)
}

final class Usage: Sendable {
  /// 0: free; n > 0: n readers; -1: one call that changes.
  private let claims = Atomic<Int>(0)

  /// The thread that runs a callback of the call that has the handle; 0 for none. Only that thread ever finds its own
  /// number here, and it wrote it itself: no ordering is needed.
  private let guest = Atomic<UInt>(0)

  /// Runs `body` with a claim on the handle.
  ///
  /// - Throws: `busy` if others' claims exclude it, naming the handle.
  func with<Result>(
    _ access: Access, _ name: @autoclosure () -> String, _ body: () throws -> Result
  ) throws -> Result {
    if access.isAllowedInCallback, guest.load(ordering: .relaxed) == Usage.currentThread {
      return try body()
    }
    guard access.changes ? claim() : share() else {
      throw MartletError(.busy, "\(name()) is in use by another call, or by the one that runs this callback")
    }
    defer { release(access) }
    return try body()
  }

  /// Runs the callback of the call that has the handle.
  func withGuest<Result>(_ callback: () -> Result) -> Result {
    guest.store(Usage.currentThread, ordering: .relaxed)
    defer { guest.store(0, ordering: .relaxed) }
    return callback()
  }

  private func claim() -> Bool {
    claims.compareExchange(expected: 0, desired: -1, ordering: .acquiringAndReleasing).exchanged
  }

  private func share() -> Bool {
    var readers = claims.load(ordering: .relaxed)
    while readers >= 0 {
      let (exchanged, original) = claims.compareExchange(
        expected: readers, desired: readers + 1, ordering: .acquiringAndReleasing)
      if exchanged { return true }
      readers = original
    }
    return false
  }

  private func release(_ access: Access) {
    if access.changes {
      claims.store(0, ordering: .releasing)
    } else {
      claims.subtract(1, ordering: .releasing)
    }
  }

  /// A number that no other running thread has, never 0.
  private static var currentThread: UInt {
    #if canImport(Musl)
      UInt(bitPattern: pthread_self())
    #else
      UInt(pthread_self())
    #endif
  }
}
