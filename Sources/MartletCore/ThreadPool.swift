// The only threading primitive of the engine: a loop over independent tasks, run by the caller and a crew of persistent
// threads. Which thread runs which task is left to chance, so a task's result must depend on its index alone.
//
// The pool belongs to the process. A job is one call of `run`; the crew works on one job at a time, and a caller who
// finds it taken (several host threads, or a task that calls `run`) does all of its tasks itself. So nobody waits for a
// thread to become free, and any number of threads, down to none, gives progress. The crew itself is in
// ThreadCrew.swift.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

package struct ThreadPool: Sendable {
  package static let shared = ThreadPool()

  /// What a task runs: the context of the job and the task's index. A C function, so that no closure is allocated.
  package typealias Body = @convention(c) (UnsafeRawPointer?, Int) -> Void

  /// Calls `body(context, i)` for each i in 0 ..< taskCount, on at most `threads` threads, the calling one included,
  /// and returns when all calls have returned; what they wrote is then visible to the caller.
  ///
  /// Threads are started when a job first asks for them, never for `threads` 1 or a single task. Once they exist, a
  /// call allocates nothing. Tasks run in the library's floating-point environment on the crew's threads and in the
  /// caller's own on the caller's. May be called from any thread, also from several at once.
  package func run(taskCount: Int, threads: Int, _ context: UnsafeRawPointer, _ body: @escaping Body) {
    let helpers = min(threads, taskCount) - 1
    if helpers > 0, let crew = ThreadPool.currentCrew(), crew.pointee.claim() {
      crew.pointee.run(ThreadCrew.Job(body: body, context: context, taskCount: taskCount), helpers: helpers, crew)
      crew.pointee.release()
      return
    }
    for index in 0..<max(taskCount, 0) {
      body(context, index)
    }
  }

  /// The threads that can run at once: processors that the calling thread may use, or fewer if a control group grants
  /// less time. A quota of 1.5 processors counts as 2.
  package static func defaultThreadCount() -> Int {
    let allowed = SystemLimits.allowedProcessors()
    guard let quota = SystemLimits.processorQuota(), quota < Double(allowed) else { return allowed }
    return max(Int(quota.rounded(.up)), 1)
  }

  /// The crew of this process, made when first asked for; nil if it could not be made safe for `fork`.
  private static func currentCrew() -> UnsafeMutablePointer<ThreadCrew>? {
    if let crew = UnsafeMutablePointer<ThreadCrew>(bitPattern: crewAddress.load(ordering: .acquiring)) {
      return crew
    }
    guard forkHandlerInstalled else { return nil }
    let made = UnsafeMutablePointer<ThreadCrew>.allocate(capacity: 1)
    made.initialize(to: ThreadCrew())
    let (exchanged, original) = crewAddress.compareExchange(
      expected: 0, desired: UInt(bitPattern: made), ordering: .acquiringAndReleasing)
    if exchanged { return made }
    made.deinitialize(count: 1)
    made.deallocate()
    return UnsafeMutablePointer(bitPattern: original)
  }
}

/// Address of the `ThreadCrew` of this process, which lives as long as the process; 0 for none.
///
/// A child made by `fork` has none of the crew's threads, and its copy of the crew may have been caught in the middle
/// of a job with locks held. So the child forgets that copy, for good, and makes a crew of its own when it needs one.
private let crewAddress = Atomic<UInt>(0)

private let forkHandlerInstalled: Bool =
  pthread_atfork(nil, nil, { crewAddress.store(0, ordering: .relaxed) }) == 0
