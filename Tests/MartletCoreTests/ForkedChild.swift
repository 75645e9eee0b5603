// A child process in which a test can do what it must not do to the process of all the other tests: look at its threads,
// lower its limits. The child begins with one thread, and so with no crew.

import Glibc

enum ForkedChild {
  /// Runs `body` in a child made by fork and returns its result, which is the child's exit status (0 ... 255); nil if the
  /// child was ended by a signal, which is also what happens to one that hangs for a minute.
  static func exitStatus(_ body: () -> Int32) -> Int32? {
    // Swift declares fork unavailable.
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = dlsym(nil, "fork") else { return nil }
    let child = unsafeBitCast(symbol, to: Fork.self)()
    if child == 0 {
      alarm(60)
      _exit(body())
    }
    var status: Int32 = 0
    guard child > 0, waitpid(child, &status, 0) == child, status & 0x7F == 0 else { return nil }
    return status >> 8 & 0xFF
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
