// Rows of a dataset become floats: as a batch of their own, or on the way into the panels of a product.

import CMartletCPU
import MartletKernelInterface

func gather(_ source: SourceRows, _ rowCount: Int, _ destination: UnsafeMutablePointer<Float>) -> Bool {
  let columns = source.columns
  var isFinite = true
  for r in 0..<rowCount {
    let result = destination + r * columns
    convert(source, row: r, column: 0, rows: 1, columns: columns, into: result, stride: columns)
    // While the row is in the cache.
    if !allFinite(result, columns) { isFinite = false }
  }
  return isFinite
}

/// Write rows x columns elements from (row, column) on with a row stride.
@inline(never)
func convert(
  _ source: SourceRows, row: Int, column: Int, rows: Int, columns: Int, into destination: UnsafeMutablePointer<Float>,
  stride: Int
) {
  for r in 0..<rows {
    let first = (source.rows.map { $0[row + r] } ?? row + r) * source.columns + column
    let result = destination + r * stride
    switch source.type {
    case .uint8: convert(source, UInt8.self, first, columns, result) { Float($0) }
    case .int32: convert(source, Int32.self, first, columns, result) { Float($0) }
    case .int64: convert(source, Int64.self, first, columns, result) { Float($0) }
    case .float32: convert(source, Float.self, first, columns, result) { $0 }
    case .float64: convert(source, Double.self, first, columns, result) { Float($0) }
    }
  }
}

/// A plain loop, which the compiler vectorises: source and destination never overlap, and multiplication and addition
/// stay two operations, so an element's bits do not depend on where the vectors end. The source may be unaligned.
@inline(__always)
private func convert<Element: BitwiseCopyable>(
  _ source: SourceRows, _: Element.Type, _ first: Int, _ count: Int, _ result: UnsafeMutablePointer<Float>,
  _ convert: (Element) -> Float
) {
  let size = MemoryLayout<Element>.size
  let (elements, scale, offset) = (source.base + first * size, source.scale, source.offset)
  for j in 0..<count {
    result[j] = convert(elements.loadUnaligned(fromByteOffset: j * size, as: Element.self)) * scale + offset
  }
}

/// A panel of A, the transpose of rows: `lines` <= MR columns from `column` on of `kc` rows from `row` on, and zeros in
/// place of those that are missing. Bytes, as of images, fast.
@inline(never)
func convertPanel(
  _ source: SourceRows, row: Int, column: Int, lines: Int, kc: Int, into panel: UnsafeMutablePointer<Float>
) {
  guard case .uint8 = source.type, lines == MR else {
    if lines < MR { panel.update(repeating: 0, count: MR * kc) }
    return convert(source, row: row, column: column, rows: kc, columns: lines, into: panel, stride: MR)
  }
  let base = source.base.assumingMemoryBound(to: UInt8.self) + column
  for k in 0..<kc {
    let bytes = base + (source.rows.map { $0[row + k] } ?? row + k) * source.columns
    #if MARTLET_AVX512
      store(martlet_load_bytes16(bytes, MR) * source.scale + source.offset, panel + k * MR, MR)
    #else
      for l in stride(from: 0, to: MR, by: 4) {
        martlet_store4(martlet_load_bytes4(bytes + l) * source.scale + source.offset, panel + k * MR + l)
      }
    #endif
  }
}
