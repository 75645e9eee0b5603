// The greatest and the average pixel of each patch of images, and their gradients. Vectors run over the channels.

import MartletKernelInterface

/// The pixels of a patch that lie in the image.
private struct PatchPixels {
  let rows: Range<Int>
  let columns: Range<Int>

  @inline(always)
  init(_ g: PatchGeometry, _ patchY: Int, _ patchX: Int) {
    let (top, left) = (patchY * g.strideY - g.top, patchX * g.strideX - g.left)
    rows = max(0, top)..<min(g.height, top + g.kernelHeight)
    columns = max(0, left)..<min(g.width, left + g.kernelWidth)
  }

  @inline(always)
  func forEach(_ g: PatchGeometry, _ body: (_ offset: Int) -> Void) {
    for y in rows {
      for x in columns { body((y * g.width + x) * g.channels) }
    }
  }
}

@inline(always)
private func forEachPatch(
  _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int,
  _ body: (_ image: Int, _ patch: Int, _ pixels: PatchPixels) -> Void
) {
  let g = geometry.pointee
  let imageSize = g.height * g.width * g.channels
  var patch = 0
  for image in 0..<imageCount {
    for patchY in 0..<g.patchesDown {
      for patchX in 0..<g.patchesAcross {
        body(image * imageSize, patch, PatchPixels(g, patchY, patchX))
        patch += g.channels
      }
    }
  }
}

func maxPooling(
  _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>
) {
  let g = geometry.pointee
  @inline(always)
  func pool(_ image: Int, _ patch: Int, _ pixels: PatchPixels) {
    // Four vectors at a time, as the way from pixel to pixel takes as long as a vector.
    let step = 4 * width
    var c = 0
    while c + step <= g.channels {
      var (m0, m1, m2, m3) = (Greatest(), Greatest(), Greatest(), Greatest())
      pixels.forEach(g) { offset in
        let pixel = x + image + offset + c
        m0.add(load(pixel))
        m1.add(load(pixel + width))
        m2.add(load(pixel + 2 * width))
        m3.add(load(pixel + 3 * width))
      }
      store(m0.value, y + patch + c)
      store(m1.value, y + patch + c + width)
      store(m2.value, y + patch + c + 2 * width)
      store(m3.value, y + patch + c + 3 * width)
      c += step
    }
    forEachVector(g.channels - c) { j, lanes in
      var greatest = Greatest()
      pixels.forEach(g) { offset in greatest.add(load(x + image + offset + c + j, lanes)) }
      store(greatest.value, y + patch + c + j, lanes)
    }
  }
  forEachPatch(geometry, imageCount, pool)
}

/// The greatest of some vectors, lane by lane; of equal ones the first. NaN is kept apart, so that numbers are compared
/// by the instruction for it, to which NaN is not the greatest.
private struct Greatest {
  private var number = Vector(repeating: -.infinity)
  private var isNaN = SIMDMask<IntegerVector>(repeating: false)

  @inline(always)
  init() {}

  @inline(always)
  mutating func add(_ x: Vector) {
    number = number.replacing(with: x, where: x .> number)
    isNaN = isNaN .| (x .!= x)
  }

  @inline(always)
  var value: Vector { number.replacing(with: Vector(repeating: .nan), where: isNaN) }
}

func maxPoolingGradient(
  _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>,
  _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>
) {
  let g = geometry.pointee
  dX.update(repeating: 0, count: imageCount * g.height * g.width * g.channels)
  @inline(always)
  func pool(_ image: Int, _ patch: Int, _ pixels: PatchPixels) {
    forEachVector(g.channels) { c, lanes in
      let greatest = load(y + patch + c, lanes)
      var rest = load(dY + patch + c, lanes)
      pixels.forEach(g) { offset in
        let p = image + offset + c
        let isGreatest = load(x + p, lanes) .== greatest
        let share = Vector.zero.replacing(with: rest, where: isGreatest)
        rest = rest.replacing(with: Vector.zero, where: isGreatest)
        store(load(dX + p, lanes) + share, dX + p, lanes)
      }
    }
  }
  forEachPatch(geometry, imageCount, pool)
}

func averagePooling(
  _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>
) {
  let g = geometry.pointee
  @inline(always)
  func pool(_ image: Int, _ patch: Int, _ pixels: PatchPixels) {
    let share = 1 / Float(pixels.rows.count * pixels.columns.count)
    forEachVector(g.channels) { c, lanes in
      var sum = Vector.zero
      pixels.forEach(g) { offset in sum += load(x + image + offset + c, lanes) }
      store(sum * share, y + patch + c, lanes)
    }
  }
  forEachPatch(geometry, imageCount, pool)
}

func averagePoolingGradient(
  _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ dY: UnsafePointer<Float>,
  _ dX: UnsafeMutablePointer<Float>
) {
  let g = geometry.pointee
  dX.update(repeating: 0, count: imageCount * g.height * g.width * g.channels)
  @inline(always)
  func pool(_ image: Int, _ patch: Int, _ pixels: PatchPixels) {
    let share = 1 / Float(pixels.rows.count * pixels.columns.count)
    forEachVector(g.channels) { c, lanes in
      let gradient = load(dY + patch + c, lanes) * share
      pixels.forEach(g) { offset in
        let p = image + offset + c
        store(load(dX + p, lanes) + gradient, dX + p, lanes)
      }
    }
  }
  forEachPatch(geometry, imageCount, pool)
}
