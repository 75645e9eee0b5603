// What the process decides once for all handles: the kernels for this processor, and how many threads a call may use.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Synchronization

#if arch(x86_64)
  import MartletKernelsAVX2
  import MartletKernelsAVX512
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum Engine {
  /// The best set that the processor has, or a lower one that the environment asks for: a program on a mixed fleet can
  /// have the same bits everywhere, and a test can run them all. What is unknown or higher is ignored.
  static let instructionSet = InstructionSet.chosen(
    named: getenv("MARTLET_INSTRUCTION_SET").map { String(cString: $0) })

  /// The table of that instruction set. The others' are never touched: making one may execute instructions of its set.
  static let kernels: KernelTable<Float> =
    switch instructionSet {
    #if arch(x86_64)
      case .avx512: MartletKernelsAVX512.kernels
      case .avx2: MartletKernelsAVX2.kernels
    #endif
    default: MartletKernels.kernels
    }

  static let maximumThreads = 1024

  /// Threads of one call; 0 until it is set or first asked for.
  private static let threadCount = Atomic<Int>(0)

  static var threads: Int {
    let count = threadCount.load(ordering: .relaxed)
    if count > 0 { return count }
    let fallback = min(max(ThreadPool.defaultThreadCount(), 1), maximumThreads)
    // If another thread set a number meanwhile, that one counts.
    let (_, original) = threadCount.compareExchange(expected: 0, desired: fallback, ordering: .relaxed)
    return original > 0 ? original : fallback
  }

  /// - Parameter count: 0 for the default, which is then determined anew.
  static func setThreads(_ count: Int) {
    threadCount.store(count, ordering: .relaxed)
  }
}
