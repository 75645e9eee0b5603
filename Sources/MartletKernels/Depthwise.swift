// Depthwise convolutions: each channel of an image with kernels of its own. There is nothing to multiply matrices for,
// as each element of a patch meets one weight; vectors run over the channels. The gradient by the input is a
// convolution again, of what lies around a pixel in dY by the kernel the other way round.

import CMartletCPU
import MartletKernelInterface

/// What meets what: images, their patches, and the weights of a kernel, tap by tap.
private struct Filters {
  var geometry: PatchGeometry
  var imageCount: Int
  var channels: Range<Int>
  /// Of the first tap, and how far apart those of two taps are.
  var weights: UnsafePointer<Float>
  var weightStride: Int
  /// From tap to tap.
  var stepY: Place
  var stepX: Place

  init(_ d: DepthwiseArguments<Float>) {
    (geometry, imageCount, channels, weights) = (d.geometry, d.imageCount, d.channels, d.weights)
    weightStride = geometry.channels * d.multiplier
    stepY = Place(geometry.dilationY, spacing: geometry.spacingY)
    stepX = Place(geometry.dilationX, spacing: geometry.spacingX)
  }

  /// Those of the gradient by the input: over dY, and from the last tap to the first.
  init(gradientOf d: DepthwiseArguments<Float>) {
    var transposed = d
    let outputs = d.geometry.channels * d.multiplier
    transposed.geometry = d.geometry.transposed(channels: outputs, depth: outputs)
    self.init(transposed)
    weightStride = -outputs
    weights += (geometry.kernelHeight * geometry.kernelWidth - 1) * outputs
  }
}

/// A place on an axis whose pixels are `spacing` places apart: the pixel there or before it, and how far that is away.
private struct Place {
  var pixel: Int
  var rest = 0

  @inline(always)
  init(_ place: Int, spacing: Int) {
    pixel = place
    guard spacing > 1 else { return }
    (pixel, rest) = place.quotientAndRemainder(dividingBy: spacing)
    if rest < 0 { (pixel, rest) = (pixel - 1, rest + spacing) }
  }

  @inline(always)
  mutating func advance(by step: Place, spacing: Int) {
    (pixel, rest) = (pixel + step.pixel, rest + step.rest)
    if rest >= spacing { (pixel, rest) = (pixel + 1, rest - spacing) }
  }
}

/// Where a patch begins, and with it a run of them along a row.
private struct PatchRun {
  let top: Place
  let left: Place

  @inline(always)
  init(_ filters: Filters, _ patchY: Int, _ patchX: Int) {
    let g = filters.geometry
    top = Place(patchY * g.strideY - g.top, spacing: g.spacingY)
    left = Place(patchX * g.strideX - g.left, spacing: g.spacingX)
  }
}

/// Call `body` for each tap of a kernel on one axis that meets a pixel, which may be outside the image.
@inline(always)
private func forEachTap(
  _ kernel: Int, from first: Place, step: Place, spacing: Int, _ body: (_ tap: Int, _ pixel: Int) -> Void
) {
  var place = first
  for tap in 0..<kernel {
    if place.rest == 0 { body(tap, place.pixel) }
    place.advance(by: step, spacing: spacing)
  }
}

func depthwise(
  _ d: DepthwiseArguments<Float>, _ x: UnsafePointer<Float>, _ e: AffineArguments<Float>,
  _ y: UnsafeMutablePointer<Float>
) {
  let (filters, multiplier) = (Filters(d), d.multiplier)
  guard multiplier > 1 else { return convolveEach(filters, x, e, y) }
  let (first, count) = (d.channels.lowerBound * multiplier, d.channels.count * multiplier)
  @inline(always)
  func convolve(_ patch: Int, _ forEachTap: ((_ pixel: Int, _ weights: UnsafePointer<Float>) -> Void) -> Void) {
    let part = patch * d.geometry.channels * multiplier
    for c in d.channels {
      forEachVector(multiplier) { m, lanes in
        let j = c * multiplier + m
        var sum = Vector.zero
        forEachTap { pixel, weights in
          let element = Vector(repeating: x[pixel * d.geometry.channels + c])
          sum = multiplyAdd(element, load(weights + j, lanes), sum)
        }
        store(affine(e, sum, column: j, element: part + j, lanes), y + part + j, lanes)
      }
    }
    finish(e, y + part + first, count)
  }
  forEachPatch(filters, convolve)
}

func depthwiseInputGradient(
  _ d: DepthwiseArguments<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>
) {
  let (filters, multiplier) = (Filters(gradientOf: d), d.multiplier)
  guard multiplier > 1 else {
    return convolveEach(filters, dY, AffineArguments(activation: ActivationFunction(.linear)), dX)
  }
  @inline(always)
  func collect(_ pixel: Int, _ forEachTap: ((_ patch: Int, _ weights: UnsafePointer<Float>) -> Void) -> Void) {
    for c in d.channels {
      var sum: Float = 0
      forEachTap { patch, weights in
        let gradient = dY + patch * d.geometry.channels * multiplier
        for j in (c * multiplier)..<((c + 1) * multiplier) { sum += gradient[j] * weights[j] }
      }
      dX[pixel * d.geometry.channels + c] = sum
    }
  }
  forEachPatch(filters, collect)
}

/// Call `body` for each patch, with what calls its argument for each tap in the image: with its pixel and its weights.
@inline(always)
private func forEachPatch(
  _ filters: Filters,
  _ body: (_ patch: Int, _ forEachTap: ((_ pixel: Int, _ weights: UnsafePointer<Float>) -> Void) -> Void) -> Void
) {
  let g = filters.geometry
  let patchCount = g.patchesDown * g.patchesAcross
  for patch in 0..<(filters.imageCount * patchCount) {
    let (image, place) = patch.quotientAndRemainder(dividingBy: patchCount)
    let (patchY, patchX) = place.quotientAndRemainder(dividingBy: g.patchesAcross)
    let run = PatchRun(filters, patchY, patchX)
    @inline(always)
    func forEachTapInImage(_ body: (_ pixel: Int, _ weights: UnsafePointer<Float>) -> Void) {
      forEachRow(filters, run) { y, weights in
        forEachTap(g.kernelWidth, from: run.left, step: filters.stepX, spacing: g.spacingX) { kx, x in
          guard x >= 0, x < g.width else { return }
          body((image * g.height + y) * g.width + x, weights + kx * filters.weightStride)
        }
      }
    }
    body(patch, forEachTapInImage)
  }
}

/// Call `body` for each row of taps in the image, with the row of the image and the first weights.
@inline(always)
private func forEachRow(
  _ filters: Filters, _ run: PatchRun, _ body: (_ y: Int, _ weights: UnsafePointer<Float>) -> Void
) {
  let g = filters.geometry
  forEachTap(g.kernelHeight, from: run.top, step: filters.stepY, spacing: g.spacingY) { ky, y in
    guard y >= 0, y < g.height else { return }
    body(y, filters.weights + ky * g.kernelWidth * filters.weightStride)
  }
}

/// Apply the activation to sums that are in the L1 cache.
@inline(always)
private func finish(_ e: AffineArguments<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  switch e.activation.kind {
  case .linear: break
  default: activation(e.activation, y, y, count)
  }
}

// MARK: One kernel for each channel

/// The sums of up to 7 patches of a row: networks for images of 224 x 224 have rows of 7 and its multiples.
private typealias PatchSums = InlineArray<7, Vector>
private var zeros: PatchSums { @inline(always) get { [.zero, .zero, .zero, .zero, .zero, .zero, .zero] } }

/// Call `body` for each of 4 or 7 patches with constants, as sums at constant places are registers.
@inline(always)
private func forEachPatch(of atOnce: Int, _ body: (_ t: Int) -> Void) {
  body(0)
  body(1)
  body(2)
  body(3)
  guard atOnce == 7 else { return }
  body(4)
  body(5)
  body(6)
}

private func convolveEach(
  _ filters: Filters, _ x: UnsafePointer<Float>, _ e: AffineArguments<Float>, _ y: UnsafeMutablePointer<Float>
) {
  let g = filters.geometry
  for image in 0..<filters.imageCount {
    let pixels = x + image * g.height * g.width * g.channels
    for patchY in 0..<g.patchesDown {
      // Patches that are `spacingX` apart belong together: the same taps of theirs meet pixels.
      for phase in 0..<min(g.spacingX, g.patchesAcross) {
        let patches = (g.patchesAcross - phase + g.spacingX - 1) / g.spacingX
        let atOnce = (patches + 6) / 7 * 7 <= (patches + 3) / 4 * 4 ? 7 : 4
        for first in stride(from: 0, to: patches, by: atOnce) {
          // The last ones begin earlier rather than being fewer: some are computed twice.
          let patchX = phase + max(0, min(first, patches - atOnce)) * g.spacingX
          let run = PatchRun(filters, patchY, patchX)
          let place = ((image * g.patchesDown + patchY) * g.patchesAcross + patchX) * g.channels
          if atOnce == 7 {
            convolve(filters, run, atOnce: 7, count: min(7, patches), pixels, e, y, place)
          } else {
            convolve(filters, run, atOnce: 4, count: min(4, patches), pixels, e, y, place)
          }
        }
      }
    }
  }
}

/// Compute the patches of a run, all channels of them.
///
/// - Parameters:
///   - atOnce: a constant; `count` of them are there.
///   - place: of the first of them in y.
@inline(always)
private func convolve(
  _ filters: Filters, _ run: PatchRun, atOnce: Int, count: Int, _ pixels: UnsafePointer<Float>,
  _ e: AffineArguments<Float>, _ y: UnsafeMutablePointer<Float>, _ place: Int
) {
  let (g, channels) = (filters.geometry, filters.channels)
  let slides =
    g.kernelWidth == 3 && g.strideX == 1 && g.dilationX == 1 && g.spacingX == 1 && run.left.pixel >= -1
    && run.left.pixel + atOnce < g.width
  let apart = g.spacingX * g.channels
  // The lowest row of what the next run meets, which nobody has read: so many pixels side by side are more than a
  // processor foresees.
  let lowest = max(0, min(g.height - 1, run.top.pixel + (g.kernelHeight - 1) * filters.stepY.pixel))
  let next = pixels + (lowest * g.width + run.left.pixel + atOnce * g.strideX + g.kernelWidth - 1) * g.channels
  @inline(always)
  func prefetch(_ next: UnsafePointer<Float>) {
    forEachPatch(of: atOnce) { t in martlet_prefetch_near(next + t * g.strideX * g.channels) }
  }
  forEachVector(channels.count) { j, lanes in
    let c = channels.lowerBound + j
    if j % 16 == 0 {
      prefetch(next + c)
      if g.strideX > 1 { prefetch(next + g.channels + c) }
      if g.strideY > 1 {
        prefetch(next - g.width * g.channels + c)
        prefetch(next - (g.width - 1) * g.channels + c)
      }
    }
    let sums =
      slides
      ? slidingSums(filters, run, atOnce, pixels + c, c, lanes) : sums(filters, run, atOnce, pixels + c, c, lanes)
    forEachPatch(of: atOnce) { t in
      guard t < count else { return }
      let i = place + t * apart + c
      store(affine(e, sums[t], column: c, element: i, lanes), y + i, lanes)
    }
  }
  for t in 0..<count { finish(e, y + place + t * apart + channels.lowerBound, channels.count) }
}

/// Tap by tap.
@inline(always)
private func sums(
  _ filters: Filters, _ run: PatchRun, _ atOnce: Int, _ pixels: UnsafePointer<Float>, _ c: Int, _ lanes: Int
) -> PatchSums {
  let g = filters.geometry
  let apart = g.strideX * g.channels
  var sums = zeros
  forEachRow(filters, run) { y, weights in
    forEachTap(g.kernelWidth, from: run.left, step: filters.stepX, spacing: g.spacingX) { kx, x in
      let source = pixels + (y * g.width + x) * g.channels
      let w = load(weights + kx * filters.weightStride + c, lanes)
      if x >= 0, x + (atOnce - 1) * g.strideX < g.width {
        forEachPatch(of: atOnce) { t in sums[t] = multiplyAdd(load(source + t * apart, lanes), w, sums[t]) }
      } else {
        forEachPatch(of: atOnce) { t in
          guard x + t * g.strideX >= 0, x + t * g.strideX < g.width else { return }
          sums[t] = multiplyAdd(load(source + t * apart, lanes), w, sums[t])
        }
      }
    }
  }
  return sums
}

/// Those of three taps side by side: pixel by pixel, each of which is loaded once for all patches it lies in. All
/// pixels but the first and the last must lie in the image.
@inline(always)
private func slidingSums(
  _ filters: Filters, _ run: PatchRun, _ atOnce: Int, _ pixels: UnsafePointer<Float>, _ c: Int, _ lanes: Int
) -> PatchSums {
  let (g, left) = (filters.geometry, run.left.pixel)
  let (hasFirst, hasLast) = (left >= 0, left + atOnce + 1 < g.width)
  var sums = zeros
  forEachRow(filters, run) { y, weights in
    let (source, weights) = (pixels + (y * g.width + left) * g.channels, weights + c)
    let w0 = load(weights, lanes)
    let w1 = load(weights + filters.weightStride, lanes)
    let w2 = load(weights + 2 * filters.weightStride, lanes)
    if hasFirst { sums[0] = multiplyAdd(load(source, lanes), w0, sums[0]) }
    forEachPatch(of: atOnce) { t in
      let pixel = load(source + (t + 1) * g.channels, lanes)
      if t + 1 < atOnce { sums[t + 1] = multiplyAdd(pixel, w0, sums[t + 1]) }
      sums[t] = multiplyAdd(pixel, w1, sums[t])
      if t > 0 { sums[t - 1] = multiplyAdd(pixel, w2, sums[t - 1]) }
    }
    if hasLast {
      sums[atOnce - 1] = multiplyAdd(load(source + (atOnce + 1) * g.channels, lanes), w2, sums[atOnce - 1])
    }
  }
  return sums
}
