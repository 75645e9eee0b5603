// The floating-point environment while the library computes. A host may round upwards, flush subnormal numbers to zero
// or let exceptions trap; our results must not depend on that, nor may the host see what flags we raised.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

package enum FloatingPointEnvironment {
  /// Runs `body` in the library's own environment, then gives the thread back the one it had, its exception flags
  /// included.
  ///
  /// Allocates nothing; it costs about as much as a few divisions.
  package static func withOurs<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var environment = fenv_t()
    fegetenv(&environment)
    setOurs()
    defer { fesetenv(&environment) }
    return try body()
  }

  /// Runs `body`, code of the host's, in the environment that a program starts in, then gives the thread back the one
  /// it had.
  package static func withDefault<Result>(_ body: () -> Result) -> Result {
    var environment = fenv_t()
    fegetenv(&environment)
    fesetenv(initial)
    defer { fesetenv(&environment) }
    return body()
  }

  /// Gives the calling thread the library's environment for good: for threads of our own, which inherit their
  /// creator's.
  package static func setOurs() {
    var environment = ours
    fesetenv(&environment)
  }

  /// Round to nearest, exceptions masked, and subnormal numbers, those below 2^-126 in float, taken for 0. Momentum of
  /// a unit that is never active decays until it is subnormal, and stays so; a processor may take a hundred times as
  /// long with such numbers, and a step is to take as long whatever it computes with.
  private static let ours: fenv_t = {
    var (callers, environment) = (fenv_t(), fenv_t())
    fegetenv(&callers)
    fesetenv(initial)
    fegetenv(&environment)
    fesetenv(&callers)
    #if arch(x86_64)
      environment.__mxcsr |= 1 << 15 | 1 << 6  // flush to zero, denormals are zero
    #elseif arch(arm64)
      environment.__fpcr |= 1 << 24  // both
    #endif
    return environment
  }()

  /// FE_DFL_ENV, a cast that Swift does not import: the same in glibc and musl.
  private static var initial: UnsafePointer<fenv_t>? { UnsafePointer(bitPattern: -1) }
}
