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
  _ d: DepthwiseArguments<Float>, _ x: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, _ f: ActivationFunction,
  _ y: UnsafeMutablePointer<Float>
) {
  let (first, multiplier) = (d.channels.lowerBound, d.multiplier)
  let outputs = d.geometry.channels * multiplier
  forEachPatch(d.geometry, d.imageCount, outputs: outputs) { patch, forEachTap in
    if multiplier == 1 {
      forEachVector(d.channels.count) { j, lanes in
        let c = first + j
        var sum = bias.map { load($0 + c, lanes) } ?? .zero
        forEachTap { pixel, weight in
          sum = multiplyAdd(load(x + pixel + c, lanes), load(d.weights + weight + c, lanes), sum)
        }
        store(sum, y + patch + c, lanes)
      }
    } else {
      for c in d.channels {
        forEachVector(multiplier) { m, lanes in
          let j = c * multiplier + m
          var sum = bias.map { load($0 + j, lanes) } ?? .zero
          forEachTap { pixel, weight in
            sum = multiplyAdd(Vector(repeating: x[pixel + c]), load(d.weights + weight + j, lanes), sum)
          }
          store(sum, y + patch + j, lanes)
        }
      }
    }
    let part = y + patch + first * multiplier
    switch f.kind {
    case .linear: break
    default: activation(f, part, part, d.channels.count * multiplier)
    }
  }
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
