// The one owner of memory: every buffer whose size an argument, data or a file decides is allocated here, checked.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of zeroed memory, aligned for vector loads, freed with the object.
package final class TensorStorage: @unchecked Sendable {
  /// A cache line, and the width of the widest vector register.
  package static let alignment = 64

  package let base: UnsafeMutableRawPointer
  package let byteCount: Int

  /// - Throws: `outOfMemory`, naming `purpose` and the size.
  package init(byteCount: Int, purpose: String) throws(MartletError) {
    precondition(byteCount >= 0)
    var pointer: UnsafeMutableRawPointer?
    let status = posix_memalign(&pointer, TensorStorage.alignment, max(byteCount, 1))
    guard status == 0, let pointer else {
      throw MartletError(.outOfMemory, "cannot allocate \(byteCount) bytes for \(purpose)")
    }
    memset(pointer, 0, byteCount)
    base = pointer
    self.byteCount = byteCount
  }

  /// - Throws: `outOfMemory`, also when `count` elements are more bytes than an address can name.
  package convenience init<Element: BitwiseCopyable>(
    count: Int, of element: Element.Type, purpose: String
  ) throws(MartletError) {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, count >= 0 else {
      throw MartletError(.outOfMemory, "cannot allocate \(count) elements for \(purpose)")
    }
    try self.init(byteCount: byteCount, purpose: purpose)
  }

  deinit { free(base) }

  /// The memory as elements of one type. The pointer is valid as long as this object.
  package func pointer<Element: BitwiseCopyable>(as: Element.Type) -> UnsafeMutablePointer<Element> {
    base.assumingMemoryBound(to: Element.self)
  }
}
