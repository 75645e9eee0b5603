// The threads of the crew: a fresh start after fork, no thread unless asked for, none that takes the host's signals or
// computes in the host's environment. Each test runs in a child, where nobody else uses the pool.

import Dispatch
import Glibc
import Synchronization
import Testing

@testable import MartletCore

@Suite(.enabled(if: ForkedChild.isPossible, "ThreadSanitizer ends a child that starts threads"))
struct ThreadCrewTests {
  /// The parent's crew is busy, spinning or asleep when the child is made; the child's jobs are done all the same, by a
  /// crew of its own.
  @Test func theChildOfAForkHasAFreshPool() {
    let stop = Flag()
    let callers = DispatchGroup()
    for _ in 0..<2 {
      DispatchQueue.global().async(group: callers) {
        let board = Board(taskCount: 4)
        while !stop.isSet.load(ordering: .relaxed) {
          board.run(threads: 4, Board.count)
        }
      }
    }
    for _ in 0..<10 {
      let status = ForkedChild.exitStatus {
        guard Self.tasksMeet(threads: 3) else { return 1 }
        let board = Board(taskCount: 50)
        for _ in 0..<100 {
          board.run(threads: 3, Board.count)
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
      many.run(threads: 1, Board.count)
      one.run(threads: 4, Board.count)
      guard ForkedChild.threads().count == 1 else { return 1 }
      many.run(threads: 3, Board.count)
      guard ForkedChild.threads().count == 3 else { return 2 }
      many.run(threads: 2, Board.count)
      guard ForkedChild.threads().count == 3 else { return 3 }
      many.run(threads: 4, Board.count)
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

  @Test func threadsComputeInTheLibrarysEnvironment() {
    let status = ForkedChild.exitStatus {
      // A thread inherits the environment of the one that starts it.
      fesetround(FE_UPWARD)
      let board = Board(taskCount: 3)
      board.run(threads: 3) { context, _ in
        let board = Board.of(context)
        let isCaller = pthread_equal(pthread_self(), board.caller) != 0
        let half = board.leastNormalNumber * 0.5
        let isRight = isCaller ? fegetround() == FE_UPWARD && half > 0 : fegetround() == FE_TONEAREST && half == 0
        if !board.meet() || !isRight { board.wrong.add(1, ordering: .relaxed) }
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
      board.run(threads: 4, Board.count)
      guard ForkedChild.threads().count == 1 else { return 4 }
      limit.rlim_cur = former
      guard setrlimit(threadLimit, &limit) == 0 else { return 5 }
      for _ in 0..<ThreadCrew.attemptInterval {
        board.run(threads: 4, Board.count)
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
