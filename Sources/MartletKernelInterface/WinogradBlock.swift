// How a convolution by kernels of 3 x 3 is cut into tiles whose sums over channels are matrix products.

/// Some tiles of a convolution by kernels g of 3 x 3 without strides and dilation, F(2 x 2, 3 x 3) of Lavin and Gray,
/// "Fast Algorithms for Convolutional Neural Networks" (2016). A tile of 2 x 2 pixels of the result is made from the
/// 4 x 4 pixels d under it,
///
///     Y = A^T [sum over channels of (G g G^T) o (B^T d B)] A
///
///           1  0 -1  0          1    0    0          1  0
///     B^T = 0  1  1  0    G =  1/2  1/2  1/2    A =  1  1
///           0 -1  1  0         1/2 -1/2  1/2         1 -1
///           0  1  0 -1          0    0    1          0 -1
///
/// with 16 products of a channel and a filter for four pixels in place of 36. The sums of each of the 16 elements are
/// a matrix product: V [tiles, channels] from the images, U [channels, filters] from the kernel, M = V U.
package struct WinogradBlock: Sendable {
  /// Of images as deep as their patches, which are 3 x 3.
  package var geometry: PatchGeometry
  /// Filters of the convolution.
  package var filterCount: Int
  /// Those that M has columns for.
  package var filters: Range<Int>
  /// Numbers of tiles: row by row in an image, image after image.
  package var tiles: Range<Int>

  package init(geometry: PatchGeometry, filterCount: Int, filters: Range<Int>, tiles: Range<Int>) {
    self.geometry = geometry
    self.filterCount = filterCount
    self.filters = filters
    self.tiles = tiles
  }

  /// Elements of a transformed tile, or kernel.
  package static var elementCount: Int { 16 }

  /// Where an element of the transform of a kernel is in the transform of the same kernel turned by half a turn: G of a
  /// column in reverse is G of the column with its first and last elements exchanged.
  @inline(__always)
  package static func turned(_ element: Int) -> Int {
    let (i, j) = (element / 4, element % 4)
    return 4 * (i % 3 == 0 ? 3 - i : i) + (j % 3 == 0 ? 3 - j : j)
  }

  /// From a matrix V, or M, to the next one. A cache line lies between them, so that those of an element of a tile do
  /// not all meet in the same set of a cache.
  package var inputStride: Int { tiles.count * geometry.channels + 16 }
  package var outputStride: Int { tiles.count * filters.count + 16 }

  /// The image of a tile, and the first pixel of its part of the result.
  @inline(__always)
  package func place(of tile: Int) -> (image: Int, y: Int, x: Int) {
    let (image, number) = tile.quotientAndRemainder(dividingBy: geometry.winogradTileCount)
    let (y, x) = number.quotientAndRemainder(dividingBy: geometry.winogradTilesAcross)
    return (image, 2 * y, 2 * x)
  }
}

extension PatchGeometry {
  package var winogradTilesAcross: Int { (patchesAcross + 1) / 2 }

  /// Tiles of one image.
  package var winogradTileCount: Int { (patchesDown + 1) / 2 * winogradTilesAcross }
}
