// The instruction sets that kernels exist for, and which of them this processor and operating system can run.

import CMartletCPU

package enum InstructionSet: String, Sendable, CaseIterable, Comparable {
  /// x86-64 with SSE2, or any other processor.
  case baseline
  /// x86-64-v3: AVX2 and FMA.
  case avx2
  /// x86-64-v4: AVX-512 F, BW, CD, DQ, VL.
  case avx512

  /// The highest one that can run here.
  package static var best: InstructionSet {
    if martlet_cpu_is_v4() { return .avx512 }
    if martlet_cpu_is_v3() { return .avx2 }
    return .baseline
  }

  /// The set of that name if this processor has it; the best one for nil, for an unknown name and for one it has not.
  package static func chosen(named name: String?) -> InstructionSet {
    min(name.flatMap(InstructionSet.init(rawValue:)) ?? best, best)
  }

  package static func < (a: InstructionSet, b: InstructionSet) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .baseline: 0
    case .avx2: 1
    case .avx512: 2
    }
  }
}
