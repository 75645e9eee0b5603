// Elapsed time by a clock that never jumps.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct Stopwatch {
  private var start = Stopwatch.now()

  var seconds: Double { Stopwatch.now() - start }

  mutating func restart() { start = Stopwatch.now() }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
