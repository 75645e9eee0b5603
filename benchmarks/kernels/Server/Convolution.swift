// One convolution, with one thread, as the layers of the engine make it of kernels (Layers/Convolution.swift,
// Layers/DepthwiseConvolution.swift): a product with patches, which packing reads from the images, or a depthwise one.

import MartletKernelInterface

struct Convolution: Prepared {
  enum Operation: String {
    case fwd, dw, dx
  }

  private let operation: Operation
  private let isDepthwise: Bool
  private let batch: Int
  private let filters: Int
  private let geometry: PatchGeometry
  /// X [N, H, W, C], W [K, K, C or 1, O], dY [N, H', W', O], and what the operation makes of two of them.
  private let x: Matrix
  private let w: Matrix
  private let dY: Matrix
  private let result: Matrix
  /// Of X, those that a convolution of pixels with strides reads.
  private let pixels: Matrix
  private let workspace = allocated(kernels.gemmWorkspaceCount)

  /// - Parameter sizes: batch, height and width of the images, channels, filters, kernel, stride, padding, depthwise.
  init?(_ operation: Substring, _ sizes: [Int]) {
    guard let operation = Operation(rawValue: String(operation)), sizes.count == 8 else { return nil }
    let (size, channels, kernel, stride, padding) = (sizes[1], sizes[2], sizes[4], sizes[5], sizes[6])
    let side = (size + 2 * padding - kernel) / stride + 1
    (self.operation, batch, filters, isDepthwise) = (operation, sizes[0], sizes[3], sizes[7] == 1)
    var geometry = PatchGeometry(
      height: size, width: size, channels: channels, depth: channels, patchesDown: side, patchesAcross: side,
      kernelHeight: kernel, kernelWidth: kernel)
    (geometry.strideY, geometry.strideX) = (stride, stride)
    (geometry.top, geometry.left) = (padding, padding)
    self.geometry = geometry
    x = Matrix(batch * size * size, channels, modulus: 13)
    w = Matrix(kernel * kernel * (isDepthwise ? 1 : channels), filters, modulus: 7)
    dY = Matrix(batch * side * side, filters, modulus: 11)
    pixels = Matrix(dY.rows, channels)
    result =
      switch operation {
      case .fwd: Matrix(dY.rows, dY.columns)
      case .dw: Matrix(w.rows, w.columns)
      case .dx: Matrix(x.rows, x.columns)
      }
  }

  func compute() {
    if isDepthwise { computeDepthwise() } else { computeProduct() }
  }

  private func computeDepthwise() {
    let arguments = DepthwiseArguments(
      geometry: geometry, imageCount: batch, channels: 0..<geometry.channels, multiplier: 1,
      weights: UnsafePointer(w.data))
    switch operation {
    case .fwd:
      kernels.depthwise(arguments, x.data, AffineArguments(activation: ActivationFunction(.linear)), result.data)
    case .dw: kernels.depthwiseWeightGradient(arguments, x.data, dY.data, result.data)
    case .dx: kernels.depthwiseInputGradient(arguments, dY.data, result.data)
    }
  }

  private func computeProduct() {
    switch operation {
    case .fwd: multiply(Patches(geometry, firstPatch: 0, firstElement: 0, isTransposed: false), of: x, w)
    case .dw: multiply(Patches(geometry, firstPatch: 0, firstElement: 0, isTransposed: true), of: x, dY)
    case .dx where geometry.skipsPixels:
      multiply(dY, w.transposed, into: pixels)
      spreadPixels()
    case .dx:
      // Every pixel collects what the patches that hold it make of dY: a patch of dY by the kernel the other way round.
      let columns = geometry.channels * filters
      let (taps, places) = (
        geometry.kernelHeight * geometry.kernelWidth, geometry.transposed(channels: filters, depth: filters)
      )
      multiply(
        Patches(places, firstPatch: 0, firstElement: 0, isTransposed: false), of: dY, w.transposed,
        start: (taps - 1) * columns, blocks: taps > 1 ? (filters, -columns) : nil)
    }
  }

  /// A plain product.
  private func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix) {
    kernels.gemm(
      GEMMArguments(
        m: a.m, n: b.n, k: a.n, a: a.data, aRowStride: a.rowStride, aColumnStride: a.columnStride, aPatches: nil,
        b: b.data, bRowStride: b.rowStride, bColumnStride: b.columnStride, bBlocks: nil, c: c.data,
        cRowStride: c.columns, epilogue: .store(), workspace: workspace))
  }

  private func spreadPixels() {
    let (g, channels) = (geometry, geometry.channels)
    result.data.update(repeating: 0, count: result.rows * channels)
    for row in 0..<pixels.rows {
      let (image, patch) = row.quotientAndRemainder(dividingBy: g.patchCount)
      let (i, j) = patch.quotientAndRemainder(dividingBy: g.patchesAcross)
      let place = (image * g.height + i * g.strideY) * g.width + j * g.strideX
      (result.data + place * channels).update(from: pixels.data + row * channels, count: channels)
    }
  }

  /// Patches of images by B, which begins at `start` and may lie in blocks.
  private func multiply(
    _ patches: Patches, of images: Matrix, _ b: Matrix, start: Int = 0, blocks: (length: Int, stride: Int)? = nil
  ) {
    let g = patches.geometry
    let count = batch * g.patchCount
    let (m, k) = patches.isTransposed ? (g.patchSize, count) : (count, g.patchSize)
    // Images are a matrix as they lie where a patch is a pixel.
    let isPointwise = geometry.kernelHeight == 1 && geometry.strideY == 1
    let a = patches.isTransposed ? images.transposed : images
    withUnsafePointer(to: patches) { patches in
      kernels.gemm(
        GEMMArguments(
          m: m, n: result.columns, k: k, a: a.data, aRowStride: isPointwise ? a.rowStride : 0,
          aColumnStride: isPointwise ? a.columnStride : 0, aPatches: isPointwise ? nil : patches, b: b.data + start,
          bRowStride: b.rowStride, bColumnStride: b.columnStride, bBlocks: blocks, c: result.data,
          cRowStride: result.columns, epilogue: .store(), workspace: workspace))
    }
  }

  var values: [Double] { result.values }

  func deallocate() {
    for pointer in [x.data, w.data, dY.data, result.data, pixels.data, workspace] { pointer.deallocate() }
  }
}
