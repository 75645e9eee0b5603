// The choice of instruction set, against what the kernel says of the processor.

import Glibc
import MartletKernelInterface
import Testing

@Suite struct InstructionSetTests {
  @Test("The best set agrees with /proc/cpuinfo")
  func agreesWithKernel() throws {
    let file = try #require(fopen("/proc/cpuinfo", "r"))
    defer { fclose(file) }
    var flags: Set<Substring> = []
    var line = [CChar](repeating: 0, count: 1 << 16)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text.hasPrefix("flags") { flags = Set(text.split { $0 == " " || $0 == "\t" || $0 == "\n" }) }
    }
    let v3: Set<Substring> = ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]
    let v4: Set<Substring> = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
    #if arch(arm64)
      #expect(InstructionSet.available == [.neon])
    #else
      let (isV3, isV4) = (flags.isSuperset(of: v3), flags.isSuperset(of: v3.union(v4)))
      #expect(InstructionSet.available == [.baseline] + (isV3 ? [.avx2] : []) + (isV4 ? [.avx512] : []))
    #endif
  }

  @Test("A name can lower the choice, never raise it; an unknown name changes nothing")
  func names() {
    #expect(InstructionSet.chosen(named: nil) == .best)
    #expect(InstructionSet.chosen(named: "AVX-9000") == .best)
    #expect(InstructionSet.chosen(named: "Baseline") == .chosen(named: "baseline"))
    for set in InstructionSet.allCases {
      #expect(InstructionSet.chosen(named: set.rawValue) == (InstructionSet.available.contains(set) ? set : .best))
    }
    #expect(InstructionSet.available.last == .best)
  }
}
