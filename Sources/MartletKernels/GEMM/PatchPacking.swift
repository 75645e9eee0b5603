// Patches of images become panels of A, which makes a matrix product a convolution. Patches are never written as a
// matrix: a panel is transposed from the image where its patches lie side by side in it, and else from a strip of them
// that is gathered into the L1 cache; or they are gathered into the panel where the product is with their transpose.

import MartletKernelInterface

/// A panel of A from `patches` of images: `lines` <= MR rows of op(A) from `row` on, kc columns from `column` on.
///
/// - Parameter strip: room for MR rows of KC.
func packPatches(
  _ images: UnsafePointer<Float>, _ patches: UnsafePointer<Patches>, row: Int, column: Int, lines: Int, kc: Int,
  through strip: UnsafeMutablePointer<Float>, into panel: UnsafeMutablePointer<Float>
) {
  let (patch, element) = (patches.pointee.firstPatch, patches.pointee.firstElement)
  if patches.pointee.isTransposed {
    if lines < MR { panel.update(repeating: 0, count: MR * kc) }
    let elements = (element + row)..<(element + row + lines)
    packTransposedPatches(images, patches, patch: patch + column, count: kc, elements, into: panel)
  } else {
    let elements = (element + column)..<(element + column + kc)
    packPatches(images, patches, patch: patch + row, lines: lines, elements, through: strip, into: panel)
  }
}

@inline(never)
private func packTransposedPatches(
  _ images: UnsafePointer<Float>, _ patches: UnsafePointer<Patches>, patch: Int, count: Int, _ elements: Range<Int>,
  into panel: UnsafeMutablePointer<Float>
) {
  let g = patches.pointee.geometry
  @inline(always)
  func pack(_ run: Run, _ k: Int) { gatherRun(run, images, g, patch: patch, count: count, into: panel + k, stride: MR) }
  forEachRun(g, elements, pack)
}

@inline(never)
private func packPatches(
  _ images: UnsafePointer<Float>, _ patches: UnsafePointer<Patches>, patch: Int, lines: Int, _ elements: Range<Int>,
  through strip: UnsafeMutablePointer<Float>, into panel: UnsafeMutablePointer<Float>
) {
  let g = patches.pointee.geometry
  let (row, patchX) = patch.quotientAndRemainder(dividingBy: g.patchesAcross)
  let (image, patchY) = row.quotientAndRemainder(dividingBy: g.patchesDown)
  let isOneRow = g.spacingX == 1 && patchX + lines <= g.patchesAcross
  @inline(always)
  func pack(_ run: Run, _ k: Int) {
    let y = isOneRow ? pixel(patchY * g.strideY + run.offsetY, g.spacingY, g.height) : -1
    let x = patchX * g.strideX + run.offsetX
    var (source, lineStride) = (UnsafePointer(strip), KC)
    if y >= 0 && x >= 0 && x + (lines - 1) * g.strideX + run.pixels <= g.width {
      source = images + ((image * g.height + y) * g.width + x) * g.channels + run.start
      lineStride = g.strideX * g.channels
    } else {
      gatherRun(run, images, g, patch: patch, count: lines, into: strip, stride: KC)
    }
    packRows(source, lines: lines, kc: run.length, lineStride: lineStride, kStride: 1, into: panel + k * MR)
  }
  forEachRun(g, elements, pack)
}

/// Call `body` for each run of some elements of a patch, with its distance from the first of them.
@inline(always)
private func forEachRun(_ g: PatchGeometry, _ elements: Range<Int>, _ body: (_ run: Run, _ offset: Int) -> Void) {
  // Pixels side by side in a patch that are so in the image make one run.
  let joins = g.dilationX == 1 && g.spacingX == 1 && g.depth == g.channels
  let runPixels = joins ? g.kernelWidth : 1
  let runLength = runPixels * g.depth
  var element = elements.lowerBound
  while element < elements.upperBound {
    let (index, start) = element.quotientAndRemainder(dividingBy: runLength)
    let length = min(runLength - start, elements.upperBound - element)
    let (ky, kx) = joins ? (index, 0) : index.quotientAndRemainder(dividingBy: g.kernelWidth)
    let run = Run(
      offsetY: ky * g.dilationY - g.top, offsetX: kx * g.dilationX - g.left, pixels: runPixels, start: start,
      length: length)
    body(run, element - elements.lowerBound)
    element += length
  }
}

/// A part of a patch that is a part of the image's row: `length` elements from `start` on of so many pixels, of which
/// the first is at an offset from the patch.
private struct Run {
  let offsetY: Int
  let offsetX: Int
  let pixels: Int
  let start: Int
  let length: Int
}

/// Gather a run of `count` patches: row by row of patches, which lie at one distance in the image.
@inline(always)
private func gatherRun(
  _ run: Run, _ images: UnsafePointer<Float>, _ g: PatchGeometry, patch: Int, count: Int,
  into destination: UnsafeMutablePointer<Float>, stride: Int
) {
  var (row, patchX) = patch.quotientAndRemainder(dividingBy: g.patchesAcross)
  var done = 0
  while done < count {
    let rowCount = min(g.patchesAcross - patchX, count - done)
    let (image, patchY) = row.quotientAndRemainder(dividingBy: g.patchesDown)
    let y = pixel(patchY * g.strideY + run.offsetY, g.spacingY, g.height)
    let to = Rows(base: destination + done * stride, stride: stride)
    if y < 0 {
      to.clear(0..<rowCount, run.length)
    } else {
      gatherRow(
        run, images + (image * g.height + y) * g.width * g.channels + run.start, g,
        x: patchX * g.strideX + run.offsetX, rowCount, to)
    }
    (row, patchX, done) = (row + 1, 0, done + rowCount)
  }
}

/// Gather a run of patches that lie side by side, the first of them at place x, from a row of pixels.
@inline(always)
private func gatherRow(
  _ run: Run, _ pixels: UnsafePointer<Float>, _ g: PatchGeometry, x: Int, _ count: Int, _ to: Rows
) {
  guard g.spacingX == 1 else {
    for r in 0..<count {
      let x = pixel(x + r * g.strideX, g.spacingX, g.width)
      if x < 0 {
        to.clear(r..<(r + 1), run.length)
      } else {
        to.copy(r..<(r + 1), pixels + x * g.channels, 0, run.length)
      }
    }
    return
  }
  // Patches from `first` to `end` have all pixels of the run in the image, the others some or none.
  let room = g.width - run.pixels - x
  let first = x >= 0 ? 0 : min(count, (g.strideX - 1 - x) / g.strideX)
  let end = max(first, room < 0 ? 0 : min(count, room / g.strideX + 1))
  @inline(always)
  func gatherPart(_ r: Int) {
    let x = x + r * g.strideX
    let low = max(0, max(0, 0 - x) * g.depth - run.start)
    let high = min(run.length, min(run.pixels, g.width - x) * g.depth - run.start)
    to.clear(r..<(r + 1), run.length)
    if low < high {
      Rows(base: to.base + low, stride: to.stride).copy(r..<(r + 1), pixels + x * g.channels + low, 0, high - low)
    }
  }
  for r in 0..<first { gatherPart(r) }
  to.copy(first..<end, pixels + (x + first * g.strideX) * g.channels, g.strideX * g.channels, run.length)
  for r in end..<count { gatherPart(r) }
}

/// Rows to gather into.
private struct Rows {
  let base: UnsafeMutablePointer<Float>
  let stride: Int

  /// Copy `length` elements each from rows that lie `fromStride` apart.
  @inline(always)
  func copy(_ rows: Range<Int>, _ from: UnsafePointer<Float>, _ fromStride: Int, _ length: Int) {
    var (from, to) = (from, base + rows.lowerBound * stride)
    if length <= width {
      for _ in rows {
        store(load(from, length), to, length)
        (from, to) = (from + fromStride, to + stride)
      }
    } else {
      for _ in rows {
        forEachVector(length) { j, lanes in store(load(from + j, lanes), to + j, lanes) }
        (from, to) = (from + fromStride, to + stride)
      }
    }
  }

  @inline(always)
  func clear(_ rows: Range<Int>, _ length: Int) {
    for r in rows {
      let to = base + r * stride
      forEachVector(length) { j, lanes in store(.zero, to + j, lanes) }
    }
  }
}

/// The pixel at a place, -1 if there is none.
@inline(always)
private func pixel(_ place: Int, _ spacing: Int, _ count: Int) -> Int {
  if spacing == 1 { return place < count ? max(place, -1) : -1 }
  guard place >= 0, place % spacing == 0 else { return -1 }
  let index = place / spacing
  return index < count ? index : -1
}
