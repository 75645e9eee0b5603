// Convolutions by tiles: which they are, how they are cut into tasks and blocks, and what is made of their kernels.

import MartletCore
import MartletKernelInterface

extension WinogradConvolution {
  /// Floats of V and M of a block, so that they stay in the L2 cache together with U of an element.
  private static var blockCount: Int { 1 << 17 }

  /// A multiple of the rows of a tile of the matrix product, for all instruction sets.
  private static var rowMultiple: Int { 24 }

  /// However many channels there are: with fewer tiles, reading U takes longer than multiplying by it.
  private static var leastTilesOfBlock: Int { 3 * rowMultiple }

  /// Channels and filters, and tiles of an image, for which it pays.
  private static var leastDepth: Int { 16 }
  private static var leastTiles: Int { 9 }

  /// Whether a convolution of that geometry is faster by tiles. It does not depend on the rows of a batch, so that the
  /// bits of a row do not.
  static func pays(_ g: PatchGeometry, filters: Int) -> Bool {
    g.kernelHeight == 3 && g.kernelWidth == 3 && g.depth == g.channels && g.strideX == 1 && g.strideY == 1
      && g.dilationX == 1 && g.dilationY == 1 && g.spacingX == 1 && g.spacingY == 1
      && min(g.channels, filters) >= leastDepth
      && g.winogradTileCount >= leastTiles
      // Tiles at odd edges are half empty: there are two thirds of the multiplications at most.
      && 2 * 9 * g.patchCount >= 3 * WinogradBlock.elementCount * g.winogradTileCount
  }

  /// Tiles of a block at most.
  fileprivate var mostTiles: Int {
    let tiles = Self.blockCount / (WinogradBlock.elementCount * (geometry.channels + filters))
    return max(Self.leastTilesOfBlock, tiles / Self.rowMultiple * Self.rowMultiple)
  }

  /// Tiles of a block, of `count` that are cut into as few blocks as can be, evenly.
  fileprivate func blockSize(_ count: Int) -> Int {
    let blocks = (count + mostTiles - 1) / mostTiles
    let multiple = blocks * Self.rowMultiple
    return min(count, (count + multiple - 1) / multiple * Self.rowMultiple)
  }

  fileprivate func block(_ tiles: Range<Int>, _ columns: Range<Int>) -> WinogradBlock {
    WinogradBlock(geometry: geometry, filterCount: filters, filters: columns, tiles: tiles)
  }

  /// Tiles of all images.
  fileprivate func tileCount(rows: Int) -> Int { rows * geometry.winogradTileCount }
}

extension Lowering {
  /// The transform of a kernel for a convolution which that pays for; nil otherwise.
  mutating func transformedKernel(_ parameter: Int, _ geometry: PatchGeometry, filters: Int) -> BufferID? {
    guard transformsKernels, WinogradConvolution.pays(geometry, filters: filters) else { return nil }
    // A layer may be applied more than once.
    if let known = kernelTransforms[parameter] { return known }
    let buffer: BufferID
    if isPrediction {
      let kernel = TransformedKernel(
        parameter: parameter, channels: geometry.channels, filters: filters, offset: transformedCount)
      transformedKernels.append(kernel)
      transformedCount += kernel.count
      buffers.append(.transformedKernel(kernel.offset))
      buffer = buffers.count - 1
    } else {
      let count = geometry.channels * filters
      buffer = newBuffer(.fixed(WinogradBlock.elementCount * count))
      appendForward(.transformKernel(x: self.parameter(parameter), count: count, y: buffer))
    }
    kernelTransforms[parameter] = buffer
    return buffer
  }

  /// The same for the gradient by the images, a convolution with the transpose of the kernel [3, 3, filters, channels].
  mutating func transposedTransformedKernel(
    _ parameter: Int, _ geometry: PatchGeometry, filters: Int
  ) -> BufferID? {
    guard transformsKernels, WinogradConvolution.pays(geometry, filters: filters) else { return nil }
    let (taps, count) = (geometry.kernelHeight * geometry.kernelWidth, geometry.channels * filters)
    let transposed = newBuffer(.fixed(taps * count))
    let buffer = newBuffer(.fixed(WinogradBlock.elementCount * count))
    appendBackward(
      .swapAxes(
        x: self.parameter(parameter), y: transposed, blocks: .fixed(taps), first: filters, second: geometry.channels,
        inner: 1))
    appendBackward(.transformKernel(x: transposed, count: count, y: buffer))
    return buffer
  }
}

extension TransformedKernel {
  /// Scalars, with what remains of a cache line.
  var count: Int { (WinogradBlock.elementCount * channels * filters + 15) / 16 * 16 }
}

extension Plan {
  /// Make the transformed kernels of weights.
  ///
  /// - Parameter destination: `transformedCount` scalars.
  func transformKernels<Scalar>(
    of weights: UnsafePointer<Scalar>, into destination: UnsafeMutablePointer<Scalar>, _ kernels: KernelTable<Scalar>
  ) {
    for kernel in transformedKernels {
      kernels.winogradWeights(
        weights + layout.parameters[kernel.parameter].offset, kernel.channels * kernel.filters,
        kernel.channels * kernel.filters, destination + kernel.offset)
    }
  }
}

extension Operation {
  /// Scalars for V and M of a block in a batch of up to `rows`.
  func scratchCount(rows: Int) -> Int {
    guard case .winograd(let convolution) = self else { return 0 }
    let tiles = min(convolution.tileCount(rows: rows), convolution.mostTiles)
    let block = convolution.block(0..<tiles, 0..<convolution.filters)
    return WinogradBlock.elementCount * (block.inputStride + block.outputStride)
  }
}

extension PlanExecutor {
  /// How many tasks a convolution by tiles is worth.
  func work(of convolution: WinogradConvolution) -> Int {
    let tiles = convolution.tileCount(rows: rows)
    let products =
      Double(WinogradBlock.elementCount * convolution.geometry.channels) * Double(convolution.filters) * Double(tiles)
    return Int(min(products / Double(Self.multiplyAddGrain), Double(max(tiles, convolution.filters) / tileMultiple)))
  }

  /// Compute some tiles of all filters, or all tiles of some filters, for which every task transforms the images: the
  /// longer side is cut, as that of a product. Block by block.
  func run(_ convolution: WinogradConvolution, _ task: Int) {
    let (count, filters) = (convolution.tileCount(rows: rows), convolution.filters)
    let tiles = count < filters ? 0..<count : part(of: count, task: task, multiple: tileMultiple)
    let columns = count < filters ? part(of: filters, task: task, multiple: tileMultiple) : 0..<filters
    guard !tiles.isEmpty, !columns.isEmpty else { return }
    let size = convolution.blockSize(tiles.count)
    for first in stride(from: tiles.lowerBound, to: tiles.upperBound, by: size) {
      compute(
        convolution, convolution.block(first..<min(first + size, tiles.upperBound), columns), workspace(task))
    }
  }

  private func compute(
    _ convolution: WinogradConvolution, _ block: WinogradBlock, _ workspace: UnsafeMutablePointer<Scalar>
  ) {
    let (channels, filters) = (convolution.geometry.channels, convolution.filters)
    let v = workspace + kernels.gemmWorkspaceCount
    let m = v + WinogradBlock.elementCount * block.inputStride
    kernels.winogradInput(block, pointers[convolution.x], v)
    for element in 0..<WinogradBlock.elementCount {
      let kernelElement = convolution.turnsKernel ? WinogradBlock.turned(element) : element
      kernels.gemm(
        GEMMArguments(
          m: block.tiles.count, n: block.filters.count, k: channels, a: v + element * block.inputStride,
          aRowStride: channels, aColumnStride: 1,
          b: pointers[convolution.kernel] + kernelElement * channels * filters + block.filters.lowerBound,
          bRowStride: filters, bColumnStride: 1, c: m + element * block.outputStride,
          cRowStride: block.filters.count, epilogue: .store(), workspace: workspace))
    }
    kernels.winogradOutput(
      block, m, arguments(convolution.epilogue, column: 0, offset: 0), pointers[convolution.y])
  }
}
