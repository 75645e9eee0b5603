// The one error type. Its code is the martlet_status that C sees, its message what martlet_last_error() says.

/// What went wrong, for a caller who branches on it. Raw values are those of `martlet.h` and are never renumbered.
package enum ErrorCode: Int32, Sendable {
  case invalidArgument = 1
  case invalidState = 2
  case busy = 3
  case outOfMemory = 4
  case notFound = 5
  case ioError = 6
  case formatError = 7
  case unsupported = 8
  case stopped = 9
  case interrupted = 10
  case notFinite = 11
  case internalError = 12
}

/// A failure that a caller, a file or the machine caused.
package struct MartletError: Error, Equatable, CustomStringConvertible {
  package let code: ErrorCode

  /// One line that names the argument, what was expected and what came:
  /// `x has shape [32, 10]; layer 'dense_1' expects [N, 12]`.
  package let message: String

  package init(_ code: ErrorCode, _ message: String) {
    self.code = code
    self.message = message
  }

  /// For a row with a value that cannot be computed with, as a float or as a double.
  package static func notFinite(_ name: String, row: Int, isFloat: Bool = true) -> MartletError {
    let fault = isFloat ? "NaN, infinite or too large for float32" : "NaN or infinite"
    return MartletError(.invalidArgument, "\(name) has a value that is \(fault) in row \(row)")
  }

  package var description: String { message }
}
