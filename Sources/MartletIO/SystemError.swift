// What the operating system says, as an error of ours.

import MartletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension MartletError {
  /// `cannot open 'm.h5': No such file or directory`
  ///
  /// - Parameter code: the `errno` of the call that failed.
  static func system(_ code: Int32, _ action: String, _ path: String) -> MartletError {
    let kind: ErrorCode =
      switch code {
      case ENOENT, ENOTDIR: .notFound
      case ENOMEM: .outOfMemory
      default: .ioError
      }
    return MartletError(kind, "cannot \(action) '\(path)': \(String(cString: strerror(code)))")
  }
}
