// What a convolution multiplies: patches of images as the rows of a matrix that is never written. Packing reads its
// elements from the images.

/// Images [height, width, channels] and the patches of them that a kernel meets. Patch (image, y, x) is a row of the
/// matrix, in this order; element (ky, kx, c) of a patch a column:
///
///     images[image, y * strideY + ky * dilationY - top, x * strideX + kx * dilationX - left, c]
///
/// and 0 outside the image. With a spacing, as in gradients and transposed convolutions, the pixels lie that many
/// places apart, and the places between them are 0.
package struct PatchGeometry: Sendable, BitwiseCopyable, Equatable {
  package var height: Int
  package var width: Int
  /// Of each image; a patch holds the first `depth` of them, if convolutions are grouped.
  package var channels: Int
  package var depth: Int
  package var patchesDown: Int
  package var patchesAcross: Int
  package var kernelHeight: Int
  package var kernelWidth: Int
  package var strideY = 1
  package var strideX = 1
  package var dilationY = 1
  package var dilationX = 1
  package var top = 0
  package var left = 0
  package var spacingY = 1
  package var spacingX = 1

  package init(
    height: Int, width: Int, channels: Int, depth: Int, patchesDown: Int, patchesAcross: Int, kernelHeight: Int,
    kernelWidth: Int
  ) {
    self.height = height
    self.width = width
    self.channels = channels
    self.depth = depth
    self.patchesDown = patchesDown
    self.patchesAcross = patchesAcross
    self.kernelHeight = kernelHeight
    self.kernelWidth = kernelWidth
  }

  /// Whether patches are pixels between which others are in none.
  package var skipsPixels: Bool {
    kernelHeight == 1 && kernelWidth == 1 && (strideY > 1 || strideX > 1) && top == 0 && left == 0
  }

  /// Rows of the matrix for one image.
  package var patchCount: Int { patchesDown * patchesAcross }

  /// Elements of an image, and of what pooling makes of it.
  package var imageSize: Int { height * width * channels }
  package var pooledSize: Int { patchCount * channels }

  /// Columns of the matrix.
  package var patchSize: Int { kernelHeight * kernelWidth * depth }
}

extension PatchGeometry {
  /// Patches of what a convolution over these patches results in, one for each pixel of its input, in which the kernel
  /// lies the other way round: what a transposed convolution multiplies, such as the gradient by the input.
  ///
  /// - Parameters:
  ///   - channels: of the result.
  ///   - depth: of one group of it.
  package func transposed(channels: Int, depth: Int) -> PatchGeometry {
    var result = PatchGeometry(
      height: patchesDown, width: patchesAcross, channels: channels, depth: depth, patchesDown: height,
      patchesAcross: width, kernelHeight: kernelHeight, kernelWidth: kernelWidth)
    (result.dilationY, result.dilationX) = (dilationY, dilationX)
    (result.spacingY, result.spacingX) = (strideY, strideX)
    result.top = (kernelHeight - 1) * dilationY - top
    result.left = (kernelWidth - 1) * dilationX - left
    return result
  }
}

/// A part of a matrix of patches, or of its transpose.
package struct Patches: Sendable, BitwiseCopyable {
  package var geometry: PatchGeometry
  package var firstPatch: Int
  package var firstElement: Int
  package var isTransposed: Bool

  package init(_ geometry: PatchGeometry, firstPatch: Int, firstElement: Int, isTransposed: Bool) {
    self.geometry = geometry
    self.firstPatch = firstPatch
    self.firstElement = firstElement
    self.isTransposed = isTransposed
  }
}
