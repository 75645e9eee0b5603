// Products of patches of images: the bits must be those of the product with the patches written out as a matrix.

import MartletKernelInterface
import MartletKernels
import Testing

/// Images, and their patches as the formula of `PatchGeometry` has them.
private struct PatchMatrix {
  let geometry: PatchGeometry
  let images: [Float]
  let patchCount: Int
  let elements: [Float]

  init(_ geometry: PatchGeometry, imageCount: Int = 2) {
    self.geometry = geometry
    let g = geometry
    var numbers = SeededNumbers(g.height * 31 + g.width * 7 + g.channels)
    images = numbers.floats(imageCount * g.height * g.width * g.channels)
    patchCount = imageCount * g.patchesDown * g.patchesAcross
    var elements: [Float] = []
    for image in 0..<imageCount {
      for patchY in 0..<g.patchesDown {
        for patchX in 0..<g.patchesAcross {
          for ky in 0..<g.kernelHeight {
            for kx in 0..<g.kernelWidth {
              for c in 0..<g.depth {
                let y = patchY * g.strideY + ky * g.dilationY - g.top
                let x = patchX * g.strideX + kx * g.dilationX - g.left
                let isPixel =
                  y >= 0 && x >= 0 && y % g.spacingY == 0 && x % g.spacingX == 0 && y / g.spacingY < g.height
                  && x / g.spacingX < g.width
                let pixel = (image * g.height + y / g.spacingY) * g.width + x / g.spacingX
                elements.append(isPixel ? images[pixel * g.channels + c] : 0)
              }
            }
          }
        }
      }
    }
    self.elements = elements
  }
}

@Suite struct PatchesTests {
  private static func geometry(
    _ size: (Int, Int), channels: Int, depth: Int? = nil, patches: (Int, Int), kernel: (Int, Int),
    stride: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1), before: (Int, Int) = (0, 0),
    spacing: (Int, Int) = (1, 1)
  ) -> PatchGeometry {
    var g = PatchGeometry(
      height: size.0, width: size.1, channels: channels, depth: depth ?? channels, patchesDown: patches.0,
      patchesAcross: patches.1, kernelHeight: kernel.0, kernelWidth: kernel.1)
    (g.strideY, g.strideX) = stride
    (g.dilationY, g.dilationX) = dilation
    (g.top, g.left) = before
    (g.spacingY, g.spacingX) = spacing
    return g
  }

  private static let geometries = [
    geometry((5, 6), channels: 3, patches: (5, 6), kernel: (3, 3), before: (1, 1)),
    geometry((7, 5), channels: 1, patches: (3, 2), kernel: (3, 2), stride: (2, 3)),
    geometry((6, 6), channels: 17, patches: (3, 3), kernel: (3, 3), stride: (2, 2)),
    geometry((4, 4), channels: 40, patches: (4, 4), kernel: (3, 3), before: (1, 1)),
    geometry((9, 8), channels: 5, patches: (5, 4), kernel: (3, 3), dilation: (2, 2)),
    geometry((4, 5), channels: 12, depth: 4, patches: (4, 5), kernel: (3, 2), before: (1, 0)),
    geometry((3, 4), channels: 6, patches: (6, 8), kernel: (3, 3), before: (1, 1), spacing: (2, 2)),
    geometry((3, 3), channels: 6, patches: (9, 7), kernel: (2, 3), dilation: (1, 2), before: (0, 3), spacing: (4, 3)),
    geometry((2, 2), channels: 70, patches: (2, 2), kernel: (5, 5), before: (2, 2)),
    geometry((1, 30), channels: 8, patches: (1, 30), kernel: (1, 4), before: (0, 3)),
    geometry((3, 3), channels: 9, patches: (2, 2), kernel: (1, 1), stride: (2, 2)),
  ]

  /// All of the product or its lower right part, which begins at a patch and an element.
  private func check(_ matrix: PatchMatrix, isTransposed: Bool, n: Int, _ table: KernelTable<Float>) {
    let (patches, size) = (matrix.patchCount, matrix.elements.count / matrix.patchCount)
    let (m, k) = isTransposed ? (size, patches) : (patches, size)
    let b = SeededNumbers(5).seeded(k * n)
    let written = Product(m, n, k, a: matrix.elements, b: b, aIsTransposed: isTransposed)
    let expected = written.run(table)
    for first in [0, m / 2] {
      var result = [Float](repeating: 0, count: (m - first) * n)
      let workspace = UnsafeMutableRawPointer.allocate(byteCount: table.gemmWorkspaceCount * 4, alignment: 64)
      defer { workspace.deallocate() }
      var part = Patches(matrix.geometry, firstPatch: first, firstElement: 0, isTransposed: false)
      if isTransposed { part = Patches(matrix.geometry, firstPatch: 0, firstElement: first, isTransposed: true) }
      withUnsafePointer(to: part) { part in
        result.withUnsafeMutableBufferPointer { c in
          table.gemm(
            GEMMArguments(
              m: m - first, n: n, k: k, a: matrix.images, aRowStride: 0, aColumnStride: 0, aPatches: part, b: b,
              bRowStride: n, bColumnStride: 1, c: c.baseAddress!, cRowStride: n, epilogue: .store(),
              workspace: workspace.assumingMemoryBound(to: Float.self)))
        }
      }
      let isSame = sameBits(result, Array(expected[(first * n)...]))
      #expect(isSame, "\(matrix.geometry), transposed \(isTransposed), \(n) columns, from row \(first)")
    }
  }

  @Test("patches", arguments: tables)
  func patches(_ table: KernelTable<Float>) {
    for geometry in Self.geometries {
      let matrix = PatchMatrix(geometry)
      for n in [1, 10, 33, 70] {
        check(matrix, isTransposed: false, n: n, table)
        check(matrix, isTransposed: true, n: n, table)
      }
    }
  }

  /// The reference kernels read the same elements.
  @Test func referencePatches() {
    let reference = KernelTable<Float>.reference
    for geometry in Self.geometries {
      let matrix = PatchMatrix(geometry)
      check(matrix, isTransposed: false, n: 3, reference)
      check(matrix, isTransposed: true, n: 3, reference)
    }
  }

  /// B in blocks that lie in descending order, each transposed: as the kernel of a convolution lies for the gradient by
  /// its input.
  @Test("B in blocks", arguments: tables + [.reference])
  func blocks(_ table: KernelTable<Float>) {
    for (m, count, length, columns) in [
      (30, 9, 20, 33), (13, 9, 40, 7), (1, 4, 5, 40), (40, 25, 64, 70), (12, 2, 3, 1),
    ] {
      let (k, rowLength) = (count * length, length + 2)
      let stored = SeededNumbers(3).seeded(count * columns * rowLength)
      var b: [Float] = []
      for block in (0..<count).reversed() {
        for row in 0..<length {
          for column in 0..<columns { b.append(stored[(block * columns + column) * rowLength + row]) }
        }
      }
      let a = SeededNumbers(4).seeded(m * k)
      let expected = Product(m, columns, k, a: a, b: b).run(table)
      var result = [Float](repeating: 0, count: m * columns)
      let workspace = UnsafeMutableRawPointer.allocate(
        byteCount: max(64, table.gemmWorkspaceCount * 4), alignment: 64)
      defer { workspace.deallocate() }
      stored.withUnsafeBufferPointer { stored in
        result.withUnsafeMutableBufferPointer { c in
          table.gemm(
            GEMMArguments(
              m: m, n: columns, k: k, a: a, aRowStride: k, aColumnStride: 1,
              b: stored.baseAddress! + (count - 1) * columns * rowLength, bRowStride: 1, bColumnStride: rowLength,
              bBlocks: (length, -columns * rowLength), c: c.baseAddress!, cRowStride: columns, epilogue: .store(),
              workspace: workspace.assumingMemoryBound(to: Float.self)))
        }
      }
      #expect(sameBits(result, expected), "\(m) rows, \(count) blocks of \(length) x \(columns)")
    }
  }
}
