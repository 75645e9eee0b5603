// The instruction sets that kernels exist for, and which of them this processor and operating system can run.

import CMartletCPU

package enum InstructionSet: String, Sendable, CaseIterable {
  /// x86-64 with SSE2, or a processor that no kernels are made for.
  case baseline
  /// x86-64-v3: AVX2 and FMA.
  case avx2
  /// x86-64-v4: AVX-512 F, BW, CD, DQ, VL.
  case avx512
  /// arm64, all of which have it.
  case neon

  /// Those that can run here, the best one last.
  package static var available: [InstructionSet] {
    #if arch(arm64)
      [.neon]
    #else
      [.baseline] + (martlet_cpu_is_v3() ? [.avx2] : []) + (martlet_cpu_is_v4() ? [.avx512] : [])
    #endif
  }

  package static var best: InstructionSet { available[available.count - 1] }

  /// The set of that name, in letters of any case, if it can run here; the best one for nil, for an unknown name and
  /// for one that cannot.
  package static func chosen(named name: String?) -> InstructionSet {
    available.first { $0.rawValue == name?.lowercased() } ?? best
  }
}
