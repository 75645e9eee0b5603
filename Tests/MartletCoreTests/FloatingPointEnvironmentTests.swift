// A host that rounds downwards, flushes subnormal numbers or not, or has raised flags: none of it is seen inside, all
// of it is there afterwards.

import Glibc
import Testing

@testable import MartletCore

/// Serialised, and without suspension points: the environment belongs to the thread.
@Suite(.serialized) struct FloatingPointEnvironmentTests {
  // Swift imports these constants twice, in two types.
  let downward: Int32 = FE_DOWNWARD
  let divisionByZero: Int32 = FE_DIVBYZERO
  let overflow: Int32 = FE_OVERFLOW

  /// FE_ALL_EXCEPT, an expression of the header that Swift does not import.
  let allExceptions: Int32 = FE_INEXACT | FE_DIVBYZERO | FE_UNDERFLOW | FE_OVERFLOW | FE_INVALID

  /// Runs `body` and gives the thread back the environment it had before, whatever `body` did to it.
  private func restoring(_ body: () throws -> Void) rethrows {
    var environment = fenv_t()
    fegetenv(&environment)
    defer { fesetenv(&environment) }
    try body()
  }

  /// The number next to 1/3 lies above it; rounding downward gives the one below. Not inlined, so that it is computed
  /// when called.
  @inline(never) private func third(_ one: Float, _ three: Float) -> Float { one / three }

  /// The least normal number halved: a subnormal, or 0 if results are flushed.
  @inline(never) private func half(_ x: Float) -> Float { x * 0.5 }

  @Test func roundingMode() {
    restoring {
      fesetround(downward)
      let outside = third(1, 3)
      let inside = FloatingPointEnvironment.withOurs { third(1, 3) }
      let afterwards = third(1, 3)
      let mode = fegetround()
      #expect(outside == inside.nextDown)
      #expect(afterwards == outside)
      #expect(mode == downward)
    }
  }

  /// A subnormal operand and a subnormal result, with a host that knows them.
  @Test func subnormalNumbersAreZero() {
    restoring {
      let outside = half(.leastNormalMagnitude)
      let inside = FloatingPointEnvironment.withOurs { (half(.leastNormalMagnitude), half(outside * 0x1p60)) }
      let afterwards = half(.leastNormalMagnitude)
      #expect(outside.bitPattern == 0x0040_0000 && afterwards == outside)
      #expect(inside == (0, 0))
    }
  }

  #if arch(x86_64)
    /// Bits 15 (flush to zero) and 6 (denormals are zero) of MXCSR.
    @Test func flushToZero() {
      restoring {
        var environment = fenv_t()
        fegetenv(&environment)
        environment.__mxcsr |= 0x8040
        fesetenv(&environment)
        let outside = half(.leastNormalMagnitude)
        let callback = FloatingPointEnvironment.withOurs {
          FloatingPointEnvironment.withDefault { half(.leastNormalMagnitude) }
        }
        let afterwards = half(.leastNormalMagnitude)
        fegetenv(&environment)
        #expect(outside == 0)
        #expect(callback.bitPattern == 0x0040_0000)
        #expect(afterwards == 0)
        #expect(environment.__mxcsr & 0x8040 == 0x8040)
      }
    }
  #endif

  @Test func exceptionFlags() {
    restoring {
      feclearexcept(allExceptions)
      feraiseexcept(divisionByZero)
      FloatingPointEnvironment.withOurs {
        #expect(fetestexcept(allExceptions) == 0)
        feraiseexcept(overflow)
      }
      #expect(fetestexcept(allExceptions) == divisionByZero)
    }
  }

  @Test func restoresAfterAnError() {
    restoring {
      fesetround(downward)
      #expect(throws: MartletError(.stopped, "on purpose")) {
        try FloatingPointEnvironment.withOurs { () throws(MartletError) -> Int in
          throw MartletError(.stopped, "on purpose")
        }
      }
      #expect(fegetround() == downward)
    }
  }
}
