// What the chunks of a dataset have gone through before they were stored. HDF5 takes for granted that a chunk comes out
// of its filters as large as it went in, and reads beyond the end of one that does not. So its size is found out here.

import CHDF5
import MartletCore

struct HDF5FilterPipeline {
  static let supported = [H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32, H5Z_FILTER_SZIP]

  /// In the order in which they were applied.
  private var filters: [Int32] = []

  /// - Parameter message: of the object's header; nil without filters.
  init(_ message: HDF5Fields?) throws(MartletError) {
    guard var fields = message else { return }
    let version = try fields.small(1)
    let count = try fields.small(1)
    if version == 1 { _ = try fields.take(6) }
    for _ in 0..<count {
      let filter = try fields.small(2)
      let nameByteCount = version == 1 || filter >= 256 ? try fields.small(2) : 0
      _ = try fields.take(2)
      let parameterCount = try fields.small(2)
      _ = try fields.take(version == 1 ? (nameByteCount + 7) / 8 * 8 : nameByteCount)
      _ = try fields.take(4 * (version == 1 ? (parameterCount + 1) / 2 * 2 : parameterCount))
      filters.append(Int32(filter))
    }
  }

  /// The bytes that HDF5 will get out of a stored chunk.
  ///
  /// - Parameters:
  ///   - skipped: a bit for each filter that this chunk has not gone through.
  ///   - expected: bytes of the chunk; no more than a few above are unpacked.
  /// - Returns: nil if it cannot be unpacked.
  func byteCount(
    ofChunkAt address: UInt64, stored: Int, skipped: Int, in bytes: HDF5Bytes, _ expected: Int
  ) throws(MartletError) -> Int? {
    let applied = filters.enumerated().filter { $0.offset >= 32 || skipped >> $0.offset & 1 == 0 }.map(\.element)
    var byteCount = stored
    // Whether these are still bytes of the file. Compressing twice is of no use, and not unpacked here.
    var isInFile = true
    for filter in applied.reversed() {
      switch filter {
      case H5Z_FILTER_SHUFFLE: break
      case H5Z_FILTER_FLETCHER32:
        byteCount -= 4
        guard byteCount >= 0 else { return nil }
      case H5Z_FILTER_DEFLATE:
        guard isInFile else { return nil }
        let packed = try bytes.bytes(at: address, count: byteCount)
        let limit = expected + 4 * filters.count
        guard let unpacked = HDF5FilterPipeline.inflatedByteCount(packed.rest, limit: limit) else { return nil }
        byteCount = unpacked
        isInFile = false
      case H5Z_FILTER_SZIP:
        // The size before comes first.
        guard isInFile, byteCount >= 4 else { return nil }
        var packed = try bytes.bytes(at: address, count: 4)
        byteCount = try packed.small(4)
        isInFile = false
      // Refused when the dataset is read.
      default: return expected
      }
    }
    return byteCount
  }

  /// Bytes that a zlib stream unpacks to; nil if it is damaged, or they are more than `limit`.
  private static func inflatedByteCount(_ packed: ArraySlice<UInt8>, limit: Int) -> Int? {
    var stream = z_stream()
    guard chdf5_inflate_init(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var block = [UInt8](repeating: 0, count: 1 << 16)
    var packed = Array(packed)
    return packed.withUnsafeMutableBufferPointer { packed in
      block.withUnsafeMutableBufferPointer { block in
        stream.next_in = packed.baseAddress
        stream.avail_in = UInt32(clamping: packed.count)
        while true {
          stream.next_out = block.baseAddress
          stream.avail_out = UInt32(clamping: block.count)
          let status = inflate(&stream, Z_NO_FLUSH)
          guard Int(stream.total_out) <= limit else { return nil }
          if status == Z_STREAM_END { return Int(stream.total_out) }
          guard status == Z_OK else { return nil }
        }
      }
    }
  }
}
