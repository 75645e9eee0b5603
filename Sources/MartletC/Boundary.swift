// The border between C and Swift. Its conventions, decided here once rather than per function:
//
// - An export is `@_cdecl("martlet_x") @implementation public func martlet_x`: the compiler compares it with martlet.h.
//   There is one file of exports per section of the header. An export checks, converts and calls the engine; it
//   computes nothing.
// - Every fallible export is one call of `status`, or of `withModel`, `withDataset`, `withTrainer` (Handles.swift),
//   which build on it: errors become a status and the thread's message, and the body runs in the library's
//   floating-point environment.
// - Everything that C passes is checked before engine code sees it (Arguments.swift): nothing here may trap, and the
//   engine may rely on what it is given. Messages call an argument or a member of a struct by its name in the header.
// - Results are written last, after everything that can fail, so that a failed call leaves them alone.
// - Handles are Swift objects that C holds one reference to; a call keeps its own reference until it returns. What a
//   call may do with a handle that others use is decided by `Usage`.
// - Pointers to strings that C receives point into a `StringTable` that lives as long as the header says.
// - `martlet_trainer_interrupt` may run in a signal handler. It alone touches none of the above.
//
// The bodies throw untyped errors, so that closures need no signature; what the engine throws is always a
// `MartletError`.

import CMartlet
import MartletCore

/// Runs the body of an export and tells C how it went.
func status(_ body: () throws -> Void) -> martlet_status {
  do {
    try FloatingPointEnvironment.withOurs(body)
    return MARTLET_OK
  } catch {
    let error = error as? MartletError ?? MartletError(.internalError, "unexpected error: \(error)")
    LastError.set(error.message)
    return error.code.rawValue
  }
}

/// Runs `body`; its errors say of which argument they speak.
func naming<Result>(
  _ name: String, _ body: () throws(MartletError) -> Result
) throws(MartletError) -> Result {
  do {
    return try body()
  } catch {
    throw MartletError(error.code, "\(name): \(error.message)")
  }
}
