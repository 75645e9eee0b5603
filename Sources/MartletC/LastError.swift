// The message of each thread's most recent failed call, in a block of C memory that belongs to the thread.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum LastError {
  /// The thread's slot, whose block is freed when the thread ends; nil if the process has no slot left, and then there
  /// are no messages.
  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    return pthread_key_create(&key) { free($0) } == 0 ? key : nil
  }()

  /// Keeps a message for the calling thread. The pointer that the thread got for its previous one ends here. Without
  /// memory the message is lost, never the status.
  static func set(_ message: String) {
    guard let key else { return }
    free(pthread_getspecific(key))
    let block = copy(message)
    if pthread_setspecific(key, block) != 0 {
      free(block)
    }
  }

  /// The calling thread's message; "" if there is none. The memory of C, valid until the thread's next failure.
  static var text: UnsafePointer<CChar> {
    guard let key, let block = pthread_getspecific(key) else { return staticText("") }
    return UnsafePointer(block.assumingMemoryBound(to: CChar.self))
  }

  /// One line: names from files may hold anything, so control characters become spaces.
  private static func copy(_ message: String) -> UnsafeMutableRawPointer? {
    let bytes = message.utf8
    guard let block = malloc(bytes.count + 1)?.assumingMemoryBound(to: UInt8.self) else { return nil }
    for (index, byte) in bytes.enumerated() {
      block[index] = byte < 0x20 || byte == 0x7f ? UInt8(ascii: " ") : byte
    }
    block[bytes.count] = 0
    return UnsafeMutableRawPointer(block)
  }
}

/// A literal as a string of C, which lives as long as the process.
func staticText(_ literal: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}
