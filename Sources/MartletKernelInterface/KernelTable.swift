// What a kernel module offers: one table of functions over pointers. The engine calls the table only, so it never knows
// which instruction set computes. `KernelTable<Double>` exists for gradient checks: the same plan, run by the plain
// reference kernels in double.
//
// Contract of every kernel: arguments are checked by the caller; nothing is allocated, locked or thrown; counts may be
// 0; input and output do not overlap unless the argument says "may be the same". An element of a result depends only on
// its own inputs and the order stated here, never on how the work was cut into calls: that is what makes results the
// same for any number of threads.

/// What happens to each finished element of op(A) op(B), while it is still in cache.
package enum GEMMEpilogue<Scalar> {
  /// C = alpha sum + beta C: each chunk is multiplied by alpha, and the first one is added to beta C. C is not read if
  /// beta is 0.
  case store(alpha: Float = 1, beta: Float = 0)
  /// C = activation(sum + bias[column]); bias nil: no bias
  case biasActivation(bias: UnsafePointer<Scalar>?, activation: ActivationFunction)
  /// C = activation(scale[column] sum + offset[column] + residual), the residual with the row stride of C. (A pointer
  /// for the reason given at `update`.)
  case affine(UnsafePointer<AffineArguments<Scalar>>)
  /// C = sum * activation'(x), the derivative made from v [M, N], row stride `vRowStride`: the activation's output, or
  /// its input where `gradientNeedsInput`
  case activationGradient(v: UnsafePointer<Scalar>, vRowStride: Int, activation: ActivationFunction)
  /// The sum is a weight gradient: apply the rule to the weights right away. All arrays of the target have the row
  /// stride of C. C itself is scratch of the same layout, needed only if K > `KernelTable.chunk`. (A pointer, as cases
  /// with many members are taken apart by functions that all kernel modules would share.)
  case update(UnsafePointer<UpdateRule>, UpdateTarget<Scalar>)
}

/// C [M, N] from op(A) [M, K] and op(B) [K, N]. Transposes are strides: element (i, j) of A is
/// `a[i * aRowStride + j * aColumnStride]`, and one of the two strides of A and of B is 1. C has unit column stride.
///
/// Order of summation: K is cut into chunks of `KernelTable.chunk`; each chunk is one chain of multiply-adds in
/// ascending k that starts from zero; chunks are added in ascending order.
package struct GEMMArguments<Scalar> {
  package var m: Int
  package var n: Int
  package var k: Int
  package var a: UnsafePointer<Scalar>
  package var aRowStride: Int
  package var aColumnStride: Int
  /// Where op(A) comes from instead of `a`, if it is a matrix of rows of a dataset or its transpose. Packing converts
  /// them.
  package var aSource: (rows: SourceRows, isTransposed: Bool)?
  /// Where op(A) comes from, if it is a matrix of patches of images or its transpose: from the images at `a`. (A
  /// pointer for the reason given at `GEMMEpilogue.update`.)
  package var aPatches: UnsafePointer<Patches>?
  package var b: UnsafePointer<Scalar>
  package var bRowStride: Int
  package var bColumnStride: Int
  /// If the rows of op(B) lie in blocks of `length`, `stride` apart: element (k, j) is
  /// `b[k / length * stride + k % length * bRowStride + j * bColumnStride]`.
  package var bBlocks: (length: Int, stride: Int)?
  /// May be nil for `.update` with K <= chunk.
  package var c: UnsafeMutablePointer<Scalar>?
  package var cRowStride: Int
  package var epilogue: GEMMEpilogue<Scalar>
  /// `KernelTable.gemmWorkspaceCount` scalars, aligned to 64 bytes, of this thread alone.
  package var workspace: UnsafeMutablePointer<Scalar>

  package init(
    m: Int, n: Int, k: Int, a: UnsafePointer<Scalar>, aRowStride: Int, aColumnStride: Int,
    aSource: (rows: SourceRows, isTransposed: Bool)? = nil, aPatches: UnsafePointer<Patches>? = nil,
    b: UnsafePointer<Scalar>, bRowStride: Int, bColumnStride: Int, bBlocks: (length: Int, stride: Int)? = nil,
    c: UnsafeMutablePointer<Scalar>?, cRowStride: Int, epilogue: GEMMEpilogue<Scalar>,
    workspace: UnsafeMutablePointer<Scalar>
  ) {
    self.m = m
    self.n = n
    self.k = k
    self.a = a
    self.aRowStride = aRowStride
    self.aColumnStride = aColumnStride
    self.aSource = aSource
    self.aPatches = aPatches
    self.b = b
    self.bRowStride = bRowStride
    self.bColumnStride = bColumnStride
    self.bBlocks = bBlocks
    self.c = c
    self.cRowStride = cRowStride
    self.epilogue = epilogue
    self.workspace = workspace
  }
}

/// Ways to combine two arrays element by element.
package enum Combination: Int32, Sendable, BitwiseCopyable {
  case add, subtract, multiply
  /// The greater; NaN if either is.
  case maximum
}

/// All kernels of one instruction set for one scalar type. The scalar is not constrained further, because the accessor
/// of a conformance would be a symbol that kernel modules for different instruction sets share.
package struct KernelTable<Scalar: Sendable>: Sendable {
  /// That of its instruction set, or "reference".
  package var name: String

  /// KC: where chains of sums over k are cut. The same number in every table, so it is part of the numerical contract.
  package static var chunk: Int { 256 }

  /// Scalars of workspace that any GEMM needs.
  package var gemmWorkspaceCount: Int

  package var gemm: @Sendable (GEMMArguments<Scalar>) -> Void

  /// y = f(x) over `count` elements; x and y may be the same.
  package var activation:
    @Sendable (
      _ f: ActivationFunction, _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// dX = dY f'(x) over `count` elements, the derivative made from v: y = f(x), or x where `f.gradientNeedsInput`; dX
  /// and dY may be the same.
  package var activationGradient:
    @Sendable (
      _ f: ActivationFunction, _ v: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>,
      _ dX: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// Row-wise softmax of x [rows, columns], after subtracting the row's maximum; x and y may be the same.
  package var softmax:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ rows: Int, _ columns: Int
    ) -> Void

  /// dX_j = y_j (dY_j - sum_k dY_k y_k) per row; dX and dY may be the same.
  package var softmaxGradient:
    @Sendable (
      _ y: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>, _ rows: Int,
      _ columns: Int
    ) -> Void

  package var loss: @Sendable (LossArguments<Scalar>) -> Void

  /// sums[j] = sum over rows of x[row * rowStride + j], for `columns` columns, added in ascending row order. (Bias
  /// gradient.)
  package var columnSums:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ rowStride: Int, _ rows: Int, _ columns: Int,
      _ sums: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// Apply `rule` to `count` weights with their gradient.
  package var update:
    @Sendable (
      _ rule: UpdateRule, _ target: UpdateTarget<Scalar>, _ gradient: UnsafePointer<Scalar>, _ count: Int
    ) -> Void

  /// gradient += 2 l2 w + l1 sign(w) over `count` weights, for gradients that are handed out rather than applied.
  package var addRegularizationGradient:
    @Sendable (
      _ l1: Float, _ l2: Float, _ weights: UnsafePointer<Scalar>, _ gradient: UnsafeMutablePointer<Scalar>,
      _ count: Int
    ) -> Void

  /// Hold each of `columns` columns, vectors of `rows` weights at distance `rowStride`, to a constraint.
  package var constrain:
    @Sendable (
      _ constraint: WeightConstraint, _ weights: UnsafeMutablePointer<Scalar>, _ rowStride: Int, _ rows: Int,
      _ columns: Int
    ) -> Void

  /// Sum |w| and sum w^2 over `count` weights in double, over fixed blocks in a fixed order.
  package var norms: @Sendable (_ weights: UnsafePointer<Scalar>, _ count: Int) -> (absolute: Double, squared: Double)

  /// y[row, j] = (x[row, j] - mean[j]) * factor[j], rounded after each of the two, so that a large mean costs no digits
  /// of the difference; x and y may be the same.
  package var standardizeColumns:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ mean: UnsafePointer<Scalar>, _ factor: UnsafePointer<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>, _ rows: Int, _ columns: Int
    ) -> Void

  /// y = x * scale + offset over `count` elements; x and y may be the same.
  package var scale:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ scale: Double, _ offset: Double, _ y: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// y = a ∘ b over `count` elements; y may be the same as either.
  package var combine:
    @Sendable (
      _ combination: Combination, _ a: UnsafePointer<Scalar>, _ b: UnsafePointer<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// y = x where (a == b) is `whereEqual`, else 0, over `count` elements; y may be the same as x. (Gradient of a
  /// maximum.)
  package var gate:
    @Sendable (
      _ a: UnsafePointer<Scalar>, _ b: UnsafePointer<Scalar>, _ whereEqual: Bool, _ x: UnsafePointer<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// y[r * yStride + j] = x[r * xStride + j] for j < columns. (Concatenation and its gradient.)
  package var copyColumns:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ xStride: Int, _ y: UnsafeMutablePointer<Scalar>, _ yStride: Int, _ rows: Int,
      _ columns: Int
    ) -> Void

  /// y [blocks, second, first, inner] from x [blocks, first, second, inner]. (Permutation of dimensions.)
  package var swapAxes:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ blocks: Int, _ first: Int, _ second: Int,
      _ inner: Int
    ) -> Void

  /// What `affine` makes of the depthwise convolution of some channels.
  package var depthwise:
    @Sendable (
      _ arguments: DepthwiseArguments<Scalar>, _ x: UnsafePointer<Scalar>, _ affine: AffineArguments<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX of some channels: the products of dY and weights that belong to a pixel, in the order of the patches.
  package var depthwiseInputGradient:
    @Sendable (
      _ arguments: DepthwiseArguments<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dW of some channels: sums over each row of patches, added in their order.
  package var depthwiseWeightGradient:
    @Sendable (
      _ arguments: DepthwiseArguments<Scalar>, _ x: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>,
      _ dW: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// Some columns of U [16, size] from those of w [3, 3, size]; see `WinogradBlock`.
  package var winogradWeights:
    @Sendable (_ w: UnsafePointer<Scalar>, _ size: Int, _ count: Int, _ u: UnsafeMutablePointer<Scalar>) -> Void

  /// V of a block, 16 matrices [tiles, channels] `inputStride` apart, from images x. Pixels outside are 0.
  package var winogradInput:
    @Sendable (_ block: WinogradBlock, _ x: UnsafePointer<Scalar>, _ v: UnsafeMutablePointer<Scalar>) -> Void

  /// What `affine` makes of the tiles that m holds, 16 matrices [tiles, filters] `outputStride` apart: pixels of y
  /// [images, patches, filters], in the columns of the block's filters. No others are written.
  package var winogradOutput:
    @Sendable (
      _ block: WinogradBlock, _ m: UnsafePointer<Scalar>, _ affine: AffineArguments<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// Mean and variance (divided by `rows`) of columns of x. Sums over rows are cut into chunks of `KernelTable.chunk`.
  package var columnMoments:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ rowStride: Int, _ rows: Int, _ columns: Int, _ mean: UnsafeMutablePointer<Scalar>,
      _ variance: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// deviation = 1 / sqrt(variance + epsilon), scale = gamma * deviation; without gamma, it is 1.
  package var normalizationScale:
    @Sendable (
      _ variance: UnsafePointer<Scalar>, _ epsilon: Float, _ gamma: UnsafePointer<Scalar>?,
      _ deviation: UnsafeMutablePointer<Scalar>, _ scale: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// offset = beta + scale * (bias - mean), so that scale * x + offset is x + bias, normalised. Without beta or bias,
  /// they are 0.
  package var normalizationOffset:
    @Sendable (
      _ mean: UnsafePointer<Scalar>, _ scale: UnsafePointer<Scalar>, _ bias: UnsafePointer<Scalar>?,
      _ beta: UnsafePointer<Scalar>?, _ offset: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// y = (x - mean) * scale + offset; x and y may be the same. Without offset, it is 0.
  package var normalizeColumns:
    @Sendable (
      _ arguments: NormalizationArguments<Scalar>, _ offset: UnsafePointer<Scalar>?, _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dOffset = sum of dY over the rows, dGamma = sum of dY * (x - mean) * deviation; summed as `columnMoments` does.
  package var normalizationSums:
    @Sendable (
      _ arguments: NormalizationArguments<Scalar>, _ dY: UnsafePointer<Scalar>,
      _ dOffset: UnsafeMutablePointer<Scalar>, _ dGamma: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX = scale * (dY - (dOffset + (x - mean) * deviation * dGamma) / totalRows), if mean and variance are those of x,
  /// else dX = scale * dY (without sums); dX and dY may be the same.
  package var normalizationGradient:
    @Sendable (
      _ arguments: NormalizationArguments<Scalar>,
      _ sums: (dOffset: UnsafePointer<Scalar>, dGamma: UnsafePointer<Scalar>)?, _ dY: UnsafePointer<Scalar>,
      _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// Y of whole rows; mean and deviation are written. Sums over places are cut into chunks of `KernelTable.chunk`.
  package var groupNormalization:
    @Sendable (
      _ arguments: GroupNormalizationArguments<Scalar>, _ epsilon: Float, _ beta: UnsafePointer<Scalar>?,
      _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dBeta and dGamma [channels] of some channels: the sums over all rows of dY, and of dY (x - mean) deviation.
  package var groupNormalizationSums:
    @Sendable (
      _ arguments: GroupNormalizationArguments<Scalar>, _ channels: Range<Int>, _ dY: UnsafePointer<Scalar>,
      _ dBeta: UnsafeMutablePointer<Scalar>, _ dGamma: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX = deviation (g - average of g - x' average of g x'), with g = gamma dY, x' = (x - mean) deviation; averages
  /// over the group.
  package var groupNormalizationGradient:
    @Sendable (
      _ arguments: GroupNormalizationArguments<Scalar>, _ dY: UnsafePointer<Scalar>,
      _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// y [images, patches, channels]: the greatest pixel of each patch of x [images, pixels, channels] that lies in the
  /// image; NaN if any is. (Here and below patches are as deep as the images, without dilation and spacing, and each
  /// has a pixel in the image.)
  package var maxPooling:
    @Sendable (
      _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX: the sum of dY over the patches whose greatest pixel it is; of equal ones, the first of a patch. In the order
  /// of the patches.
  package var maxPoolingGradient:
    @Sendable (
      _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Scalar>,
      _ y: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// y: the average of the pixels of each patch that lie in the image, summed in their order.
  package var averagePooling:
    @Sendable (
      _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ x: UnsafePointer<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX: the sum over its patches of dY divided by the number of their pixels in the image, in the order of the
  /// patches.
  package var averagePoolingGradient:
    @Sendable (
      _ geometry: UnsafePointer<PatchGeometry>, _ imageCount: Int, _ dY: UnsafePointer<Scalar>,
      _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// y: images in another size.
  package var resize:
    @Sendable (
      _ geometry: ResizeGeometry, _ imageCount: Int, _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX: the sum of dY times the share of the pixel in it, in the order of dY.
  package var resizeGradient:
    @Sendable (
      _ geometry: ResizeGeometry, _ imageCount: Int, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// y: images seen through maps, of which each has its own.
  package var sample:
    @Sendable (
      _ geometry: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Scalar>, _ x: UnsafePointer<Scalar>,
      _ y: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// dX: the sum of dY times the share of the pixel in it, in the order of dY.
  package var sampleGradient:
    @Sendable (
      _ geometry: SampleGeometry, _ imageCount: Int, _ maps: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>,
      _ dX: UnsafeMutablePointer<Scalar>
    ) -> Void

  /// Write the first `rowCount` rows of a source, one after the other. Returns false if any result is NaN or infinite
  /// (all are written).
  package var gather:
    @Sendable (_ source: SourceRows, _ rowCount: Int, _ destination: UnsafeMutablePointer<Scalar>) -> Bool

  /// average = momentum * average + (1 - momentum) * x over `count` elements.
  package var movingAverage:
    @Sendable (
      _ x: UnsafePointer<Scalar>, _ momentum: Double, _ average: UnsafeMutablePointer<Scalar>, _ count: Int
    ) -> Void

  /// Whether all `count` elements are finite.
  package var allFinite: @Sendable (_ x: UnsafePointer<Scalar>, _ count: Int) -> Bool

  package init(
    name: String,
    gemmWorkspaceCount: Int,
    gemm: @escaping @Sendable (GEMMArguments<Scalar>) -> Void,
    activation:
      @escaping @Sendable (ActivationFunction, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int) -> Void,
    activationGradient:
      @escaping @Sendable (
        ActivationFunction, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int
      ) -> Void,
    softmax: @escaping @Sendable (UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int, Int) -> Void,
    softmaxGradient:
      @escaping @Sendable (
        UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int, Int
      ) -> Void,
    loss: @escaping @Sendable (LossArguments<Scalar>) -> Void,
    columnSums: @escaping @Sendable (UnsafePointer<Scalar>, Int, Int, Int, UnsafeMutablePointer<Scalar>) -> Void,
    update: @escaping @Sendable (UpdateRule, UpdateTarget<Scalar>, UnsafePointer<Scalar>, Int) -> Void,
    addRegularizationGradient:
      @escaping @Sendable (Float, Float, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int) -> Void,
    constrain: @escaping @Sendable (WeightConstraint, UnsafeMutablePointer<Scalar>, Int, Int, Int) -> Void,
    norms: @escaping @Sendable (UnsafePointer<Scalar>, Int) -> (absolute: Double, squared: Double),
    standardizeColumns:
      @escaping @Sendable (
        UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int, Int
      ) -> Void,
    scale: @escaping @Sendable (UnsafePointer<Scalar>, Double, Double, UnsafeMutablePointer<Scalar>, Int) -> Void,
    combine:
      @escaping @Sendable (
        Combination, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int
      ) -> Void,
    gate:
      @escaping @Sendable (
        UnsafePointer<Scalar>, UnsafePointer<Scalar>, Bool, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int
      ) -> Void,
    copyColumns:
      @escaping @Sendable (UnsafePointer<Scalar>, Int, UnsafeMutablePointer<Scalar>, Int, Int, Int) -> Void,
    swapAxes: @escaping @Sendable (UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, Int, Int, Int, Int) -> Void,
    depthwise:
      @escaping @Sendable (
        DepthwiseArguments<Scalar>, UnsafePointer<Scalar>, AffineArguments<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    depthwiseInputGradient:
      @escaping @Sendable (
        DepthwiseArguments<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    depthwiseWeightGradient:
      @escaping @Sendable (
        DepthwiseArguments<Scalar>, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    winogradWeights: @escaping @Sendable (UnsafePointer<Scalar>, Int, Int, UnsafeMutablePointer<Scalar>) -> Void,
    winogradInput: @escaping @Sendable (WinogradBlock, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>) -> Void,
    winogradOutput:
      @escaping @Sendable (
        WinogradBlock, UnsafePointer<Scalar>, AffineArguments<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    columnMoments:
      @escaping @Sendable (
        UnsafePointer<Scalar>, Int, Int, Int, UnsafeMutablePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    normalizationScale:
      @escaping @Sendable (
        UnsafePointer<Scalar>, Float, UnsafePointer<Scalar>?, UnsafeMutablePointer<Scalar>,
        UnsafeMutablePointer<Scalar>, Int
      ) -> Void,
    normalizationOffset:
      @escaping @Sendable (
        UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafePointer<Scalar>?, UnsafePointer<Scalar>?,
        UnsafeMutablePointer<Scalar>, Int
      ) -> Void,
    normalizeColumns:
      @escaping @Sendable (
        NormalizationArguments<Scalar>, UnsafePointer<Scalar>?, UnsafeMutablePointer<Scalar>
      ) -> Void,
    normalizationSums:
      @escaping @Sendable (
        NormalizationArguments<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>,
        UnsafeMutablePointer<Scalar>
      ) -> Void,
    normalizationGradient:
      @escaping @Sendable (
        NormalizationArguments<Scalar>, (dOffset: UnsafePointer<Scalar>, dGamma: UnsafePointer<Scalar>)?,
        UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    groupNormalization:
      @escaping @Sendable (
        GroupNormalizationArguments<Scalar>, Float, UnsafePointer<Scalar>?, UnsafeMutablePointer<Scalar>
      ) -> Void,
    groupNormalizationSums:
      @escaping @Sendable (
        GroupNormalizationArguments<Scalar>, Range<Int>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>,
        UnsafeMutablePointer<Scalar>
      ) -> Void,
    groupNormalizationGradient:
      @escaping @Sendable (
        GroupNormalizationArguments<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    maxPooling:
      @escaping @Sendable (
        UnsafePointer<PatchGeometry>, Int, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    maxPoolingGradient:
      @escaping @Sendable (
        UnsafePointer<PatchGeometry>, Int, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafePointer<Scalar>,
        UnsafeMutablePointer<Scalar>
      ) -> Void,
    averagePooling:
      @escaping @Sendable (
        UnsafePointer<PatchGeometry>, Int, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    averagePoolingGradient:
      @escaping @Sendable (
        UnsafePointer<PatchGeometry>, Int, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    resize: @escaping @Sendable (ResizeGeometry, Int, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>) -> Void,
    resizeGradient:
      @escaping @Sendable (ResizeGeometry, Int, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>) -> Void,
    sample:
      @escaping @Sendable (
        SampleGeometry, Int, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    sampleGradient:
      @escaping @Sendable (
        SampleGeometry, Int, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
      ) -> Void,
    gather: @escaping @Sendable (SourceRows, Int, UnsafeMutablePointer<Scalar>) -> Bool,
    movingAverage: @escaping @Sendable (UnsafePointer<Scalar>, Double, UnsafeMutablePointer<Scalar>, Int) -> Void,
    allFinite: @escaping @Sendable (UnsafePointer<Scalar>, Int) -> Bool
  ) {
    self.name = name
    self.gemmWorkspaceCount = gemmWorkspaceCount
    self.gemm = gemm
    self.activation = activation
    self.activationGradient = activationGradient
    self.softmax = softmax
    self.softmaxGradient = softmaxGradient
    self.loss = loss
    self.columnSums = columnSums
    self.update = update
    self.addRegularizationGradient = addRegularizationGradient
    self.constrain = constrain
    self.norms = norms
    self.standardizeColumns = standardizeColumns
    self.scale = scale
    self.combine = combine
    self.gate = gate
    self.copyColumns = copyColumns
    self.swapAxes = swapAxes
    self.depthwise = depthwise
    self.depthwiseInputGradient = depthwiseInputGradient
    self.depthwiseWeightGradient = depthwiseWeightGradient
    self.winogradWeights = winogradWeights
    self.winogradInput = winogradInput
    self.winogradOutput = winogradOutput
    self.columnMoments = columnMoments
    self.normalizationScale = normalizationScale
    self.normalizationOffset = normalizationOffset
    self.normalizeColumns = normalizeColumns
    self.normalizationSums = normalizationSums
    self.normalizationGradient = normalizationGradient
    self.groupNormalization = groupNormalization
    self.groupNormalizationSums = groupNormalizationSums
    self.groupNormalizationGradient = groupNormalizationGradient
    self.maxPooling = maxPooling
    self.maxPoolingGradient = maxPoolingGradient
    self.averagePooling = averagePooling
    self.averagePoolingGradient = averagePoolingGradient
    self.resize = resize
    self.resizeGradient = resizeGradient
    self.sample = sample
    self.sampleGradient = sampleGradient
    self.gather = gather
    self.movingAverage = movingAverage
    self.allFinite = allFinite
  }
}
