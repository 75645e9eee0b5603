// Patches of images become panels of A, which makes a matrix product a convolution. Patches are never written as a
// matrix: a strip of them is gathered into the L1 cache and goes on from there, or straight into the panel where the
// product is with their transpose.

import MartletKernelInterface

/// A panel of A from `patches` of the images at `a`: `lines` <= MR rows of op(A) from `row` on, kc columns from `column`
/// on.
func packPatches(
  _ images: UnsafePointer<Float>, _ patches: UnsafePointer<Patches>, row: Int, column: Int, lines: Int, kc: Int,
  through strip: UnsafeMutablePointer<Float>, into panel: UnsafeMutablePointer<Float>
) {
  let (patch, element) = (patches.pointee.firstPatch, patches.pointee.firstElement)
  withUnsafePointer(to: patches.pointee.geometry) { geometry in
    if patches.pointee.isTransposed {
      if lines < MR { panel.update(repeating: 0, count: MR * kc) }
      gatherPatches(
        images, geometry, patch: patch + column, count: kc, elements: (element + row)..<(element + row + lines),
        into: panel, stride: MR)
    } else {
      gatherPatches(
        images, geometry, patch: patch + row, count: lines, elements: (element + column)..<(element + column + kc),
        into: strip, stride: KC)
      packPanel(
        MR, strip, lines: lines, readLines: computedRows(lines), kc: kc, lineStride: KC, kStride: 1, into: panel)
    }
  }
}

/// Write some elements of `count` patches, a row of `stride` for each.
@inline(never)
private func gatherPatches(
  _ images: UnsafePointer<Float>, _ geometry: UnsafePointer<PatchGeometry>, patch: Int, count: Int,
  elements: Range<Int>, into destination: UnsafeMutablePointer<Float>, stride: Int
) {
  let g = geometry.pointee
  // Pixels side by side in a patch that are so in the image make one run.
  let joins = g.dilationX == 1 && g.spacingX == 1 && g.depth == g.channels
  let runPixels = joins ? g.kernelWidth : 1
  let runLength = runPixels * g.depth
  var element = elements.lowerBound
  while element < elements.upperBound {
    let (index, start) = element.quotientAndRemainder(dividingBy: runLength)
    let length = min(runLength - start, elements.upperBound - element)
    let (ky, kx) = joins ? (index, 0) : index.quotientAndRemainder(dividingBy: g.kernelWidth)
    gatherRun(
      Run(
        offsetY: ky * g.dilationY - g.top, offsetX: kx * g.dilationX - g.left, pixels: runPixels, start: start,
        length: length),
      images, geometry, patch: patch, count: count,
      into: destination + (element - elements.lowerBound), stride: stride)
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

@inline(always)
private func gatherRun(
  _ run: Run, _ images: UnsafePointer<Float>, _ geometry: UnsafePointer<PatchGeometry>, patch: Int, count: Int,
  into destination: UnsafeMutablePointer<Float>, stride: Int
) {
  let g = geometry.pointee
  let perImage = g.patchesDown * g.patchesAcross
  var (image, place) = patch.quotientAndRemainder(dividingBy: perImage)
  var patchY = place / g.patchesAcross
  place -= patchY * g.patchesAcross
  var patchX = place
  var to = destination
  for _ in 0..<count {
    let y = pixel(patchY * g.strideY + run.offsetY, g.spacingY, g.height)
    let x =
      run.pixels == 1
      ? pixel(patchX * g.strideX + run.offsetX, g.spacingX, g.width) : patchX * g.strideX + run.offsetX
    // Those elements of the run that lie in the image.
    let (first, end) =
      y < 0 || (run.pixels == 1 && x < 0)
      ? (0, 0)
      : (
        max(0, -x) * g.depth - run.start,
        min(run.length, (run.pixels == 1 ? 1 : min(run.pixels, g.width - x)) * g.depth - run.start)
      )
    let from = images + ((image * g.height + y) * g.width + x) * g.channels + run.start
    if first <= 0 && end == run.length {
      forEachVector(run.length) { j, lanes in store(load(from + j, lanes), to + j, lanes) }
    } else {
      forEachVector(run.length) { j, lanes in store(.zero, to + j, lanes) }
      if first < end {
        let first = max(0, first)
        forEachVector(end - first) { j, lanes in store(load(from + first + j, lanes), to + first + j, lanes) }
      }
    }
    to += stride
    patchX += 1
    if patchX == g.patchesAcross {
      (patchX, patchY) = (0, patchY + 1)
      if patchY == g.patchesDown { (patchY, image) = (0, image + 1) }
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
