import Testing

@testable import MartletCore

struct ThreadPoolTests {
  @Test(arguments: [1, 2, 4, 8])
  func everyTaskRunsOnce(threads: Int) {
    let counts = UnsafeMutablePointer<Int>.allocate(capacity: 1000)
    counts.initialize(repeating: 0, count: 1000)
    defer { counts.deallocate() }
    for _ in 0..<1000 {
      ThreadPool.shared.run(taskCount: 1000, threads: threads, counts) { context, i in
        UnsafeMutablePointer(mutating: context!.assumingMemoryBound(to: Int.self))[i] += 1
      }
    }
    #expect((0..<1000).allSatisfy { counts[$0] == 1000 })
  }
}
