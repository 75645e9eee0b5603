// The context of the jobs that the tests of the thread pool run.

import Glibc
import Synchronization

@testable import MartletCore

/// What the tasks of these tests share. Counters of single tasks are plain memory: a task's number is its own.
final class Board: Sendable {
  let arrived = Atomic<Int>(0)
  let wrong = Atomic<Int>(0)
  nonisolated(unsafe) let counts: UnsafeMutablePointer<Int>
  let taskCount: Int
  let caller = pthread_self()
  /// Read when it is used, so that what is computed with it is computed then.
  let leastNormalNumber = Float.leastNormalMagnitude

  init(taskCount: Int) {
    self.taskCount = taskCount
    counts = .allocate(capacity: max(taskCount, 1))
    counts.initialize(repeating: 0, count: max(taskCount, 1))
  }

  deinit { counts.deallocate() }

  func run(threads: Int, _ body: ThreadPool.Body) {
    ThreadPool.shared.run(taskCount: taskCount, threads: threads, Unmanaged.passUnretained(self).toOpaque(), body)
  }

  /// The task that counts how often it is run.
  static let count: ThreadPool.Body = { context, i in Board.of(context).counts[i] += 1 }

  static func of(_ context: UnsafeRawPointer?) -> Board {
    Unmanaged.fromOpaque(context!).takeUnretainedValue()
  }

  /// Waits until all tasks have come here, for which each must be on a thread of its own; false after 10 seconds.
  func meet() -> Bool {
    arrived.add(1, ordering: .sequentiallyConsistent)
    for _ in 0..<10_000 {
      if arrived.load(ordering: .sequentiallyConsistent) >= taskCount { return true }
      usleep(1000)
    }
    return false
  }
}
