import Testing

@testable import MartletCore

struct MartletErrorTests {
  /// The numbers of `martlet.h`, which are never renumbered.
  @Test func codes() {
    let codes: [ErrorCode] = [
      .invalidArgument, .invalidState, .busy, .outOfMemory, .notFound, .ioError, .formatError, .unsupported, .stopped,
      .interrupted, .notFinite, .internalError,
    ]
    #expect(codes.map(\.rawValue) == Array(1...12))
  }

  @Test func descriptionIsTheMessage() {
    #expect(String(describing: MartletError(.busy, "model is busy")) == "model is busy")
  }
}
