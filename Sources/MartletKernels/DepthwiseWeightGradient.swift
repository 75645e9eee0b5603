// The gradient of a depthwise convolution by its kernel: sums over each row of patches, added in their order. Vectors
// run over the channels.

import CMartletCPU
import MartletKernelInterface

func depthwiseWeightGradient(
  _ d: DepthwiseArguments<Float>, _ x: UnsafePointer<Float>, _ dY: UnsafePointer<Float>,
  _ dW: UnsafeMutablePointer<Float>
) {
  let (g, multiplier) = (d.geometry, d.multiplier)
  let outputs = g.channels * multiplier
  for tap in 0..<(g.kernelHeight * g.kernelWidth) {
    (dW + tap * outputs + d.channels.lowerBound * multiplier).update(repeating: 0, count: d.channels.count * multiplier)
  }
  for row in 0..<(d.imageCount * g.patchesDown) {
    let (image, patchY) = row.quotientAndRemainder(dividingBy: g.patchesDown)
    let pixels = x + image * g.height * g.width * g.channels
    let gradient = dY + row * g.patchesAcross * outputs
    for ky in stride(from: 0, to: g.kernelHeight, by: 3) {
      for kx in stride(from: 0, to: g.kernelWidth, by: 3) {
        let taps = Taps(g, patchY, ky, kx)
        guard !taps.rows.isEmpty else { continue }
        let weights = dW + (ky * g.kernelWidth + kx) * outputs
        @inline(always)
        func addChannels(_ j: Int, _ lanes: Int) {
          let c = d.channels.lowerBound + j
          @inline(always)
          func element(_ offset: Int) -> Vector { load(pixels + c + offset, lanes) }
          add(g, taps, gradient + c, outputs, weights + c, lanes, pixels + c, element)
        }
        guard multiplier > 1 else {
          forEachVector(d.channels.count, addChannels)
          continue
        }
        for c in d.channels {
          @inline(always)
          func element(_ offset: Int) -> Vector { Vector(repeating: pixels[c + offset]) }
          @inline(always)
          func addKernels(_ m: Int, _ lanes: Int) {
            let j = c * multiplier + m
            add(g, taps, gradient + j, outputs, weights + j, lanes, pixels + c, element)
          }
          forEachVector(multiplier, addKernels)
        }
      }
    }
  }
}

/// Up to 3 x 3 taps of a kernel over a row of patches.
private struct Taps {
  /// Of the first tap in the first patch: its pixel, which may be outside the image.
  let y: Int
  let x: Int
  /// Those rows of taps that lie in the image, and how many columns there are.
  let rows: Range<Int>
  let columns: Int
  /// Those patches in which all nine taps lie in the image.
  let whole: Range<Int>

  init(_ g: PatchGeometry, _ patchY: Int, _ ky: Int, _ kx: Int) {
    y = patchY * g.strideY + ky * g.dilationY - g.top
    x = kx * g.dilationX - g.left
    let first = min(3, y >= 0 ? 0 : (g.dilationY - 1 - y) / g.dilationY)
    let end = y >= g.height ? 0 : min(3, g.kernelHeight - ky, (g.height - 1 - y) / g.dilationY + 1)
    rows = first..<max(first, end)
    columns = min(3, g.kernelWidth - kx)
    let last = g.width - 1 - x - 2 * g.dilationX
    guard rows.count == 3, columns == 3, last >= 0 else {
      whole = 0..<0
      return
    }
    let low = min(g.patchesAcross, x >= 0 ? 0 : (g.strideX - 1 - x) / g.strideX)
    whole = low..<max(low, min(g.patchesAcross, last / g.strideX + 1))
  }
}

/// Add the sums of a row of patches to the gradients of some taps, a vector of them.
///
/// - Parameters:
///   - pixels: of the image, from the first channel on.
///   - element: what is there, as a vector.
@inline(always)
private func add(
  _ g: PatchGeometry, _ taps: Taps, _ gradient: UnsafePointer<Float>, _ outputs: Int,
  _ dW: UnsafeMutablePointer<Float>, _ lanes: Int, _ pixels: UnsafePointer<Float>,
  _ element: (_ offset: Int) -> Vector
) {
  var sums: InlineArray<9, Vector> = [.zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero, .zero]
  let (down, across) = (g.dilationY * g.width * g.channels, g.dilationX * g.channels)
  /// The element of the first tap, which may be outside the image.
  @inline(always)
  func first(_ patch: Int) -> Int { (taps.y * g.width + taps.x + patch * g.strideX) * g.channels }
  @inline(always)
  func addEdge(_ patch: Int) {
    let (dZ, offset) = (load(gradient + patch * outputs, lanes), first(patch))
    forEachTap { ky, kx in
      let x = taps.x + patch * g.strideX + kx * g.dilationX
      guard taps.rows.contains(ky), kx < taps.columns, x >= 0, x < g.width else { return }
      sums[3 * ky + kx] = multiplyAdd(element(offset + ky * down + kx * across), dZ, sums[3 * ky + kx])
    }
  }
  for patch in 0..<taps.whole.lowerBound { addEdge(patch) }
  if g.strideX == 1, g.dilationX == 1 {
    // The next patch has two columns of this one.
    let offset = first(taps.whole.lowerBound)
    var columns: InlineArray<6, Vector> = [.zero, .zero, .zero, .zero, .zero, .zero]
    if !taps.whole.isEmpty {
      forEachRow { ky in
        columns[2 * ky] = element(offset + ky * down)
        columns[2 * ky + 1] = element(offset + ky * down + across)
      }
    }
    for patch in taps.whole {
      let (dZ, offset) = (load(gradient + patch * outputs, lanes), first(patch) + 2 * across)
      // The rows below come next; where only some channels of each pixel are read, a processor does not foresee them.
      martlet_prefetch_near(gradient + (patch + g.patchesAcross) * outputs)
      martlet_prefetch_near(pixels + offset + 3 * down)
      forEachRow { ky in
        let next = element(offset + ky * down)
        sums[3 * ky] = multiplyAdd(columns[2 * ky], dZ, sums[3 * ky])
        sums[3 * ky + 1] = multiplyAdd(columns[2 * ky + 1], dZ, sums[3 * ky + 1])
        sums[3 * ky + 2] = multiplyAdd(next, dZ, sums[3 * ky + 2])
        (columns[2 * ky], columns[2 * ky + 1]) = (columns[2 * ky + 1], next)
      }
    }
  } else {
    for patch in taps.whole {
      let (dZ, offset) = (load(gradient + patch * outputs, lanes), first(patch))
      forEachTap { ky, kx in
        sums[3 * ky + kx] = multiplyAdd(element(offset + ky * down + kx * across), dZ, sums[3 * ky + kx])
      }
    }
  }
  for patch in taps.whole.upperBound..<g.patchesAcross { addEdge(patch) }
  forEachTap { ky, kx in
    guard taps.rows.contains(ky), kx < taps.columns else { return }
    let weights = dW + (ky * g.kernelWidth + kx) * outputs
    store(load(weights, lanes) + sums[3 * ky + kx], weights, lanes)
  }
}

// Calls with constants: sums at constant places are registers.

@inline(always)
private func forEachRow(_ body: (_ ky: Int) -> Void) {
  body(0)
  body(1)
  body(2)
}

@inline(always)
private func forEachTap(_ body: (_ ky: Int, _ kx: Int) -> Void) {
  forEachRow { ky in
    body(ky, 0)
    body(ky, 1)
    body(ky, 2)
  }
}
