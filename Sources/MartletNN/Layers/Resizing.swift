// Images with other borders or in another size: ZeroPadding2D, Cropping2D, UpSampling2D, Resizing.

import MartletCore
import MartletKernelInterface

/// Rows and columns at the borders of images [H, W, C], added as zeros or taken away.
package struct Borders: Layer {
  package enum Kind: Sendable { case zeroPadding, cropping }

  package var kind: Kind
  package var top: Int
  package var bottom: Int
  package var left: Int
  package var right: Int

  package init(_ kind: Kind, top: Int, bottom: Int, left: Int, right: Int) {
    self.kind = kind
    self.top = top
    self.bottom = bottom
    self.left = left
    self.right = right
  }

  /// Of each border.
  package static let maximumSize = SlidingWindow.maximumSize

  package var className: String { kind == .zeroPadding ? "ZeroPadding2D" : "Cropping2D" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    let image = try SlidingWindow.image(input, rank: 2, of: className)
    let (height, width) = (top + bottom, left + right)
    switch kind {
    case .zeroPadding:
      return try Shape(
        [image.size[0] + height, image.size[1] + width, image.channels], of: "the output of a \(className) layer")
    case .cropping:
      guard height < image.size[0], width < image.size[1] else {
        throw MartletError(
          .invalidArgument, "\(className) takes \(height) rows and \(width) columns from images of shape \(input)")
      }
      return try Shape(
        [image.size[0] - height, image.size[1] - width, image.channels], of: "the output of a \(className) layer")
    }
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    let isPadding = kind == .zeroPadding
    let (outer, inner) = isPadding ? (site.outputShape, site.inputShapes[0]) : (site.inputShapes[0], site.outputShape)
    for operation in operations(isPadding, x, y, outer: outer, inner: inner, &lowering) {
      lowering.appendForward(operation)
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let dY = lowering.gradient(of: site.output)
    let isPadding = kind == .zeroPadding
    let (outer, inner) = isPadding ? (site.outputShape, site.inputShapes[0]) : (site.inputShapes[0], site.outputShape)
    let dX = lowering.temporary(count: site.inputShapes[0].elementCount)
    for operation in operations(!isPadding, dY, dX, outer: outer, inner: inner, &lowering) {
      lowering.appendBackward(operation)
    }
    let count = Extent.perRow(site.inputShapes[0].elementCount)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .activation(ActivationFunction(.linear), x: dX, y: destination, count: count)
    }
  }

  /// Copy the inside of images into larger ones of zeros, or from larger ones: the columns of one axis, then of the
  /// other.
  private func operations(
    _ isPadding: Bool, _ x: BufferID, _ y: BufferID, outer: Shape, inner: Shape, _ lowering: inout Lowering
  ) -> [Operation] {
    let (height, width) = (inner.dimensions[0], inner.dimensions[1] * inner.lastDimension)
    let outerWidth = outer.dimensions[1] * outer.lastDimension
    let column = left * inner.lastDimension
    // As high as the inner images, as wide as the outer ones.
    let between = lowering.temporary(count: height * outerWidth)
    if isPadding {
      return [
        .clear(between, count: .perRow(height * outerWidth)),
        .copyColumns(
          x: x, xColumn: 0, xStride: width, y: between, yColumn: column, yStride: outerWidth, rows: .perRow(height),
          columns: width),
        .clear(y, count: .perRow(outer.elementCount)),
        .copyColumns(
          x: between, xColumn: 0, xStride: height * outerWidth, y: y, yColumn: top * outerWidth,
          yStride: outer.elementCount, rows: .perRow(1), columns: height * outerWidth),
      ]
    }
    return [
      .copyColumns(
        x: x, xColumn: top * outerWidth, xStride: outer.elementCount, y: between, yColumn: 0,
        yStride: height * outerWidth, rows: .perRow(1), columns: height * outerWidth),
      .copyColumns(
        x: between, xColumn: column, xStride: outerWidth, y: y, yColumn: 0, yStride: width, rows: .perRow(height),
        columns: width),
    ]
  }
}

/// Images [H, W, C] in another size.
package struct Resizing: Layer {
  package enum Size: Sendable, Equatable {
    /// Keras' Resizing.
    case of(height: Int, width: Int)
    /// Keras' UpSampling2D: so many times as high and as wide.
    case times(Int, Int)
  }

  package var size: Size
  package var interpolation: Interpolation

  package init(_ size: Size, _ interpolation: Interpolation) {
    self.size = size
    self.interpolation = interpolation
  }

  package var className: String { if case .of = size { "Resizing" } else { "UpSampling2D" } }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let geometry = try geometry(of: inputs)
    return try Shape(
      [geometry.resultHeight, geometry.resultWidth, geometry.channels], of: "the output of a \(className) layer")
  }

  private func geometry(of inputs: [Shape]) throws(MartletError) -> ResizeGeometry {
    let image = try SlidingWindow.image(try single(inputs), rank: 2, of: className)
    var (height, width) = (0, 0)
    switch size {
    case .of(let resultHeight, let resultWidth): (height, width) = (resultHeight, resultWidth)
    case .times(let down, let across):
      for (length, factor) in zip(image.size, [down, across])
      where length > Shape.maximumElementCount / factor {
        throw MartletError(.invalidArgument, "the output of a \(className) layer is too large")
      }
      (height, width) = (image.size[0] * down, image.size[1] * across)
    }
    return ResizeGeometry(
      height: image.size[0], width: image.size[1], channels: image.channels, resultHeight: height, resultWidth: width,
      interpolation: interpolation)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? geometry(of: site.inputShapes) else { return }  // it was made before
    lowering.appendForward(
      .resize(geometry, x: lowering.value(of: site.inputs[0]), y: lowering.value(of: site.output)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]), let geometry = try? geometry(of: site.inputShapes) else { return }
    let dY = lowering.gradient(of: site.output)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .resizeGradient(geometry, dY: dY, dX: destination)
    }
  }
}
