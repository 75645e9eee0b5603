// Packing: R lines of an operand (rows of op(A), columns of op(B)) become a micropanel, in which the R elements of one
// k are adjacent, in the order in which the microkernel reads them:
//
//     line 0   a b c ...                      k 0     k 1
//     line 1   d e f ...        becomes       a d g 0 b e h 0 c f i 0 ...        (R = 4, three lines left)
//     line 2   g h i ...
//
// Lines that are missing at the edge are zero, so that every tile is computed by the same microkernel.

/// Pack `lines` <= `size` lines of `kc` elements; element k of line l is `source[l * lineStride + k * kStride]`, and
/// one of the strides is 1. `size` is MR or NR, a multiple of 4.
@inline(__always)
func packPanel(
  _ size: Int, _ source: UnsafePointer<Float>, lines: Int, kc: Int, lineStride: Int, kStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  if lines < size { panel.update(repeating: 0, count: size * kc) }
  if lineStride == 1 {
    packAdjacentLines(size, source, lines: lines, kc: kc, kStride: kStride, into: panel)
  } else {
    packSeparateLines(size, source, lines: lines, kc: kc, lineStride: lineStride, kStride: kStride, into: panel)
  }
}

/// The elements of one k are adjacent in the source already.
@inline(__always)
private func packAdjacentLines(
  _ size: Int, _ source: UnsafePointer<Float>, lines: Int, kc: Int, kStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  if lines == size {
    for k in 0..<kc { (panel + k * size).update(from: source + k * kStride, count: size) }
  } else {
    for k in 0..<kc {
      for l in 0..<lines { panel[k * size + l] = source[k * kStride + l] }
    }
  }
}

/// The elements of one line are adjacent: transpose blocks of 4 x 4.
@inline(__always)
private func packSeparateLines(
  _ size: Int, _ source: UnsafePointer<Float>, lines: Int, kc: Int, lineStride: Int, kStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  let (wholeLines, wholeK) = (lines / 4 * 4, kStride == 1 ? kc / 4 * 4 : 0)
  for k in stride(from: 0, to: wholeK, by: 4) {
    for l in stride(from: 0, to: wholeLines, by: 4) {
      transpose4x4(source + l * lineStride + k, lineStride, panel + k * size + l, size)
    }
  }
  for k in wholeK..<kc {
    for l in 0..<wholeLines { panel[k * size + l] = source[l * lineStride + k * kStride] }
  }
  for l in wholeLines..<lines {
    for k in 0..<kc { panel[k * size + l] = source[l * lineStride + k * kStride] }
  }
}

@inline(__always)
private func transpose4x4(
  _ source: UnsafePointer<Float>, _ sourceStride: Int, _ destination: UnsafeMutablePointer<Float>,
  _ destinationStride: Int
) {
  func row(_ i: Int) -> SIMD4<Float> {
    UnsafeRawPointer(source + i * sourceStride).loadUnaligned(as: SIMD4<Float>.self)
  }
  func write(_ v: SIMD4<Float>, _ i: Int) {
    UnsafeMutableRawPointer(destination + i * destinationStride).storeBytes(of: v, as: SIMD4<Float>.self)
  }
  let (a, b, c, d) = (row(0), row(1), row(2), row(3))
  write(SIMD4(a.x, b.x, c.x, d.x), 0)
  write(SIMD4(a.y, b.y, c.y, d.y), 1)
  write(SIMD4(a.z, b.z, c.z, d.z), 2)
  write(SIMD4(a.w, b.w, c.w, d.w), 3)
}
