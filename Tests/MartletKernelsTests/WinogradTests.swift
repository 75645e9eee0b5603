// Convolutions by tiles: each transform beside the reference kernels in double, in parts, which must not change a bit;
// and a whole convolution beside its definition, to within a bound that holds for any numbers.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct WinogradTests {
  private static let channelCounts = [1, 3, 4, 5, 8, 15, 16, 17, 33]
  private static let imageCount = 2

  /// Images with even and odd results, without padding and with it, also more than a tile is wide.
  private static func geometries(_ channels: Int) -> [PatchGeometry] {
    func geometry(_ height: Int, _ width: Int, _ top: Int, _ left: Int, _ down: Int, _ across: Int) -> PatchGeometry {
      var g = PatchGeometry(
        height: height, width: width, channels: channels, depth: channels, patchesDown: down, patchesAcross: across,
        kernelHeight: 3, kernelWidth: 3)
      (g.top, g.left) = (top, left)
      return g
    }
    return [
      geometry(6, 5, 1, 1, 6, 5), geometry(4, 6, 0, 0, 2, 4), geometry(5, 5, 0, 0, 3, 3), geometry(1, 1, 1, 1, 1, 1),
      geometry(3, 2, 2, 2, 3, 2), geometry(2, 3, 5, 6, 10, 11), geometry(8, 7, 1, 1, 8, 7),
    ]
  }

  /// A convolution with its arrays.
  private struct Case {
    let geometry: PatchGeometry
    let filters: Int
    var channels: Int { geometry.channels }
    var tileCount: Int { imageCount * geometry.winogradTileCount }
    var x: [Float] { SeededNumbers(1).seeded(imageCount * geometry.imageSize) }
    var w: [Float] { SeededNumbers(2).seeded(9 * channels * filters) }
    var resultCount: Int { imageCount * geometry.patchCount * filters }

    func block(_ tiles: Range<Int>, _ columns: Range<Int>) -> WinogradBlock {
      WinogradBlock(geometry: geometry, filterCount: filters, filters: columns, tiles: tiles)
    }

    func weights<Scalar>(_ table: KernelTable<Scalar>) -> [Scalar] where Scalar: BinaryFloatingPoint {
      var u = [Scalar](repeating: 99, count: 16 * channels * filters)
      table.winogradWeights(w.map { Scalar($0) }, channels * filters, channels * filters, &u)
      return u
    }

    func input<Scalar>(
      _ table: KernelTable<Scalar>, _ block: WinogradBlock
    ) -> [Scalar] where Scalar: BinaryFloatingPoint {
      var v = [Scalar](repeating: 99, count: 16 * block.inputStride)
      table.winogradInput(block, x.map { Scalar($0) }, &v)
      return v
    }

    /// The pixels and columns of a block; 99 elsewhere.
    func output<Scalar>(
      _ table: KernelTable<Scalar>, _ block: WinogradBlock, _ m: [Scalar], _ e: UnsafePointer<AffineArguments<Scalar>>,
      into y: inout [Scalar]
    ) { table.winogradOutput(block, m, e.pointee, &y) }

    /// All of it, by blocks of some tiles and columns.
    func convolution(
      _ table: KernelTable<Float>, tiles: Int, columns: Int, _ e: UnsafePointer<AffineArguments<Float>>
    ) -> [Float] {
      let u = weights(table)
      var y = [Float](repeating: 99, count: resultCount)
      let workspace = UnsafeMutablePointer<Float>.allocate(capacity: table.gemmWorkspaceCount)
      defer { workspace.deallocate() }
      for first in stride(from: 0, to: tileCount, by: tiles) {
        for column in stride(from: 0, to: filters, by: columns) {
          let block = block(first..<min(first + tiles, tileCount), column..<min(column + columns, filters))
          let v = input(table, block)
          var m = [Float](repeating: 99, count: 16 * block.outputStride)
          u.withUnsafeBufferPointer { u in
            v.withUnsafeBufferPointer { v in
              m.withUnsafeMutableBufferPointer { m in
                for element in 0..<16 {
                  table.gemm(
                    GEMMArguments(
                      m: block.tiles.count, n: block.filters.count, k: channels,
                      a: v.baseAddress! + element * block.inputStride, aRowStride: channels, aColumnStride: 1,
                      b: u.baseAddress! + element * channels * filters + column, bRowStride: filters, bColumnStride: 1,
                      c: m.baseAddress! + element * block.outputStride, cRowStride: block.filters.count,
                      epilogue: .store(), workspace: workspace))
                }
              }
            }
          }
          output(table, block, m, e, into: &y)
        }
      }
      return y
    }

    /// A pixel of x, or 0 outside.
    func pixel(_ image: Int, _ y: Int, _ column: Int, _ c: Int, _ x: [Float]) -> Double {
      guard y >= 0, y < geometry.height, column >= 0, column < geometry.width else { return 0 }
      return Double(x[((image * geometry.height + y) * geometry.width + column) * channels + c])
    }

    /// The convolution by its definition, and a bound of what its sums may differ by.
    func exact() -> (y: [Double], bound: [Double]) {
      let (x, w, g) = (x, w, geometry)
      var y = [Double](repeating: 0, count: resultCount)
      var bound = y
      for place in 0..<(imageCount * g.patchCount) {
        let (image, patch) = place.quotientAndRemainder(dividingBy: g.patchCount)
        let (top, left) = (patch / g.patchesAcross - g.top, patch % g.patchesAcross - g.left)
        for c in 0..<channels {
          // Of the tile that the pixel is in.
          let (tileTop, tileLeft) = (patch / g.patchesAcross / 2 * 2 - g.top, patch % g.patchesAcross / 2 * 2 - g.left)
          var largest = 0.0
          for i in 0..<16 { largest = max(largest, abs(pixel(image, tileTop + i / 4, tileLeft + i % 4, c, x))) }
          for j in 0..<filters {
            for tap in 0..<9 {
              let weight = Double(w[(tap * channels + c) * filters + j])
              y[place * filters + j] += pixel(image, top + tap / 3, left + tap % 3, c, x) * weight
              bound[place * filters + j] += 16 * largest * abs(weight)
            }
          }
        }
      }
      return (y, bound.map { Double(channels + 12) * u * $0 })
    }
  }

  /// A transform of 16 numbers, or nine, rounds as often as stated; its coefficients are 1 at most.
  @Test("transforms", arguments: tables)
  func transforms(_ table: KernelTable<Float>) {
    for channels in Self.channelCounts {
      for geometry in Self.geometries(channels) {
        let example = Case(geometry: geometry, filters: 5)
        let size = channels * 5
        let w = example.w
        let magnitudes = (0..<size).map { i in (0..<9).reduce(0) { $0 + abs(Double(w[$1 * size + i])) } }
        let (found, expected) = (example.weights(table), example.weights(oracle))
        let worst = worstError(found, expected) { 4 * u * magnitudes[$0 % size] }
        #expect(worst.ratio <= 1, "weights, \(channels) channels, index \(worst.index)")

        // Some columns of a kernel alone.
        var part = [Float](repeating: 99, count: 16 * size)
        table.winogradWeights(w, size, size - 2, &part)
        #expect((0..<(16 * size)).allSatisfy { part[$0] == ($0 % size < size - 2 ? found[$0] : 99) })

        let whole = example.block(0..<example.tileCount, 0..<5)
        let (v, exact) = (example.input(table, whole), example.input(oracle, whole))
        let largest = Double(example.x.map(abs).max() ?? 0)
        // Four elements at most, each rounded with two others.
        let worstInput = worstError(v, exact) { _ in 2 * u * 4 * largest }
        #expect(worstInput.ratio <= 1, "input, \(geometry), index \(worstInput.index)")
        // Between the matrices nothing is written.
        #expect((0..<16).allSatisfy { v[($0 + 1) * whole.inputStride - 1] == 99 })
      }
    }
  }

  @Test("a convolution by tiles", arguments: tables)
  func convolution(_ table: KernelTable<Float>) {
    for channels in Self.channelCounts {
      for geometry in Self.geometries(channels) {
        for filters in [1, 4, 17, 33] {
          let example = Case(geometry: geometry, filters: filters)
          let what = "\(channels) channels, \(filters) filters, \(geometry)"
          withAffine(nil, nil, nil, ActivationFunction(.linear)) { plain in
            let y = example.convolution(table, tiles: example.tileCount, columns: filters, plain)
            let exact = example.exact()
            let worst = worstError(y, exact.y) { exact.bound[$0] }
            #expect(worst.ratio <= 1, "\(what), index \(worst.index)")
            for (tiles, columns) in [(1, filters), (5, filters), (example.tileCount, 3), (2, 16)] {
              let parts = example.convolution(table, tiles: tiles, columns: columns, plain)
              #expect(sameBits(parts, y), "\(what), in parts")
            }
          }
        }
      }
    }
  }

  /// What the epilogue makes of the bits of the convolution alone.
  @Test("scale, offset, residual and activation", arguments: tables)
  func affine(_ table: KernelTable<Float>) {
    for filters in Self.channelCounts {
      for geometry in Self.geometries(3) {
        let example = Case(geometry: geometry, filters: filters)
        let (scale, offset) = (SeededNumbers(4).seeded(filters), SeededNumbers(5).seeded(filters))
        let residual = SeededNumbers(6).seeded(example.resultCount)
        let sums = withAffine(nil, nil, nil, ActivationFunction(.linear)) {
          example.convolution(table, tiles: 4, columns: filters, $0)
        }
        for f in affineFunctions {
          var expected = sums.enumerated().map { i, x in
            let (s, o) = (scale[i % filters], offset[i % filters])
            return (table.name == "baseline" ? x * s + o : o.addingProduct(x, s)) + residual[i]
          }
          expected.withUnsafeMutableBufferPointer {
            table.activation(f, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
          }
          for columns in [filters, 2] {
            let found = withAffine(scale, offset, residual, f) {
              example.convolution(table, tiles: 3, columns: columns, $0)
            }
            #expect(sameBits(found, expected), "\(f.kind), \(filters) filters, \(geometry)")
          }
        }
      }
    }
  }

  /// A part of the result is written, and nothing beside it.
  @Test("only its own pixels and columns", arguments: tables)
  func onlyItsOwn(_ table: KernelTable<Float>) {
    let example = Case(geometry: Self.geometries(4)[0], filters: 33)
    let block = example.block(1..<3, 5..<22)
    let m = SeededNumbers(3).seeded(16 * block.outputStride)
    var y = [Float](repeating: 99, count: example.resultCount)
    withAffine(nil, nil, nil, ActivationFunction(.sigmoid)) { example.output(table, block, m, $0, into: &y) }
    // Tiles 1 and 2 of 3 in the first two rows of 5 pixels: the last one is one pixel wide.
    let pixels: Set = [2, 3, 4, 7, 8, 9]
    for (i, value) in y.enumerated() {
      let isOwn = pixels.contains(i / 33) && block.filters.contains(i % 33)
      #expect((value != 99) == isOwn, "pixel \(i / 33), column \(i % 33)")
    }
  }
}
