// Poolings beside the reference kernels: the greatest element to the bit, averages within their roundings.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct PoolingTests {
  private static let imageCount = 2

  private static func geometries(_ channels: Int) -> [PatchGeometry] {
    func geometry(_ down: Int, _ across: Int, _ height: Int, _ width: Int) -> PatchGeometry {
      PatchGeometry(
        height: 6, width: 5, channels: channels, depth: channels, patchesDown: down, patchesAcross: across,
        kernelHeight: height, kernelWidth: width)
    }
    var apart = geometry(3, 2, 2, 2)
    (apart.strideY, apart.strideX) = (2, 2)
    var padded = geometry(3, 5, 3, 3)
    (padded.strideY, padded.top, padded.left) = (2, 1, 1)
    return [apart, padded, geometry(1, 1, 6, 5)]
  }

  private struct Results<Scalar> {
    var greatest: [Scalar]
    var greatestGradient: [Scalar]
    var average: [Scalar]
    var averageGradient: [Scalar]
  }

  private func run<Scalar>(
    _ table: KernelTable<Scalar>, _ geometry: PatchGeometry, _ x: [Float], _ dY: [Float]
  ) -> Results<Scalar> where Scalar: BinaryFloatingPoint {
    let (x, dY) = (x.map { Scalar($0) }, dY.map { Scalar($0) })
    let empty = [Scalar](repeating: 99, count: dY.count)
    let none = [Scalar](repeating: 99, count: x.count)
    var r = Results(greatest: empty, greatestGradient: none, average: empty, averageGradient: none)
    withUnsafePointer(to: geometry) { geometry in
      table.maxPooling(geometry, Self.imageCount, x, &r.greatest)
      table.maxPoolingGradient(geometry, Self.imageCount, x, r.greatest, dY, &r.greatestGradient)
      table.averagePooling(geometry, Self.imageCount, x, &r.average)
      table.averagePoolingGradient(geometry, Self.imageCount, dY, &r.averageGradient)
    }
    return r
  }

  @Test("pooling", arguments: tables)
  func beside(_ table: KernelTable<Float>) {
    for channels in [1, 3, 4, 5, 8, 15, 16, 17, 33] {
      for geometry in Self.geometries(channels) {
        // Small integers, many of which are equal: the first of them gets the gradient.
        let x = SeededNumbers(1).seeded(Self.imageCount * 30 * channels, -4, 4).map { $0.rounded() }
        let dY = SeededNumbers(2).seeded(Self.imageCount * geometry.patchesDown * geometry.patchesAcross * channels)
        let (found, expected) = (run(table, geometry, x, dY), run(oracle, geometry, x, dY))
        let reference = run(KernelTable<Float>.reference, geometry, x, dY)
        #expect(sameBits(found.greatest, reference.greatest), "\(geometry)")
        #expect(sameBits(found.greatestGradient, reference.greatestGradient), "\(geometry)")
        // Sums of whole numbers are exact: a rounding of 1 / n, and one of the product.
        let average = worstError(found.average, expected.average) { 2 * u * abs(expected.average[$0]) }
        #expect(average.ratio <= 1, "\(geometry), index \(average.index)")
        // At most 9 patches meet at a pixel, whose gradients are below 1.
        let gradient = worstError(found.averageGradient, expected.averageGradient) { _ in 9 * 11 * u }
        #expect(gradient.ratio <= 1, "\(geometry), index \(gradient.index)")
      }
    }
  }

  @Test("NaN is the greatest", arguments: tables + [.reference])
  func notANumber(_ table: KernelTable<Float>) {
    let geometry = PatchGeometry(
      height: 2, width: 2, channels: 3, depth: 3, patchesDown: 1, patchesAcross: 1, kernelHeight: 2, kernelWidth: 2)
    let x: [Float] = [1, .nan, -.infinity, 3, 2, -.infinity, 2, 9, -.infinity, .nan, 1, -.infinity]
    var y = [Float](repeating: 0, count: 3)
    withUnsafePointer(to: geometry) { table.maxPooling($0, 1, x, &y) }
    #expect(y[0].isNaN && y[1].isNaN && y[2] == -.infinity)
  }
}
