// The pool's promises: each task once, results visible to the caller, many callers, no thread unless asked for, a fresh
// start after fork, threads that leave the host's signals alone and compute in the default environment.

import Dispatch
import Glibc
import Synchronization
import Testing

@testable import MartletCore

/// What the tasks of these tests share. Counters of single tasks are plain memory: a task's number is its own.
private final class Board: Sendable {
  let arrived = Atomic<Int>(0)
  let wrong = Atomic<Int>(0)
  nonisolated(unsafe) let counts: UnsafeMutablePointer<Int>
  let taskCount: Int
  let caller = pthread_self()

  init(taskCount: Int) {
    self.taskCount = taskCount
    counts = .allocate(capacity: max(taskCount, 1))
    counts.initialize(repeating: 0, count: max(taskCount, 1))
  }

  deinit { counts.deallocate() }

  func run(threads: Int, _ body: ThreadPool.Body) {
    ThreadPool.shared.run(taskCount: taskCount, threads: threads, Unmanaged.passUnretained(self).toOpaque(), body)
  }

  static func of(_ context: UnsafeRawPointer?) -> Board {
    Unmanaged.fromOpaque(context!).takeUnretainedValue()
  }

  /// Waits until all tasks have come here, for which each must be on a thread of its own; false after 30 seconds.
  func meet() -> Bool {
    arrived.add(1, ordering: .sequentiallyConsistent)
    for _ in 0..<30_000 {
      if arrived.load(ordering: .sequentiallyConsistent) >= taskCount { return true }
      usleep(1000)
    }
    return false
  }
}

struct ThreadPoolTests {
  private static let count: ThreadPool.Body = { context, i in Board.of(context).counts[i] += 1 }

  @Test(arguments: [1, 2, 4, 8], [0, 1, 2, 3, 7, 100])
  func everyTaskRunsOnce(threads: Int, taskCount: Int) {
    let board = Board(taskCount: taskCount)
    for _ in 0..<500 {
      board.run(threads: threads, Self.count)
    }
    #expect((0..<taskCount).allSatisfy { board.counts[$0] == 500 })
  }

  @Test(arguments: [(-1, 4), (4, 0), (4, -3), (3, Int.max), (3, 5000)])
  func oddCounts(taskCount: Int, threads: Int) {
    let board = Board(taskCount: taskCount)
    board.run(threads: threads, Self.count)
    #expect((0..<max(taskCount, 0)).allSatisfy { board.counts[$0] == 1 })
  }

  /// Jobs that come while the crew spins, while it falls asleep and while it sleeps.
  @Test func jobsAfterPauses() {
    let board = Board(taskCount: 16)
    for round in 0..<300 {
      usleep(UInt32(round))
      board.run(threads: 4, Self.count)
    }
    #expect((0..<16).allSatisfy { board.counts[$0] == 300 })
  }

  @Test func aTaskMayRunTasks() {
    let board = Board(taskCount: 8)
    for _ in 0..<100 {
      board.run(threads: 4) { context, i in
        let inner = Board(taskCount: 5)
        inner.run(threads: 4) { context, i in Board.of(context).counts[i] += 1 }
        Board.of(context).counts[i] += (0..<5).reduce(0) { $0 + inner.counts[$1] }
      }
    }
    #expect((0..<8).allSatisfy { board.counts[$0] == 500 })
  }

  @Test func manyCallersAtOnce() {
    let wrong = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 12) { caller in
      let board = Board(taskCount: 20)
      for _ in 0..<1000 {
        board.run(threads: [1, 2, 4, 8][caller % 4], Self.count)
      }
      if !(0..<20).allSatisfy({ board.counts[$0] == 1000 }) {
        wrong.add(1, ordering: .relaxed)
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  // MARK: In a child, where nobody else uses the pool

  /// The parent's crew is busy, spinning or asleep when the child is made; the child's jobs are done all the same, by a
  /// crew of its own.
  @Test func theChildOfAForkHasAFreshPool() {
    let stop = Flag()
    let callers = DispatchGroup()
    for _ in 0..<2 {
      DispatchQueue.global().async(group: callers) {
        let board = Board(taskCount: 4)
        while !stop.isSet.load(ordering: .relaxed) {
          board.run(threads: 4, Self.count)
        }
      }
    }
    for _ in 0..<10 {
      let status = ForkedChild.exitStatus {
        guard Self.tasksMeet(threads: 3) else { return 1 }
        let board = Board(taskCount: 50)
        for _ in 0..<100 {
          board.run(threads: 3, Self.count)
        }
        return (0..<50).allSatisfy { board.counts[$0] == 100 } ? 0 : 2
      }
      #expect(status == 0)
    }
    stop.isSet.store(true, ordering: .relaxed)
    callers.wait()
  }

  @Test func threadsAreStartedWhenAskedFor() {
    let status = ForkedChild.exitStatus {
      let many = Board(taskCount: 100)
      let one = Board(taskCount: 1)
      many.run(threads: 1, Self.count)
      one.run(threads: 4, Self.count)
      guard ForkedChild.threads().count == 1 else { return 1 }
      many.run(threads: 3, Self.count)
      guard ForkedChild.threads().count == 3 else { return 2 }
      many.run(threads: 2, Self.count)
      guard ForkedChild.threads().count == 3 else { return 3 }
      many.run(threads: 4, Self.count)
      guard ForkedChild.threads().count == 4 else { return 4 }
      return Self.tasksMeet(threads: 4) ? 0 : 5
    }
    #expect(status == 0)
  }

  @Test func threadsAreNamedAndBlockAllSignals() {
    let status = ForkedChild.exitStatus {
      var mask = sigset_t()
      sigemptyset(&mask)
      pthread_sigmask(SIG_SETMASK, &mask, nil)
      guard Self.tasksMeet(threads: 3) else { return 1 }
      for thread in ForkedChild.threads() where thread != String(getpid()) {
        guard ForkedChild.text("/proc/self/task/\(thread)/comm") == "martlet\n" else { return 2 }
        let status = ForkedChild.text("/proc/self/task/\(thread)/status")
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("SigBlk:") }),
          let blocked = UInt64(line.split(separator: "\t")[1], radix: 16)
        else { return 3 }
        // The kernel never blocks SIGKILL and SIGSTOP, nor glibc its own two (32 and 33).
        let never: UInt64 = 1 << (9 - 1) | 1 << (19 - 1) | 1 << (32 - 1) | 1 << (33 - 1)
        guard blocked | never == .max else { return 4 }
      }
      // The caller's own mask is as it was.
      pthread_sigmask(SIG_SETMASK, nil, &mask)
      return sigismember(&mask, SIGUSR1) == 0 ? 0 : 5
    }
    #expect(status == 0)
  }

  @Test func threadsComputeInTheDefaultEnvironment() {
    let status = ForkedChild.exitStatus {
      // A thread inherits the environment of the one that starts it.
      fesetround(FE_UPWARD)
      let board = Board(taskCount: 3)
      board.run(threads: 3) { context, _ in
        let board = Board.of(context)
        let expected: Int32 = pthread_equal(pthread_self(), board.caller) != 0 ? FE_UPWARD : FE_TONEAREST
        if !board.meet() || fegetround() != expected { board.wrong.add(1, ordering: .relaxed) }
      }
      return Int32(board.wrong.load(ordering: .relaxed))
    }
    #expect(status == 0)
  }

  /// At the limit of threads the caller does all tasks. Later, without the limit, threads are started after all.
  @Test func threadsThatCannotBeStarted() {
    let status = ForkedChild.exitStatus {
      // The limit counts a user's threads and does not hold for root.
      if getuid() == 0, setuid(65534) != 0 { return 1 }
      let threadLimit = __rlimit_resource_t(__RLIMIT_NPROC.rawValue)
      var limit = rlimit()
      guard getrlimit(threadLimit, &limit) == 0 else { return 2 }
      let former = limit.rlim_cur
      limit.rlim_cur = 1
      guard setrlimit(threadLimit, &limit) == 0 else { return 3 }
      let board = Board(taskCount: 10)
      board.run(threads: 4, Self.count)
      guard ForkedChild.threads().count == 1 else { return 4 }
      limit.rlim_cur = former
      guard setrlimit(threadLimit, &limit) == 0 else { return 5 }
      for _ in 0..<ThreadCrew.attemptInterval {
        board.run(threads: 4, Self.count)
      }
      guard (0..<10).allSatisfy({ board.counts[$0] == 1 + ThreadCrew.attemptInterval }) else { return 6 }
      return Self.tasksMeet(threads: 4) ? 0 : 7
    }
    #expect(status == 0)
  }

  /// Whether as many tasks as threads run at the same time.
  private static func tasksMeet(threads: Int) -> Bool {
    let board = Board(taskCount: threads)
    board.run(threads: threads) { context, _ in
      let board = Board.of(context)
      if !board.meet() { board.wrong.add(1, ordering: .relaxed) }
    }
    return board.wrong.load(ordering: .relaxed) == 0
  }
}

private final class Flag: Sendable {
  let isSet = Atomic<Bool>(false)
}
