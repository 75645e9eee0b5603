// A child process in which a test can do what it must not do to the process of all the other tests: look at its threads,
// lower its limits. The child begins with one thread, and so with no crew.

import Glibc

enum ForkedChild {
  /// ThreadSanitizer ends a child that starts threads.
  static let isPossible = dlsym(nil, "__tsan_init") == nil

  /// Runs `body` in a child made by fork and returns its result, which is the child's exit status (0 ... 255); nil if the
  /// child was ended by a signal.
  ///
  /// The locks of the Swift runtime are not made for fork: if a thread of another test holds one at that moment, the child
  /// waits for it forever. They are taken when a type is used for the first time, which is why the common ones are used
  /// here before; and a child that hangs is ended after 20 seconds and given two more chances. One that hangs by a fault
  /// of ours hangs three times.
  static func exitStatus(_ body: () -> Int32) -> Int32? {
    _ = rehearsal
    for _ in 0..<3 {
      let status = waitStatus(body)
      if status & 0x7F == 0 { return status >> 8 & 0xFF }
      if status & 0x7F != SIGALRM { return nil }
    }
    return nil
  }

  private static let rehearsal: Bool = {
    let board = Board(taskCount: 2)
    board.run(threads: 1, Board.count)
    let status = text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
    let mask = status.flatMap { UInt64($0.split(separator: "\t")[1], radix: 16) }
    return mask != nil && !threads().isEmpty && (0..<2).allSatisfy { board.counts[$0] == 1 }
      && text("/proc/self/task/\(threads()[0])/comm") != "" && String(getpid()) != ""
  }()

  /// What waitpid tells of a child that runs `body`; the status of an end by SIGKILL if there is no child.
  private static func waitStatus(_ body: () -> Int32) -> Int32 {
    // Swift declares fork unavailable.
    typealias Fork = @convention(c) () -> pid_t
    var status = SIGKILL
    guard let symbol = dlsym(nil, "fork") else { return status }
    let child = unsafeBitCast(symbol, to: Fork.self)()
    if child == 0 {
      var none = sigset_t()
      sigemptyset(&none)
      pthread_sigmask(SIG_SETMASK, &none, nil)
      alarm(20)
      _exit(body())
    }
    if child > 0 { waitpid(child, &status, 0) }
    return status
  }

  /// The first 4 KB of a file of the kernel.
  static func text(_ path: String) -> String {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return "" }
    defer { close(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      count = max(read(file, buffer.baseAddress, buffer.count), 0)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The threads of the calling process, by number.
  static func threads() -> [String] {
    guard let folder = opendir("/proc/self/task") else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.first != "." { names.append(name) }
    }
    return names
  }
}
