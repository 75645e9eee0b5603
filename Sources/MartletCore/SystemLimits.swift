// What this process may use of the machine: processors and memory, as the kernel and its control groups tell in small
// text files. A container's limits are found here; without them a library would start 64 threads in a container of two
// cores.
//
// Control groups come in two versions. In version 2 the line `0::PATH` of /proc/self/cgroup names the process's group
// below /sys/fs/cgroup; in version 1 a line `N:CONTROLLERS:PATH` names it below /sys/fs/cgroup/CONTROLLER. Limits of
// all groups above count too. Inside a container PATH may be the host's, which does not exist there; the walk up then
// still meets the mounted root, which is the container's own group.
//
// The parsers are functions of the texts alone; what they cannot read counts as no limit.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum SystemLimits {
  // MARK: Processors

  /// Processors that the calling thread may run on; at least 1.
  static func allowedProcessors() -> Int {
    let online = max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
    guard let allowed = text(of: "/proc/thread-self/status").flatMap(allowedProcessors(status:)) else { return online }
    // The mask may name processors that the machine does not have.
    return max(min(allowed, online), 1)
  }

  /// Processors' worth of time that control groups grant: the least of all quotas; nil without a quota.
  static func processorQuota() -> Double? {
    guard let membership = text(of: "/proc/self/cgroup") else { return nil }
    let unified = groupDirectories(membership: membership, controller: nil).lazy.compactMap { directory in
      text(of: directory + "/cpu.max").flatMap(processorQuota(maximum:))
    }
    let legacy = groupDirectories(membership: membership, controller: "cpu").lazy.compactMap { directory -> Double? in
      guard let quota = text(of: directory + "/cpu.cfs_quota_us"),
        let period = text(of: directory + "/cpu.cfs_period_us")
      else { return nil }
      return processorQuota(maximum: quota + " " + period)
    }
    return (Array(unified) + Array(legacy)).min()
  }

  /// Set bits in the line `Cpus_allowed:` of a status file: hexadecimal digits in groups, `3` or `ff,ffffffff`.
  static func allowedProcessors(status: String) -> Int? {
    guard let mask = field("Cpus_allowed:", of: status) else { return nil }
    var count = 0
    for character in mask where character != "," {
      guard let digit = character.hexDigitValue else { return nil }
      count += digit.nonzeroBitCount
    }
    return count
  }

  /// Quota over period, both in microseconds: `150000 100000` is 1.5 processors; `max 100000` and a quota of -1 are
  /// none.
  static func processorQuota(maximum: String) -> Double? {
    let words = maximum.split(whereSeparator: \.isWhitespace)
    guard words.count == 2, let quota = Int(words[0]), let period = Int(words[1]), quota > 0, period > 0 else {
      return nil
    }
    return Double(quota) / Double(period)
  }

  // MARK: Memory

  /// Bytes that the process could get at the very best: the machine's memory or the least limit of a control group, and
  /// all of the machine's swap; nil if unknown.
  static func memory() -> Int? {
    let pages = Int(sysconf(Int32(_SC_PHYS_PAGES)))
    let (physical, overflow) = pages.multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE))))
    guard pages > 0, !overflow else { return nil }
    let membership = text(of: "/proc/self/cgroup") ?? ""
    let unified = groupDirectories(membership: membership, controller: nil).map { $0 + "/memory.max" }
    let legacy = groupDirectories(membership: membership, controller: "memory").map { $0 + "/memory.limit_in_bytes" }
    let limits = (unified + legacy).compactMap { file in text(of: file).flatMap(memoryLimit) }
    let swap = text(of: "/proc/meminfo").flatMap(swapByteCount(memoryInformation:)) ?? 0
    return ([physical] + limits).reduce(physical, min) + swap
  }

  /// `1073741824`; `max` is no limit.
  static func memoryLimit(_ text: String) -> Int? {
    text.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
  }

  /// The line `SwapTotal:  1024 kB`.
  static func swapByteCount(memoryInformation: String) -> Int? {
    guard let kibibytes = field("SwapTotal:", of: memoryInformation).flatMap({ Int($0) }) else { return nil }
    let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
    return overflow ? nil : bytes
  }

  // MARK: Files

  /// The process's control group and all above it, innermost first, for a controller of version 1, or for version 2
  /// (nil).
  static func groupDirectories(membership: String, controller: String?) -> [String] {
    for line in membership.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let root: String
      if let controller {
        guard parts[1].split(separator: ",").contains(Substring(controller)) else { continue }
        root = "/sys/fs/cgroup/" + controller
      } else {
        guard parts[0] == "0", parts[1].isEmpty else { continue }
        root = "/sys/fs/cgroup"
      }
      let names = parts[2].split(separator: "/")
      return (0...names.count).reversed().map { depth in
        ([root] + names.prefix(depth).map(String.init)).joined(separator: "/")
      }
    }
    return []
  }

  /// The first word after `name` on the line that begins with it.
  private static func field(_ name: String, of text: String) -> Substring? {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      return line.dropFirst(name.count).split(whereSeparator: \.isWhitespace).first
    }
    return nil
  }

  /// A file of the kernel, as much as one read gives; these files are a few kilobytes at most.
  private static func text(of path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 16384) { buffer, count in
      count = max(read(file, buffer.baseAddress, buffer.count), 0)
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
