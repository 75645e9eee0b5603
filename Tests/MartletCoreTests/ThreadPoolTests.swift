// The pool's promises to its callers: each task once, its results visible to the caller, any number of callers at once.

import Dispatch
import Glibc
import Synchronization
import Testing

@testable import MartletCore

struct ThreadPoolTests {
  @Test(arguments: [1, 2, 4, 8], [0, 1, 2, 3, 7, 100])
  func everyTaskRunsOnce(threads: Int, taskCount: Int) {
    let board = Board(taskCount: taskCount)
    for _ in 0..<500 {
      board.run(threads: threads, Board.count)
    }
    #expect((0..<taskCount).allSatisfy { board.counts[$0] == 500 })
  }

  @Test(arguments: [(-1, 4), (4, 0), (4, -3), (3, Int.max), (3, 5000)])
  func oddCounts(taskCount: Int, threads: Int) {
    let board = Board(taskCount: taskCount)
    board.run(threads: threads, Board.count)
    #expect((0..<max(taskCount, 0)).allSatisfy { board.counts[$0] == 1 })
  }

  /// Jobs that come while the crew spins, while it falls asleep and while it sleeps.
  @Test func jobsAfterPauses() {
    let board = Board(taskCount: 16)
    for round in 0..<300 {
      usleep(UInt32(round))
      board.run(threads: 4, Board.count)
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
        board.run(threads: [1, 2, 4, 8][caller % 4], Board.count)
      }
      if !(0..<20).allSatisfy({ board.counts[$0] == 1000 }) {
        wrong.add(1, ordering: .relaxed)
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}
