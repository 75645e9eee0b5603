// martlet.h: Version; Status and last error; Threads.

import CMartlet
import MartletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@_cdecl("martlet_version") @implementation
public func martlet_version() -> Int32 {
  MARTLET_VERSION_MAJOR * 1_000_000 + MARTLET_VERSION_MINOR * 1000 + MARTLET_VERSION_PATCH
}

/// The header's text, made once, for as long as the process lives. A `let` that no thread changes.
private nonisolated(unsafe) let versionString: UnsafePointer<CChar> =
  strdup(MARTLET_VERSION_STRING).map { UnsafePointer($0) } ?? staticText("")

@_cdecl("martlet_version_string") @implementation
public func martlet_version_string() -> UnsafePointer<CChar>? { versionString }

@_cdecl("martlet_instruction_set") @implementation
public func martlet_instruction_set() -> UnsafePointer<CChar>? {
  switch Engine.instructionSet {
  case .avx512: staticText("avx512")
  case .avx2: staticText("avx2")
  case .baseline: staticText("baseline")
  case .neon: staticText("neon")
  }
}

@_cdecl("martlet_status_name") @implementation
public func martlet_status_name(_ status: martlet_status) -> UnsafePointer<CChar>? {
  switch status {
  case MARTLET_OK: staticText("MARTLET_OK")
  case MARTLET_INVALID_ARGUMENT: staticText("MARTLET_INVALID_ARGUMENT")
  case MARTLET_INVALID_STATE: staticText("MARTLET_INVALID_STATE")
  case MARTLET_BUSY: staticText("MARTLET_BUSY")
  case MARTLET_OUT_OF_MEMORY: staticText("MARTLET_OUT_OF_MEMORY")
  case MARTLET_NOT_FOUND: staticText("MARTLET_NOT_FOUND")
  case MARTLET_IO_ERROR: staticText("MARTLET_IO_ERROR")
  case MARTLET_FORMAT_ERROR: staticText("MARTLET_FORMAT_ERROR")
  case MARTLET_UNSUPPORTED: staticText("MARTLET_UNSUPPORTED")
  case MARTLET_STOPPED: staticText("MARTLET_STOPPED")
  case MARTLET_INTERRUPTED: staticText("MARTLET_INTERRUPTED")
  case MARTLET_NOT_FINITE: staticText("MARTLET_NOT_FINITE")
  case MARTLET_INTERNAL_ERROR: staticText("MARTLET_INTERNAL_ERROR")
  default: staticText("MARTLET_UNKNOWN_STATUS")
  }
}

@_cdecl("martlet_last_error") @implementation
public func martlet_last_error() -> UnsafePointer<CChar>? { LastError.text }

@_cdecl("martlet_set_threads") @implementation
public func martlet_set_threads(_ count: Int32) -> martlet_status {
  status {
    guard (0...Engine.maximumThreads).contains(Int(count)) else {
      throw MartletError(
        .invalidArgument, "count is \(count); it must be 1 to \(Engine.maximumThreads), or 0 for the default")
    }
    Engine.setThreads(Int(count))
  }
}

@_cdecl("martlet_threads") @implementation
public func martlet_threads() -> Int32 { Int32(clamping: Engine.threads) }
