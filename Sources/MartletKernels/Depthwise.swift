// Depthwise convolutions: each channel of an image with kernels of its own. There is nothing to multiply matrices for, as
// each element of a patch meets one weight; vectors run over the channels.

import MartletKernelInterface

/// Those taps of a kernel that lie in the image, on one axis, of a patch that begins at `first`.
@inline(always)
private func taps(_ kernel: Int, first: Int, dilation: Int, length: Int) -> Range<Int> {
  let low = first >= 0 ? 0 : (dilation - 1 - first) / dilation
  let high = first >= length ? 0 : min(kernel, (length - 1 - first) / dilation + 1)
  return min(low, max(high, 0))..<max(high, 0)
}

/// Call `body` for each patch with its place in y, and with what calls its argument for each tap in the image: the tap's
/// place in x, and in the weights.
@inline(always)
private func forEachPatch(
  _ g: PatchGeometry, _ images: Int, outputs: Int,
  _ body: (_ patch: Int, _ forEachTap: ((_ pixel: Int, _ weight: Int) -> Void) -> Void) -> Void
) {
  for image in 0..<images {
    for patchY in 0..<g.patchesDown {
      let y = patchY * g.strideY - g.top
      let down = taps(g.kernelHeight, first: y, dilation: g.dilationY, length: g.height)
      for patchX in 0..<g.patchesAcross {
        let x = patchX * g.strideX - g.left
        let across = taps(g.kernelWidth, first: x, dilation: g.dilationX, length: g.width)
        @inline(always)
        func forEachTap(_ body: (_ pixel: Int, _ weight: Int) -> Void) {
          for ky in down {
            for kx in across {
              let pixel = (image * g.height + y + ky * g.dilationY) * g.width + x + kx * g.dilationX
              body(pixel * g.channels, (ky * g.kernelWidth + kx) * outputs)
            }
          }
        }
        body(((image * g.patchesDown + patchY) * g.patchesAcross + patchX) * outputs, forEachTap)
      }
    }
  }
}

func depthwise(
  _ d: DepthwiseArguments<Float>, _ x: UnsafePointer<Float>, _ e: AffineArguments<Float>,
  _ y: UnsafeMutablePointer<Float>
) {
  let (channels, multiplier, weights) = (d.channels, d.multiplier, d.weights)
  let isAffine = e.scale != nil || e.offset != nil || e.residual != nil
  /// Make values of the sums of a patch, which are in the L1 cache.
  @inline(always)
  func finish(_ patch: Int) {
    let (first, count) = (channels.lowerBound * multiplier, channels.count * multiplier)
    let part = y + patch + first
    if isAffine {
      forEachVector(count) { j, lanes in
        let z = affine(e, load(part + j, lanes), column: first + j, element: patch + first + j, lanes)
        store(z, part + j, lanes)
      }
    }
    switch e.activation.kind {
    case .linear: break
    default: activation(e.activation, part, part, count)
    }
  }
  @inline(always)
  func convolve(_ patch: Int, _ forEachTap: ((_ pixel: Int, _ weight: Int) -> Void) -> Void) {
    if multiplier == 1 {
      // Four vectors at a time, as the way from tap to tap takes as long as a vector.
      let step = 4 * width
      var c = channels.lowerBound
      while c + step <= channels.upperBound {
        var (s0, s1, s2, s3) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        forEachTap { pixel, weight in
          let (p, w) = (x + pixel + c, weights + weight + c)
          s0 = multiplyAdd(load(p), load(w), s0)
          s1 = multiplyAdd(load(p + width), load(w + width), s1)
          s2 = multiplyAdd(load(p + 2 * width), load(w + 2 * width), s2)
          s3 = multiplyAdd(load(p + 3 * width), load(w + 3 * width), s3)
        }
        store(s0, y + patch + c)
        store(s1, y + patch + c + width)
        store(s2, y + patch + c + 2 * width)
        store(s3, y + patch + c + 3 * width)
        c += step
      }
      forEachVector(channels.upperBound - c) { j, lanes in
        var sum = Vector.zero
        forEachTap { pixel, weight in
          sum = multiplyAdd(load(x + pixel + c + j, lanes), load(weights + weight + c + j, lanes), sum)
        }
        store(sum, y + patch + c + j, lanes)
      }
    } else {
      for c in channels {
        forEachVector(multiplier) { m, lanes in
          let j = c * multiplier + m
          var sum = Vector.zero
          forEachTap { pixel, weight in
            sum = multiplyAdd(Vector(repeating: x[pixel + c]), load(weights + weight + j, lanes), sum)
          }
          store(sum, y + patch + j, lanes)
        }
      }
    }
    finish(patch)
  }
  forEachPatch(d.geometry, d.imageCount, outputs: d.geometry.channels * multiplier, convolve)
}

func depthwiseInputGradient(
  _ d: DepthwiseArguments<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>
) {
  let (first, multiplier, g) = (d.channels.lowerBound, d.multiplier, d.geometry)
  for pixel in 0..<(d.imageCount * g.height * g.width) {
    (dX + pixel * g.channels + first).update(repeating: 0, count: d.channels.count)
  }
  forEachPatch(g, d.imageCount, outputs: g.channels * multiplier) { patch, forEachTap in
    if multiplier == 1 {
      forEachVector(d.channels.count) { j, lanes in
        let c = first + j
        let gradient = load(dY + patch + c, lanes)
        forEachTap { pixel, weight in
          let p = dX + pixel + c
          store(multiplyAdd(gradient, load(d.weights + weight + c, lanes), load(p, lanes)), p, lanes)
        }
      }
    } else {
      for c in d.channels {
        forEachTap { pixel, weight in
          var sum = dX[pixel + c]
          for j in (c * multiplier)..<((c + 1) * multiplier) { sum += dY[patch + j] * d.weights[weight + j] }
          dX[pixel + c] = sum
        }
      }
    }
  }
}

func depthwiseWeightGradient(
  _ d: DepthwiseArguments<Float>, _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>,
  _ dW: UnsafeMutablePointer<Float>
) {
  let (first, multiplier, g) = (d.channels.lowerBound, d.multiplier, d.geometry)
  let outputs = g.channels * multiplier
  for ky in 0..<g.kernelHeight {
    for kx in 0..<g.kernelWidth {
      let weights = dW + (ky * g.kernelWidth + kx) * outputs
      if multiplier == 1 {
        forEachVector(d.channels.count) { j, lanes in
          let c = first + j
          let sum = sumOverPatches(d, ky, kx) { pixel, patch, sum in
            multiplyAdd(load(x + pixel + c, lanes), load(dY + patch + c, lanes), sum)
          }
          store(sum, weights + c, lanes)
        }
      } else {
        for c in d.channels {
          forEachVector(multiplier) { m, lanes in
            let j = c * multiplier + m
            let sum = sumOverPatches(d, ky, kx) { pixel, patch, sum in
              multiplyAdd(Vector(repeating: x[pixel + c]), load(dY + patch + j, lanes), sum)
            }
            store(sum, weights + j, lanes)
          }
        }
      }
    }
  }
}

/// The sum of what `add` adds for each patch whose tap lies in the image: row by row of patches.
@inline(always)
private func sumOverPatches(
  _ d: DepthwiseArguments<Float>, _ ky: Int, _ kx: Int,
  _ add: (_ pixel: Int, _ patch: Int, _ sum: Vector) -> Vector
) -> Vector {
  let g = d.geometry
  let outputs = g.channels * d.multiplier
  var total = Vector.zero
  for image in 0..<d.imageCount {
    for patchY in 0..<g.patchesDown {
      let y = patchY * g.strideY + ky * g.dilationY - g.top
      guard y >= 0, y < g.height else { continue }
      var sum = Vector.zero
      for patchX in 0..<g.patchesAcross {
        let x = patchX * g.strideX + kx * g.dilationX - g.left
        guard x >= 0, x < g.width else { continue }
        let patch = (image * g.patchesDown + patchY) * g.patchesAcross + patchX
        sum = add(((image * g.height + y) * g.width + x) * g.channels, patch * outputs, sum)
      }
      total += sum
    }
  }
  return total
}
