// Depthwise convolutions beside the reference kernels in double, over channels around the vector widths; and parts of
// the channels, which must not change a bit.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct DepthwiseTests {
  private static let channelCounts = [1, 3, 4, 5, 8, 15, 16, 17, 33]
  private static let imageCount = 2

  /// Windows over images of 6 x 5: plain, with padding, strides and dilation; larger than the image.
  private static func geometries(_ channels: Int) -> [PatchGeometry] {
    func geometry(_ down: Int, _ across: Int, _ height: Int, _ width: Int) -> PatchGeometry {
      PatchGeometry(
        height: 6, width: 5, channels: channels, depth: channels, patchesDown: down, patchesAcross: across,
        kernelHeight: height, kernelWidth: width)
    }
    var padded = geometry(3, 5, 3, 3)
    (padded.strideY, padded.top, padded.left) = (2, 1, 1)
    var dilated = geometry(4, 3, 2, 3)
    (dilated.dilationY, dilated.dilationX, dilated.strideX, dilated.left) = (3, 2, 2, 2)
    var large = geometry(6, 5, 13, 11)
    (large.top, large.left) = (6, 5)
    return [geometry(4, 4, 3, 2), padded, dilated, large]
  }

  /// Arrays of one case, and what a table makes of them.
  private struct Case {
    let geometry: PatchGeometry
    let multiplier: Int
    var outputs: Int { geometry.channels * multiplier }
    var pixelCount: Int { imageCount * geometry.height * geometry.width * geometry.channels }
    var patchCount: Int { imageCount * geometry.patchesDown * geometry.patchesAcross * outputs }
    var weightCount: Int { geometry.kernelHeight * geometry.kernelWidth * outputs }

    /// y, dX and dW, of all channels or of two parts.
    func run<Scalar>(
      _ table: KernelTable<Scalar>, inParts: Bool = false, magnitudes: Bool = false
    ) -> (y: [Scalar], dX: [Scalar], dW: [Scalar]) where Scalar: BinaryFloatingPoint {
      func numbers(_ seed: Int, _ count: Int) -> [Scalar] {
        SeededNumbers(seed).seeded(count).map { Scalar(magnitudes ? abs($0) : $0) }
      }
      let (x, dY) = (numbers(1, pixelCount), numbers(2, patchCount))
      let (weights, bias) = (numbers(3, weightCount), numbers(4, outputs))
      var y = [Scalar](repeating: 99, count: patchCount)
      var dX = [Scalar](repeating: 99, count: pixelCount)
      var dW = [Scalar](repeating: 99, count: weightCount)
      let middle = geometry.channels / 2
      for channels in inParts ? [0..<middle, middle..<geometry.channels] : [0..<geometry.channels] {
        weights.withUnsafeBufferPointer { w in
          let arguments = DepthwiseArguments(
            geometry: geometry, imageCount: imageCount, channels: channels, multiplier: multiplier,
            weights: w.baseAddress!)
          withAffine(nil, bias, nil, ActivationFunction(.linear)) { table.depthwise(arguments, x, $0.pointee, &y) }
          table.depthwiseInputGradient(arguments, dY, &dX)
          table.depthwiseWeightGradient(arguments, x, dY, &dW)
        }
      }
      return (y, dX, dW)
    }
  }

  /// What the epilogue makes of the bits of the convolution alone.
  @Test("depthwise convolution with scale, offset, residual and activation", arguments: tables)
  func affine(_ table: KernelTable<Float>) {
    for channels in Self.channelCounts {
      for geometry in Self.geometries(channels) {
        for multiplier in [1, 3] {
          let example = Case(geometry: geometry, multiplier: multiplier)
          let (x, weights) = (SeededNumbers(1).seeded(example.pixelCount), SeededNumbers(3).seeded(example.weightCount))
          let (scale, offset) = (SeededNumbers(4).seeded(example.outputs), SeededNumbers(5).seeded(example.outputs))
          let residual = SeededNumbers(6).seeded(example.patchCount)
          func convolved(_ e: UnsafePointer<AffineArguments<Float>>) -> [Float] {
            var y = [Float](repeating: 99, count: example.patchCount)
            weights.withUnsafeBufferPointer {
              let arguments = DepthwiseArguments(
                geometry: geometry, imageCount: Self.imageCount, channels: 0..<channels, multiplier: multiplier,
                weights: $0.baseAddress!)
              table.depthwise(arguments, x, e.pointee, &y)
            }
            return y
          }
          let sums = withAffine(nil, nil, nil, ActivationFunction(.linear), convolved)
          for f in affineFunctions {
            var expected = sums.enumerated().map { i, x in
              let (s, o) = (scale[i % example.outputs], offset[i % example.outputs])
              return (table.name == "baseline" ? x * s + o : o.addingProduct(x, s)) + residual[i]
            }
            expected.withUnsafeMutableBufferPointer {
              table.activation(f, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
            }
            let found = withAffine(scale, offset, residual, f, convolved)
            #expect(sameBits(found, expected), "\(f.kind), \(channels) channels, \(multiplier), \(geometry)")
          }
        }
      }
    }
  }

  @Test("depthwise convolution", arguments: tables)
  func beside(_ table: KernelTable<Float>) {
    for channels in Self.channelCounts {
      for geometry in Self.geometries(channels) {
        for multiplier in [1, 2, 19] { compare(table, Case(geometry: geometry, multiplier: multiplier)) }
      }
    }
  }

  /// Kernels go along a row in strides of 4 and 7 patches, and where pixels are missing at its ends otherwise.
  @Test("depthwise convolution of images of all small sizes", arguments: tables)
  func edges(_ table: KernelTable<Float>) {
    for channels in [1, 3, 16, 17, 33] {
      for width in [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15] {
        for (kernelHeight, kernelWidth) in [(3, 3), (2, 5)] {
          for (stride, dilation) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (2, 3)] {
            for padding in 0..<4 {
              let height = 1 + (width + padding + stride) % 5
              // Below and to the right as much as at the other sides, or one less.
              let down = height + 2 * padding - padding / 3 - (kernelHeight - 1) * dilation - 1
              let across = width + 2 * padding - padding / 3 - (kernelWidth - 1) * dilation - 1
              guard down >= 0, across >= 0 else { continue }
              var geometry = PatchGeometry(
                height: height, width: width, channels: channels, depth: channels, patchesDown: down / stride + 1,
                patchesAcross: across / stride + 1, kernelHeight: kernelHeight, kernelWidth: kernelWidth)
              (geometry.strideY, geometry.strideX) = (stride, stride)
              (geometry.dilationY, geometry.dilationX) = (dilation, dilation)
              (geometry.top, geometry.left) = (padding, padding)
              compare(table, Case(geometry: geometry, multiplier: 1 + (width + channels) % 6 / 5))
            }
          }
        }
      }
    }
  }

  private func compare(_ table: KernelTable<Float>, _ example: Case) {
    let geometry = example.geometry
    let (found, parts) = (example.run(table), example.run(table, inParts: true))
    let (expected, magnitudes) = (example.run(oracle), example.run(oracle, magnitudes: true))
    // A sum of n terms has the error n u of the sum of their magnitudes, with one u for the product.
    for (name, a, b, c, d, terms) in [
      ("y", found.y, parts.y, expected.y, magnitudes.y, geometry.kernelHeight * geometry.kernelWidth + 1),
      ("dX", found.dX, parts.dX, expected.dX, magnitudes.dX, example.weightCount),
      ("dW", found.dW, parts.dW, expected.dW, magnitudes.dW, example.patchCount / example.outputs),
    ] {
      let what = "\(name), \(geometry.channels) channels, \(example.multiplier), \(geometry)"
      #expect(sameBits(a, b), "\(what), in parts")
      let worst = worstError(a, c) { Double(terms + 1) * u * d[$0] }
      #expect(worst.ratio <= 1, "\(what), index \(worst.index)")
    }
  }

  /// Weights that are not finite must not be multiplied with the padding; nor may pixels beyond the image.
  @Test("taps outside the image do not count", arguments: tables)
  func outside(_ table: KernelTable<Float>) {
    for (width, channels) in [(4, 17), (7, 16), (14, 33)] {
      var geometry = PatchGeometry(
        height: 1, width: width, channels: channels, depth: channels, patchesDown: 1, patchesAcross: width,
        kernelHeight: 3, kernelWidth: 3)
      (geometry.top, geometry.left) = (1, 1)
      // The rows of taps above and below the image.
      var weights = [Float](repeating: .infinity, count: 9 * channels)
      for i in (3 * channels)..<(6 * channels) { weights[i] = 1 }
      let surroundings = 2 * channels
      let inner = surroundings..<(surroundings + width * channels)
      var x = [Float](repeating: .nan, count: inner.upperBound + surroundings)
      for i in inner { x[i] = 1 }
      var (y, dX) = ([Float](repeating: 99, count: inner.count), [Float](repeating: 99, count: inner.count))
      var dW = [Float](repeating: 99, count: 9 * channels)
      weights.withUnsafeBufferPointer { w in
        x.withUnsafeBufferPointer { x in
          let x = x.baseAddress! + surroundings
          let arguments = DepthwiseArguments(
            geometry: geometry, imageCount: 1, channels: 0..<channels, multiplier: 1, weights: w.baseAddress!)
          withAffine(nil, nil, nil, ActivationFunction(.linear)) { table.depthwise(arguments, x, $0.pointee, &y) }
          table.depthwiseInputGradient(arguments, x, &dX)
          table.depthwiseWeightGradient(arguments, x, x, &dW)
        }
      }
      let sums = (0..<inner.count).map { Float([0, width - 1].contains($0 / channels) ? 2 : 3) }
      #expect(y == sums && dX == sums)
      let counts = [0, 0, 0, width - 1, width, width - 1, 0, 0, 0]
      #expect(dW == counts.flatMap { [Float](repeating: Float($0), count: channels) })
    }
  }
}
