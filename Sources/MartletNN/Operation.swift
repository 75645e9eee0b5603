// The primitive operations a plan is made of: plain data that names buffers by number. The step loop walks an array of
// these; nothing in them is a class, an existential or a closure.

import MartletKernelInterface

/// Index into a plan's buffers.
package typealias BufferID = Int

/// A count that may grow with the rows of the batch.
package enum Extent: Sendable, BitwiseCopyable, Equatable {
  case fixed(Int)
  /// This many for each row.
  case perRow(Int)

  @inline(__always)
  package func count(rows: Int) -> Int {
    switch self {
    case .fixed(let count): count
    case .perRow(let factor): factor * rows
    }
  }
}

/// How a matrix operand lies in its buffer.
package enum MatrixOrder: Sendable, BitwiseCopyable {
  /// Element (i, j) at i * stride + j.
  case rows(stride: Int)
  /// Element (i, j) at j * stride + i: the transpose of what is stored.
  case columns(stride: Int)
  /// A row for each patch of the images in the buffer.
  case patches(PatchGeometry)
  /// A column for each patch.
  case transposedPatches(PatchGeometry)
  /// Blocks of `length` rows, the last one first, each of them the transpose of what is stored: the kernel [taps,
  /// columns, stride] of a convolution, in the gradient by its input.
  case reversedBlocks(count: Int, length: Int, columns: Int, stride: Int)

  /// Of a plain matrix or of one block.
  @inline(__always)
  package var strides: (row: Int, column: Int) {
    switch self {
    case .rows(let stride): (stride, 1)
    case .columns(let stride), .reversedBlocks(_, _, _, let stride): (1, stride)
    case .patches, .transposedPatches: (0, 0)
    }
  }

  /// Where the matrix begins in its buffer.
  @inline(__always)
  var start: Int {
    if case .reversedBlocks(let count, _, let columns, let stride) = self { (count - 1) * columns * stride } else { 0 }
  }

  @inline(__always)
  var blocks: (length: Int, stride: Int)? {
    if case .reversedBlocks(_, let length, let columns, let stride) = self { (length, -columns * stride) } else { nil }
  }
}

/// What becomes of the sums of a layer with weights: `AffineArguments` with buffers in place of pointers.
package struct AffineEpilogue: Sendable, BitwiseCopyable {
  package var scale: BufferID?
  package var offset: BufferID?
  package var residual: BufferID?
  package var activation: ActivationFunction

  package init(
    scale: BufferID? = nil, offset: BufferID? = nil, residual: BufferID? = nil, activation: ActivationFunction
  ) {
    self.scale = scale
    self.offset = offset
    self.residual = residual
    self.activation = activation
  }

  /// Whether there is a bias at most.
  var isPlain: Bool { scale == nil && residual == nil }

  var buffers: [BufferID] { [scale, offset, residual].compactMap { $0 } }
}

/// What happens to the finished elements of a matrix product; `GEMMEpilogue` with buffers in place of pointers.
package enum ProductEpilogue: Sendable, BitwiseCopyable {
  /// C = product, or C += product.
  case store(adds: Bool = false)
  case affine(AffineEpilogue)
  case activationGradient(v: BufferID, activation: ActivationFunction)
  /// The product is the gradient of a parameter and goes where the plan's sink says.
  case sink(parameter: Int)
}

/// C [m, n] = op(A) [m, k] op(B) [k, n], C row-major without gaps. Or several of them side by side.
package struct MatrixProduct: Sendable, BitwiseCopyable {
  package var m: Extent
  package var n: Int
  package var k: Extent
  package var a: BufferID
  package var aOrder: MatrixOrder
  package var b: BufferID
  package var bOrder: MatrixOrder
  /// nil where the sink needs no memory.
  package var c: BufferID?
  package var epilogue: ProductEpilogue
  package var groups = ProductGroups()
}

/// Products whose operands lie some elements apart: those of the groups of a convolution. Their results make the
/// columns of one C, and so do bias and whatever else their epilogue reads.
package struct ProductGroups: Sendable, BitwiseCopyable {
  package var count = 1
  package var aStep = 0
  package var bStep = 0

  package init(count: Int = 1, aStep: Int = 0, bStep: Int = 0) {
    self.count = count
    self.aStep = aStep
    self.bStep = bStep
  }
}

/// Columns of x [rows, columns] with their statistics: `NormalizationArguments` with buffers in place of pointers.
package struct NormalizedColumns: Sendable, BitwiseCopyable {
  package var x: BufferID
  package var rows: Extent
  package var columns: Int
  package var mean: BufferID
  package var deviation: BufferID
  package var scale: BufferID

  var buffers: [BufferID] { [x, mean, deviation, scale] }
}

/// A depthwise convolution: `DepthwiseArguments` with a buffer in place of a pointer.
package struct DepthwiseProduct: Sendable, BitwiseCopyable {
  package var geometry: PatchGeometry
  package var multiplier: Int
  package var weights: BufferID

  /// Channels of the result.
  var outputs: Int { geometry.channels * multiplier }
}

/// A convolution by tiles: `WinogradBlock` with buffers.
package struct WinogradConvolution: Sendable, BitwiseCopyable {
  package var geometry: PatchGeometry
  package var filters: Int
  package var x: BufferID
  /// Transformed.
  package var kernel: BufferID
  /// Whether the kernel is turned by half a turn, as it is in the gradient by the images. Its transform is then the
  /// same with its first and last rows exchanged, and its first and last columns.
  package var turnsKernel = false
  package var epilogue: AffineEpilogue
  package var y: BufferID
}

/// Rows of x [places, channels] with the statistics of their groups: `GroupNormalizationArguments` with buffers.
package struct NormalizedGroups: Sendable, BitwiseCopyable {
  package var x: BufferID
  package var rows: Extent
  package var places: Int
  package var channels: Int
  package var groups: Int
  package var mean: BufferID
  package var deviation: BufferID
  package var gamma: BufferID?

  var buffers: [BufferID] { [x, mean, deviation] + (gamma.map { [$0] } ?? []) }
}

package enum Operation: Sendable, BitwiseCopyable {
  case matrixProduct(MatrixProduct)
  case activation(ActivationFunction, x: BufferID, y: BufferID, count: Extent)
  /// v is the activation's output, or its input where `gradientNeedsInput`.
  case activationGradient(ActivationFunction, v: BufferID, dY: BufferID, dX: BufferID, count: Extent)
  case softmax(x: BufferID, y: BufferID, rows: Extent, columns: Int)
  case softmaxGradient(y: BufferID, dY: BufferID, dX: BufferID, rows: Extent, columns: Int)
  case scale(x: BufferID, scale: Double, offset: Double, y: BufferID, count: Extent)
  case standardizeColumns(x: BufferID, mean: BufferID, factor: BufferID, y: BufferID, rows: Extent, columns: Int)
  case dropoutMask(mask: BufferID, count: Extent, rate: Double, stream: UInt64)
  case gaussianNoise(x: BufferID, y: BufferID, count: Extent, standardDeviation: Double, stream: UInt64)
  /// dX = (l1 sign(x) + 2 l2 x) / N
  case penaltyGradient(x: BufferID, l1: Float, l2: Float, dX: BufferID, count: Extent)
  /// y = a ∘ b; y may be one of the two.
  case combine(Combination, a: BufferID, b: BufferID, y: BufferID, count: Extent)
  /// y = x where (a == b) is `whereEqual`, else 0; y may be x.
  case gate(a: BufferID, b: BufferID, whereEqual: Bool, x: BufferID, y: BufferID, count: Extent)
  /// x = 0
  case clear(BufferID, count: Extent)
  /// Columns of x, from `xColumn` on, to those of y.
  case copyColumns(
    x: BufferID, xColumn: Int, xStride: Int, y: BufferID, yColumn: Int, yStride: Int, rows: Extent, columns: Int)
  /// x [blocks, first, second, inner] to y [blocks, second, first, inner].
  case swapAxes(x: BufferID, y: BufferID, blocks: Extent, first: Int, second: Int, inner: Int)
  case winograd(WinogradConvolution)
  /// U [16, count] of the kernel x [3, 3, count].
  case transformKernel(x: BufferID, count: Int, y: BufferID)
  case depthwise(DepthwiseProduct, x: BufferID, AffineEpilogue, y: BufferID)
  case depthwiseInputGradient(DepthwiseProduct, dY: BufferID, dX: BufferID)
  /// Then, with a parameter, it goes where the plan's sink says.
  case depthwiseWeightGradient(DepthwiseProduct, x: BufferID, dY: BufferID, dW: BufferID, parameter: Int?)
  case columnMoments(x: BufferID, rows: Extent, columns: Int, mean: BufferID, variance: BufferID)
  case normalizationScale(
    variance: BufferID, epsilon: Float, gamma: BufferID?, deviation: BufferID, scale: BufferID, columns: Int)
  case normalizationOffset(
    mean: BufferID, scale: BufferID, bias: BufferID?, beta: BufferID?, offset: BufferID, columns: Int)
  case normalizeColumns(NormalizedColumns, offset: BufferID?, y: BufferID)
  case normalizationSums(NormalizedColumns, dY: BufferID, dOffset: BufferID, dGamma: BufferID)
  /// Without the sums, if the statistics are given.
  case normalizationGradient(
    NormalizedColumns, sums: (dOffset: BufferID, dGamma: BufferID)?, dY: BufferID, dX: BufferID)
  case groupNormalization(NormalizedGroups, epsilon: Float, beta: BufferID?, y: BufferID)
  case groupNormalizationSums(NormalizedGroups, dY: BufferID, dBeta: BufferID, dGamma: BufferID)
  case groupNormalizationGradient(NormalizedGroups, dY: BufferID, dX: BufferID)
  /// y = momentum y + (1 - momentum) x
  case moveTowards(x: BufferID, momentum: Double, y: BufferID, count: Int)
  /// Of each patch of the rows of x, images.
  case maxPooling(PatchGeometry, x: BufferID, y: BufferID)
  case maxPoolingGradient(PatchGeometry, x: BufferID, y: BufferID, dY: BufferID, dX: BufferID)
  case averagePooling(PatchGeometry, x: BufferID, y: BufferID)
  case averagePoolingGradient(PatchGeometry, dY: BufferID, dX: BufferID)
  /// The pixels of x to where patches of one pixel are in the images of y, whose other pixels become 0; or added to
  /// them.
  case spreadPixels(PatchGeometry, x: BufferID, y: BufferID, adds: Bool)
  case resize(ResizeGeometry, x: BufferID, y: BufferID)
  case resizeGradient(ResizeGeometry, dY: BufferID, dX: BufferID)
  /// A map of each row, drawn anew in each step.
  case randomMaps(RandomMap, ResizeGeometry, maps: BufferID, stream: UInt64)
  case sample(SampleGeometry, maps: BufferID, x: BufferID, y: BufferID)
  case sampleGradient(SampleGeometry, maps: BufferID, dY: BufferID, dX: BufferID)
  /// y = (x - m) f + m, with the mean m of each channel of a row and f - 1 drawn from [-lower, upper].
  case adjustContrast(
    FactorRange, x: BufferID, statistics: BufferID, y: BufferID, places: Int, channels: Int, stream: UInt64)
  /// y = max(low, min(x, high)); y may be x.
  case clip(x: BufferID, low: Float, high: Float, y: BufferID, count: Extent)
  /// Of the rows of x, in place.
  case erase(ErasedBoxes, x: BufferID, stream: UInt64)
  /// The gradient of a bias; then, with a parameter, it goes where the plan's sink says.
  case columnSums(x: BufferID, rows: Extent, columns: Int, sums: BufferID, parameter: Int?)
  /// Apply the rule of the step to a parameter whose gradient is in a buffer, such as the sum over the applications of
  /// its layer; nil: the stored one, which holds the regularisation.
  case update(parameter: Int, gradient: BufferID?)
  /// Take a parameter into the average of the step.
  case movingAverage(parameter: Int)
  /// Hold a parameter to its constraint, once it is updated.
  case constrain(PlannedConstraint, parameter: Int)

  /// The same with its result added to what is in its place, if it can do that.
  var addingResult: Operation? {
    if case .spreadPixels(let geometry, let x, let y, _) = self {
      return .spreadPixels(geometry, x: x, y: y, adds: true)
    }
    if case .winograd(var convolution) = self, convolution.epilogue.residual == nil {
      convolution.epilogue.residual = convolution.y
      return .winograd(convolution)
    }
    guard case .matrixProduct(var product) = self, case .store = product.epilogue else { return nil }
    product.epilogue = .store(adds: true)
    return .matrixProduct(product)
  }

  /// Whether all that happens to a buffer of rows is that a product packs them, each as a row of A or of its transpose.
  func packsRows(_ buffer: BufferID, of columns: Int) -> Bool {
    guard case .matrixProduct(let product) = self, product.a == buffer, product.groups.count == 1,
      buffers.filter({ $0 == buffer }).count == 1
    else { return false }
    switch product.aOrder {
    case .rows(let stride): return product.m == .perRow(1) && stride == columns
    case .columns(let stride): return product.k == .perRow(1) && stride == columns
    case .patches, .transposedPatches, .reversedBlocks: return false
    }
  }

  /// The buffers in use, which decides how long their memory must last.
  var buffers: [BufferID] {
    switch self {
    case .matrixProduct(let product):
      switch product.epilogue {
      case .store, .sink: [product.a, product.b] + (product.c.map { [$0] } ?? [])
      case .affine(let epilogue): [product.a, product.b] + (product.c.map { [$0] } ?? []) + epilogue.buffers
      case .activationGradient(let v, _): [product.a, product.b, v] + (product.c.map { [$0] } ?? [])
      }
    case .activation(_, let x, let y, _): [x, y]
    case .activationGradient(_, let v, let dY, let dX, _): [v, dY, dX]
    case .softmax(let x, let y, _, _): [x, y]
    case .softmaxGradient(let y, let dY, let dX, _, _): [y, dY, dX]
    case .scale(let x, _, _, let y, _): [x, y]
    case .standardizeColumns(let x, let mean, let factor, let y, _, _): [x, mean, factor, y]
    case .dropoutMask(let mask, _, _, _): [mask]
    case .gaussianNoise(let x, let y, _, _, _): [x, y]
    case .penaltyGradient(let x, _, _, let dX, _): [x, dX]
    case .combine(_, let a, let b, let y, _): [a, b, y]
    case .gate(let a, let b, _, let x, let y, _): [a, b, x, y]
    case .clear(let x, _): [x]
    case .copyColumns(let x, _, _, let y, _, _, _, _): [x, y]
    case .swapAxes(let x, let y, _, _, _, _): [x, y]
    case .winograd(let convolution):
      [convolution.x, convolution.kernel, convolution.y] + convolution.epilogue.buffers
    case .transformKernel(let x, _, let y): [x, y]
    case .depthwise(let product, let x, let epilogue, let y): [product.weights, x, y] + epilogue.buffers
    case .depthwiseInputGradient(let product, let dY, let dX): [product.weights, dY, dX]
    case .depthwiseWeightGradient(_, let x, let dY, let dW, _): [x, dY, dW]
    case .columnMoments(let x, _, _, let mean, let variance): [x, mean, variance]
    case .normalizationScale(let variance, _, let gamma, let deviation, let scale, _):
      [variance, deviation, scale] + (gamma.map { [$0] } ?? [])
    case .normalizationOffset(let mean, let scale, let bias, let beta, let offset, _):
      [mean, scale, offset] + [bias, beta].compactMap { $0 }
    case .normalizeColumns(let normalized, let offset, let y):
      normalized.buffers + [y] + (offset.map { [$0] } ?? [])
    case .normalizationSums(let normalized, let dY, let dOffset, let dGamma):
      normalized.buffers + [dY, dOffset, dGamma]
    case .normalizationGradient(let normalized, let sums, let dY, let dX):
      normalized.buffers + [dY, dX] + (sums.map { [$0.dOffset, $0.dGamma] } ?? [])
    case .groupNormalization(let normalized, _, let beta, let y): normalized.buffers + [y] + (beta.map { [$0] } ?? [])
    case .groupNormalizationSums(let normalized, let dY, let dBeta, let dGamma):
      normalized.buffers + [dY, dBeta, dGamma]
    case .groupNormalizationGradient(let normalized, let dY, let dX): normalized.buffers + [dY, dX]
    case .moveTowards(let x, _, let y, _): [x, y]
    case .maxPooling(_, let x, let y), .averagePooling(_, let x, let y): [x, y]
    case .maxPoolingGradient(_, let x, let y, let dY, let dX): [x, y, dY, dX]
    case .averagePoolingGradient(_, let dY, let dX): [dY, dX]
    case .spreadPixels(_, let x, let y, _): [x, y]
    case .resize(_, let x, let y): [x, y]
    case .resizeGradient(_, let dY, let dX): [dY, dX]
    case .randomMaps(_, _, let maps, _): [maps]
    case .sample(_, let maps, let x, let y): [maps, x, y]
    case .sampleGradient(_, let maps, let dY, let dX): [maps, dY, dX]
    case .adjustContrast(_, let x, let statistics, let y, _, _, _): [x, statistics, y]
    case .clip(let x, _, _, let y, _): [x, y]
    case .erase(_, let x, _): [x]
    case .columnSums(let x, _, _, let sums, _): [x, sums]
    case .update(_, let gradient): gradient.map { [$0] } ?? []
    case .movingAverage, .constrain: []
    }
  }
}
