// The generator against the known answers of its authors, the distributions against their own theory.

import Testing

@testable import MartletCore

struct RandomSourceTests {
  /// The vectors for philox4x32-10 in the file kat_vectors of the authors' library Random123: all zeros, all ones, and
  /// the digits of pi.
  @Test(arguments: [
    (SIMD4<UInt32>(repeating: 0), SIMD2<UInt32>(repeating: 0),
      SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
    (SIMD4<UInt32>(repeating: .max), SIMD2<UInt32>(repeating: .max),
      SIMD4<UInt32>(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
    (SIMD4<UInt32>(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), SIMD2<UInt32>(0xa409_3822, 0x299f_31d0),
      SIMD4<UInt32>(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)),
  ])
  func knownAnswers(counter: SIMD4<UInt32>, key: SIMD2<UInt32>, expected: SIMD4<UInt32>) {
    #expect(Philox.block(counter: counter, key: key) == expected)
    let source = RandomSource(
      seed: UInt64(key[1]) << 32 | UInt64(key[0]), stream: UInt64(counter[3]) << 32 | UInt64(counter[2]))
    #expect(source.words(at: UInt64(counter[1]) << 32 | UInt64(counter[0])) == expected)
  }
}
