// Images in another size beside the reference kernels in double, over channels around the vector widths.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct ResizingTests {
  private static let imageCount = 2

  private func run<Scalar>(
    _ table: KernelTable<Scalar>, _ g: ResizeGeometry
  ) -> (y: [Scalar], dX: [Scalar]) where Scalar: BinaryFloatingPoint {
    let x = SeededNumbers(1).seeded(Self.imageCount * g.height * g.width * g.channels).map { Scalar($0) }
    let dY = SeededNumbers(2).seeded(Self.imageCount * g.resultHeight * g.resultWidth * g.channels).map { Scalar($0) }
    var (y, dX) = ([Scalar](repeating: 99, count: dY.count), [Scalar](repeating: 99, count: x.count))
    table.resize(g, Self.imageCount, x, &y)
    table.resizeGradient(g, Self.imageCount, dY, &dX)
    return (y, dX)
  }

  @Test("resizing", arguments: tables)
  func beside(_ table: KernelTable<Float>) {
    for channels in [1, 3, 4, 5, 8, 15, 16, 17, 33] {
      for (height, width) in [(4, 5), (8, 10), (3, 11), (1, 1), (9, 2)] {
        for interpolation in Interpolation.allCases {
          let g = ResizeGeometry(
            height: 4, width: 5, channels: channels, resultHeight: height, resultWidth: width,
            interpolation: interpolation)
          let (found, expected) = (run(table, g), run(oracle, g))
          // Weights of at most 1 that have two roundings, and as many for the sum of four products.
          let y = worstError(found.y, expected.y) { _ in 6 * u }
          #expect(y.ratio <= 1, "\(g), index \(y.index)")
          // As many elements of dY at most have a share of a pixel, each with those roundings.
          let count = Double((2 * height / 4 + 2) * (2 * width / 5 + 2))
          let dX = worstError(found.dX, expected.dX) { _ in count * (count + 6) * u }
          #expect(dX.ratio <= 1, "\(g), index \(dX.index)")
        }
      }
    }
  }
}
