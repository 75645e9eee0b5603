// A look at a file before HDF5 sees it.

import MartletCore

enum HDF5Structure {
  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// - Throws: `notFound`, `ioError`, `formatError`.
  static func check(path: String) throws(MartletError) {
    let file = try InputFile(path: path)
    let start = try file.bytes(at: 0, count: min(file.byteCount, signature.count))
    guard start == signature else {
      throw MartletError(.formatError, "'\(path)' is not an HDF5 file")
    }
  }
}
