// Images seen through affine maps beside the reference kernels in double, over channels around the vector widths.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct SamplingTests {
  /// One for each image; multiples of 1/64, so that places are the same in float and in double. As they are, flipped
  /// and moved by halves, enlarged, made so small that an image is seen several times, turned and far away, one pixel only.
  private static let maps: [Float] = [
    1, 0, 0, 0, 1, 0,
    -1, 0, 4.5, 0, -1, 2.5,
    0.34375, 0.0625, 0.71875, -0.0625, 0.265625, 0.84375,
    2.5, 0, -7.25, 0, 3.125, -9.5,
    0.5, -0.875, 15.015625, 0.875, 0.5, -11.984375,
    0, 0, 2, 0, 0, 3,
  ]
  private static let imageCount = maps.count / SampleGeometry.mapCount

  private func run<Scalar>(
    _ table: KernelTable<Scalar>, _ g: SampleGeometry
  ) -> (y: [Scalar], dX: [Scalar]) where Scalar: BinaryFloatingPoint {
    let x = SeededNumbers(1).seeded(Self.imageCount * g.sizes.imageSize).map { Scalar($0) }
    let dY = SeededNumbers(2).seeded(Self.imageCount * g.sizes.resultSize).map { Scalar($0) }
    var (y, dX) = ([Scalar](repeating: 99, count: dY.count), [Scalar](repeating: 99, count: x.count))
    let maps = Self.maps.map { Scalar($0) }
    table.sample(g, Self.imageCount, maps, x, &y)
    table.sampleGradient(g, Self.imageCount, maps, dY, &dX)
    return (y, dX)
  }

  @Test("sampling", arguments: tables)
  func beside(_ table: KernelTable<Float>) {
    for channels in [1, 3, 4, 5, 8, 15, 16, 17, 33] {
      for (height, width) in [(4, 5), (3, 11), (1, 1)] {
        for interpolation in Interpolation.allCases {
          for fillMode in FillMode.allCases {
            let g = SampleGeometry(
              ResizeGeometry(
                height: 4, width: 5, channels: channels, resultHeight: height, resultWidth: width,
                interpolation: interpolation), fillMode, fillValue: 0.6)
            let (found, expected) = (run(table, g), run(oracle, g))
            // Weights of at most 1 that have two roundings, and as many for the sum of four products.
            let y = worstError(found.y, expected.y) { _ in 6 * u }
            #expect(y.ratio <= 1, "\(g), index \(y.index)")
            // All elements of dY may have a share of a pixel, four times, each with those roundings.
            let count = Double(4 * height * width)
            let dX = worstError(found.dX, expected.dX) { _ in count * (count + 6) * u }
            #expect(dX.ratio <= 1, "\(g), index \(dX.index)")
          }
        }
      }
    }
  }

  /// What is seen beyond the borders, as the comments of `FillMode` draw it.
  @Test(arguments: [
    (FillMode.constant, [9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9]),
    (.nearest, [1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4]),
    (.reflect, [3, 4, 4, 3, 2, 1, 1, 2, 3, 4, 4, 3, 2, 1, 1, 2]),
    (.wrap, [3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2]),
  ])
  func beyondTheBorders(_ mode: FillMode, _ expected: [Float]) {
    for table in tables {
      for interpolation in Interpolation.allCases {
        let g = SampleGeometry(
          ResizeGeometry(
            height: 1, width: 4, channels: 1, resultHeight: 1, resultWidth: 16, interpolation: interpolation),
          mode, fillValue: 9)
        var y = [Float](repeating: 0, count: 16)
        table.sample(g, 1, [1, 0, -6, 0, 1, 0], [1, 2, 3, 4], &y)
        #expect(y == expected)
      }
    }
  }
}
