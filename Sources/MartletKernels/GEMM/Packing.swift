// Packing: R lines of an operand (rows of op(A), columns of op(B)) become a micropanel, in which the R elements of one
// k are adjacent, in the order in which the microkernel reads them:
//
//     line 0   a b c ...                      k 0     k 1
//     line 1   d e f ...        becomes       a d g 0 b e h 0 c f i 0 ...        (R = 4, three lines left)
//     line 2   g h i ...
//
// Lines that are missing at the edge, but read by the tile there, are zero.

import CMartletCPU

/// Pack `lines` <= `size` lines of `kc` elements; element k of line l is `source[l * lineStride + k * kStride]`, and
/// one of the strides is 1. `size` is MR or NR, a multiple of 4. The lines from there to `readLines` are zero, the
/// others undefined.
@inline(always)
func packPanel(
  _ size: Int, _ source: UnsafePointer<Float>, lines: Int, readLines: Int, kc: Int, lineStride: Int, kStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  if lineStride == 1 {
    packAdjacentLines(size, source, lines: lines, readLines: readLines, kc: kc, kStride: kStride, into: panel)
  } else {
    if lines < readLines { panel.update(repeating: 0, count: size * kc) }
    packSeparateLines(size, source, lines: lines, kc: kc, lineStride: lineStride, into: panel)
  }
}

/// Pack `lines` <= MR rows of op(A), as above. A function of its own, for its size.
@inline(never)
func packRows(
  _ source: UnsafePointer<Float>, lines: Int, kc: Int, lineStride: Int, kStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  packPanel(
    MR, source, lines: lines, readLines: computedRows(lines), kc: kc, lineStride: lineStride, kStride: kStride,
    into: panel)
}

/// The elements of one k are adjacent in the source already.
@inline(always)
private func packAdjacentLines(
  _ size: Int, _ source: UnsafePointer<Float>, lines: Int, readLines: Int, kc: Int, kStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  for k in 0..<kc {
    let (from, to) = (source + k * kStride, panel + k * size)
    martlet_prefetch_far(from + size)
    if lines < size {
      for l in stride(from: 0, to: readLines, by: width) {
        store(load(from + l, max(0, min(width, lines - l))), to + l, min(width, size - l))
      }
    } else if size % width == 0 {
      for l in stride(from: 0, to: size, by: width) { store(load(from + l), to + l) }
    } else if hasMasks {
      store(load(from, size), to, size)
    } else {
      for l in stride(from: 0, to: size, by: 4) { martlet_store4(martlet_load4(from + l), to + l) }
    }
  }
}

/// The elements of one line are adjacent: transpose blocks of 12 lines, 16 or 4, a cache line of each at a time, as
/// many lines may lie in the same set of the cache.
@inline(always)
private func packSeparateLines(
  _ size: Int, _ source: UnsafePointer<Float>, lines: Int, kc: Int, lineStride: Int,
  into panel: UnsafeMutablePointer<Float>
) {
  let cacheLine = 16
  let (wholeLines, wholeK, fullK) = (lines / 4 * 4, kc / 4 * 4, kc / cacheLine * cacheLine)
  for k in stride(from: 0, to: fullK, by: cacheLine) {
    for r in size..<(size + lines) { martlet_prefetch_far(source + r * lineStride + k) }
    var first = 0
    #if MARTLET_AVX512
      if size == 12 && lines == 12 {
        martlet_transpose12x16(source + k, lineStride, panel + k * size)
        continue
      }
      while first + 16 <= lines {
        martlet_transpose16x16(source + first * lineStride + k, lineStride, panel + k * size + first, size)
        first += 16
      }
    #endif
    for l in stride(from: first, to: wholeLines, by: 4) {
      for part in stride(from: 0, to: cacheLine, by: width) {
        transpose(source + l * lineStride + k + part, lineStride, panel + (k + part) * size + l, size)
      }
    }
  }
  for k in stride(from: fullK, to: wholeK, by: 4) {
    for l in stride(from: 0, to: wholeLines, by: 4) {
      martlet_transpose4(source + l * lineStride + k, lineStride, panel + k * size + l, size)
    }
  }
  for k in wholeK..<kc {
    for l in 0..<wholeLines { panel[k * size + l] = source[l * lineStride + k] }
  }
  for l in wholeLines..<lines {
    for k in 0..<kc { panel[k * size + l] = source[l * lineStride + k] }
  }
}

/// Four lines of `width` elements become `width` lines of four.
@inline(always)
private func transpose(
  _ source: UnsafePointer<Float>, _ sourceStride: Int, _ destination: UnsafeMutablePointer<Float>,
  _ destinationStride: Int
) {
  #if MARTLET_AVX512
    martlet_transpose16(source, sourceStride, destination, destinationStride)
  #elseif MARTLET_AVX2
    martlet_transpose8(source, sourceStride, destination, destinationStride)
  #else
    martlet_transpose4(source, sourceStride, destination, destinationStride)
  #endif
}
