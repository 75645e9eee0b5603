// The one owner of memory: every buffer whose size an argument, data or a file decides is allocated here, checked.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A block of zeroed memory, aligned for vector loads, freed with the object.
///
/// Linux hands out more memory than it has and kills the process that then uses it. So a block that the machine could
/// never hold is refused here; a large block's pages come from the kernel when first used, and are zero without our
/// help.
package final class TensorStorage: @unchecked Sendable {
  /// A cache line, and the width of the widest vector register.
  package static let alignment = 64

  /// A huge page of the common processors. Blocks of this size and above are mapped one by one.
  static let mappedByteCount = 2 << 20

  package let base: UnsafeMutableRawPointer
  package let byteCount: Int

  /// - Throws: `outOfMemory`, naming `purpose` and the size.
  package init(byteCount: Int, purpose: String) throws(MartletError) {
    precondition(byteCount >= 0)
    let block =
      byteCount >= TensorStorage.mappedByteCount
      ? TensorStorage.map(byteCount) : TensorStorage.allocate(max(byteCount, 1))
    guard let block else {
      throw MartletError(.outOfMemory, "cannot allocate \(byteCount) bytes for \(purpose)")
    }
    base = block
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

  deinit {
    if byteCount >= TensorStorage.mappedByteCount {
      munmap(base, byteCount)
    } else {
      free(base)
    }
  }

  /// The memory as elements of one type. The pointer is valid as long as this object.
  package func pointer<Element: BitwiseCopyable>(as: Element.Type) -> UnsafeMutablePointer<Element> {
    base.assumingMemoryBound(to: Element.self)
  }

  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    var block: UnsafeMutableRawPointer?
    guard posix_memalign(&block, alignment, byteCount) == 0, let block else { return nil }
    memset(block, 0, byteCount)
    return block
  }

  private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    if let available = SystemLimits.memory(), byteCount > available { return nil }
    let block = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard block != MAP_FAILED, let block else { return nil }
    // Fewer misses of the translation buffer. Only advice: without huge pages the block is as good.
    madvise(block, byteCount, Int32(MADV_HUGEPAGE))
    return block
  }
}
