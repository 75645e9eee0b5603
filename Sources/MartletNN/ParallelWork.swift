// How an executor hands the pieces of one operation to the thread pool without allocating.

import MartletCore

/// Something whose current work falls into tasks that may run at the same time.
package class ParallelWork: @unchecked Sendable {
  package init() {}

  /// Compute one piece of the current work.
  func runTask(_ index: Int) {}

  /// Run tasks 0 ..< `taskCount` with up to `threads` threads, the caller's included; returns when all are done.
  final func runTasks(_ taskCount: Int, threads: Int) {
    guard taskCount > 1, threads > 1 else {
      for index in 0..<taskCount { runTask(index) }
      return
    }
    // The pool takes a C function and a context, as a closure would have to be allocated.
    withUnsafePointer(to: self as ParallelWork) { work in
      ThreadPool.shared.run(taskCount: taskCount, threads: threads, UnsafeRawPointer(work)) { context, index in
        context?.assumingMemoryBound(to: ParallelWork.self).pointee.runTask(index)
      }
    }
  }
}
