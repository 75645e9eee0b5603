// The floating-point environment while the library computes. A host may round upwards, flush subnormal numbers to zero
// or let exceptions trap; our results must not depend on that, nor may the host see what flags we raised.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

package enum FloatingPointEnvironment {
  /// Runs `body` in the default environment (round to nearest, no flush to zero, no denormals-are-zero, exceptions
  /// masked), then gives the thread back the environment it had, its exception flags included.
  ///
  /// Allocates nothing; it costs about as much as a few divisions.
  @inlinable
  package static func withDefault<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var environment = fenv_t()
    fegetenv(&environment)
    setDefault()
    defer { fesetenv(&environment) }
    return try body()
  }

  /// Gives the calling thread the default environment for good: for threads of our own, which inherit their creator's.
  @inlinable
  package static func setDefault() {
    // FE_DFL_ENV, a cast that Swift does not import: the same in glibc and musl.
    fesetenv(UnsafePointer(bitPattern: -1))
  }
}
