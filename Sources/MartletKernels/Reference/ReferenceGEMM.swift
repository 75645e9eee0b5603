// Reference matrix product: three plain loops with the contract's order of summation and every epilogue.

import MartletKernelInterface

extension Reference {
  static func gemm(_ arguments: GEMMArguments<Scalar>) {
    for i in 0..<arguments.m {
      for j in 0..<arguments.n { element(arguments, i, j) }
    }
  }

  private static func a(_ g: GEMMArguments<Scalar>, _ i: Int, _ p: Int) -> Scalar {
    if let source = g.aSource {
      return source.isTransposed ? element(p, i, of: source.rows) : element(i, p, of: source.rows)
    }
    if let patches = g.aPatches?.pointee {
      return patches.isTransposed ? element(p, i, of: patches, g.a) : element(i, p, of: patches, g.a)
    }
    return g.a[i * g.aRowStride + p * g.aColumnStride]
  }

  private static func b(_ g: GEMMArguments<Scalar>, _ p: Int, _ j: Int) -> Scalar {
    let (length, stride) = g.bBlocks ?? (max(g.k, 1), 0)
    return g.b[p / length * stride + p % length * g.bRowStride + j * g.bColumnStride]
  }

  /// Element (row, column) of a matrix of patches: the formula of `PatchGeometry`.
  private static func element(
    _ row: Int, _ column: Int, of patches: Patches, _ images: UnsafePointer<Scalar>
  ) -> Scalar {
    let g = patches.geometry
    let (patch, element) = (patches.firstPatch + row, patches.firstElement + column)
    let (image, place) = patch.quotientAndRemainder(dividingBy: g.patchCount)
    let (tap, channel) = element.quotientAndRemainder(dividingBy: g.depth)
    let y = place / g.patchesAcross * g.strideY + tap / g.kernelWidth * g.dilationY - g.top
    let x = place % g.patchesAcross * g.strideX + tap % g.kernelWidth * g.dilationX - g.left
    guard y >= 0, x >= 0, y % g.spacingY == 0, x % g.spacingX == 0, y / g.spacingY < g.height,
      x / g.spacingX < g.width
    else { return 0 }
    return images[((image * g.height + y / g.spacingY) * g.width + x / g.spacingX) * g.channels + channel]
  }

  /// Element (i, j) of C: the chunks of its sum, then the epilogue.
  private static func element(_ g: GEMMArguments<Scalar>, _ i: Int, _ j: Int) {
    let index = i * g.cRowStride + j
    var (alpha, sum): (Scalar, Scalar) = (1, 0)
    if case .store(let scale, let beta) = g.epilogue {
      alpha = Scalar(scale)
      if beta != 0, let c = g.c { sum = Scalar(beta) * c[index] }
    }
    let chunk = KernelTable<Scalar>.chunk
    for start in stride(from: 0, to: g.k, by: chunk) {
      var chain: Scalar = 0
      for p in start..<min(start + chunk, g.k) {
        chain += a(g, i, p) * b(g, p, j)
      }
      sum += alpha * chain
    }
    switch g.epilogue {
    case .store:
      g.c?[index] = sum
    case .biasActivation(let bias, let activation):
      let affine = AffineArguments(offset: bias, activation: activation)
      g.c?[index] = value(of: sum, affine, column: j, element: index)
    case .affine(let affine):
      g.c?[index] = value(of: sum, affine.pointee, column: j, element: index)
    case .activationGradient(let v, let vRowStride, let activation):
      g.c?[index] = sum * derivative(activation, from: v[i * vRowStride + j])
    case .update(let rule, let target):
      update(rule.pointee, target, at: index, gradient: sum)
    }
  }
}
