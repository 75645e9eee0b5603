// The window that convolutions and poolings slide over images.

import MartletCore
import MartletKernelInterface

/// Size, steps and dilation of a window, each [down, across]; of a sequence it is one high.
package struct SlidingWindow: Sendable, Equatable {
  package enum Padding: Sendable, CaseIterable {
    /// None: the window stays inside.
    case valid
    /// Zeros, half of them before and half after, so that there are ceil(size / stride) positions. If their number is
    /// odd, there is one more after.
    case same
    /// Zeros before, so that no position sees what comes after it: of sequences.
    case causal
  }

  package var size: [Int]
  package var strides: [Int]
  package var dilation: [Int]
  package var padding: Padding

  /// Of size, strides and dilation: sums and products of them stay far below `Int.max`.
  package static let maximumSize = 1 << 24

  package init(size: [Int], strides: [Int], dilation: [Int] = [1, 1], padding: Padding = .valid) {
    self.size = size
    self.strides = strides
    self.dilation = dilation
    self.padding = padding
  }

  /// Whether the window is one element that stops at each.
  var isPointwise: Bool { size == [1, 1] && strides == [1, 1] }

  /// Height, width and channels of a row: of a sequence (rank 1) or of an image (rank 2).
  ///
  /// - Throws: `invalidArgument` if a row is not one.
  static func image(
    _ row: Shape, rank: Int, of className: String
  ) throws(MartletError) -> (size: [Int], channels: Int) {
    guard row.rank == rank + 1 else {
      let expected = rank == 1 ? "[length, channels]" : "[height, width, channels]"
      throw MartletError(.invalidArgument, "\(className) takes rows of shape \(expected), not \(row)")
    }
    return (rank == 1 ? [1, row.dimensions[0]] : Array(row.dimensions.prefix(2)), row.lastDimension)
  }

  /// Where the window stops on one axis of an input: how often, and how many zeros come before.
  ///
  /// - Throws: `invalidArgument` if the input is shorter than the window.
  func positions(_ axis: Int, over length: Int) throws(MartletError) -> (count: Int, before: Int) {
    let (extent, stride) = ((size[axis] - 1) * dilation[axis] + 1, strides[axis])
    switch padding {
    case .same:
      let count = (length + stride - 1) / stride
      return (count, max(0, (count - 1) * stride + extent - length) / 2)
    case .causal:
      return ((length - 1) / stride + 1, extent - 1)
    case .valid:
      guard length >= extent else {
        throw MartletError(
          .invalidArgument,
          "the window covers \(extent) elements of an axis that has \(length); make the window smaller, or pad")
      }
      return ((length - extent) / stride + 1, 0)
    }
  }

  /// Patches of an image of that size, as the window meets them.
  func patches(of size: [Int], channels: Int, depth: Int) throws(MartletError) -> PatchGeometry {
    let (down, across) = (try positions(0, over: size[0]), try positions(1, over: size[1]))
    var geometry = PatchGeometry(
      height: size[0], width: size[1], channels: channels, depth: depth, patchesDown: down.count,
      patchesAcross: across.count, kernelHeight: self.size[0], kernelWidth: self.size[1])
    (geometry.strideY, geometry.strideX) = (strides[0], strides[1])
    (geometry.dilationY, geometry.dilationX) = (dilation[0], dilation[1])
    (geometry.top, geometry.left) = (down.before, across.before)
    return geometry
  }
}
