// The parsers, on texts as kernels write them. What this machine says is checked for plausibility only.

import Testing

@testable import MartletCore

struct SystemLimitsTests {
  @Test(arguments: [
    ("max 100000\n", nil), ("200000 100000\n", 2), ("150000 100000\n", 1.5), ("50000 100000\n", 0.5),
    ("-1\n 100000\n", nil), ("400000\n 100000\n", 4), ("0 100000\n", nil), ("100000 0\n", nil), ("100000\n", nil),
    ("", nil), ("nonsense 1\n", nil), ("99999999999999999999 100000", nil),
  ])
  func processorQuota(text: String, expected: Double?) {
    #expect(SystemLimits.processorQuota(maximum: text) == expected)
  }

  @Test(arguments: [
    ("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n", 2), ("Cpus_allowed:\tff,ffffffff\n", 40),
    ("Cpus_allowed:\t00000000,00000001\n", 1), ("Cpus_allowed:\tF0a\n", 6), ("Cpus_allowed_list:\t0-1\n", nil),
    ("Cpus_allowed:\n", nil), ("Cpus_allowed:\txyz\n", nil), ("", nil),
  ])
  func allowedProcessors(status: String, expected: Int?) {
    #expect(SystemLimits.allowedProcessors(status: status) == expected)
  }

  @Test func groupsOfVersion2() {
    #expect(
      SystemLimits.groupDirectories(membership: "0::/user.slice/app\n", controller: nil) == [
        "/sys/fs/cgroup/user.slice/app", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup",
      ])
    #expect(SystemLimits.groupDirectories(membership: "0::/\n", controller: nil) == ["/sys/fs/cgroup"])
  }

  @Test func groupsOfVersion1() {
    let membership = "5:memory:/docker/a:b\n4:cpu,cpuacct:/docker\n3:cpuset:/other\n0::/\n"
    #expect(
      SystemLimits.groupDirectories(membership: membership, controller: "cpu") == [
        "/sys/fs/cgroup/cpu/docker", "/sys/fs/cgroup/cpu",
      ])
    #expect(
      SystemLimits.groupDirectories(membership: membership, controller: "memory") == [
        "/sys/fs/cgroup/memory/docker/a:b", "/sys/fs/cgroup/memory/docker", "/sys/fs/cgroup/memory",
      ])
    #expect(SystemLimits.groupDirectories(membership: membership, controller: "pids") == [])
  }

  @Test(arguments: ["", "\n", "0", "0::", "::", "nonsense\n::\n"])
  func brokenMembership(text: String) {
    #expect(SystemLimits.groupDirectories(membership: text, controller: "cpu") == [])
  }

  @Test func memoryTexts() {
    #expect(SystemLimits.memoryLimit("1073741824\n") == 1 << 30)
    #expect(SystemLimits.memoryLimit("max\n") == nil)
    #expect(SystemLimits.memoryLimit("") == nil)
    #expect(SystemLimits.swapByteCount(memoryInformation: "MemTotal: 8 kB\nSwapTotal:    1024 kB\n") == 1 << 20)
    #expect(SystemLimits.swapByteCount(memoryInformation: "MemTotal: 8 kB\n") == nil)
    #expect(SystemLimits.swapByteCount(memoryInformation: "SwapTotal: \(Int.max) kB\n") == nil)
  }

  @Test func thisMachine() throws {
    #expect(SystemLimits.allowedProcessors() >= 1)
    #expect(ThreadPool.defaultThreadCount() >= 1)
    #expect(ThreadPool.defaultThreadCount() <= SystemLimits.allowedProcessors())
    #expect(try #require(SystemLimits.memory()) > 1 << 20)
  }
}
