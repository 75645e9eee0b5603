// A fixed scale and offset, such as 1/255 for 8-bit images, or the means of their channels.

import MartletCore

/// y = x * scale + offset. Of each there is 1 (for everything), or one per element of the last axis.
package struct Rescaling: Layer {
  package var scale: [Double]
  package var offset: [Double]

  package init(scale: [Double], offset: [Double] = [0]) {
    self.scale = scale
    self.offset = offset
  }

  package init(scale: Double, offset: Double = 0) { self.init(scale: [scale], offset: [offset]) }

  /// Of numbers on an axis: a plan has constants of this number.
  package static let maximumCount = Normalization.maximumCount

  package var className: String { "Rescaling" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    for (name, count) in [("scale", scale.count), ("offset", offset.count)] {
      guard count == 1 || count == input.lastDimension else {
        throw MartletError(
          .invalidArgument,
          "Rescaling has \(count) numbers as its \(name); rows of shape \(input) take 1 or, one for each channel, "
            + "\(input.lastDimension)")
      }
      guard count <= Rescaling.maximumCount else {
        throw MartletError(
          .unsupported,
          "Rescaling has \(count) numbers as its \(name); at most \(Rescaling.maximumCount) are supported")
      }
    }
    return input
  }

  /// How many columns have numbers of their own.
  private var columns: Int { max(scale.count, offset.count) }

  private func spread(_ values: [Double]) -> [Double] {
    values.count == columns ? values : [Double](repeating: values[0], count: columns)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    let count = site.outputShape.elementCount
    guard columns > 1 else {
      lowering.appendForward(.scale(x: x, scale: scale[0], offset: offset[0], y: y, count: .perRow(count)))
      return
    }
    let factor = lowering.constant(spread(scale))
    let rescaled = NormalizedColumns(
      x: x, rows: .perRow(count / columns), columns: columns,
      mean: lowering.constant(.init(repeating: 0, count: columns)), deviation: factor, scale: factor)
    lowering.appendForward(.normalizeColumns(rescaled, offset: lowering.constant(spread(offset)), y: y))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let dY = lowering.gradient(of: site.output)
    let count = site.outputShape.elementCount
    guard scale.count > 1 else {
      lowering.appendGradient(of: site.inputs[0]) { [scale] destination, _ in
        .scale(x: dY, scale: scale[0], offset: 0, y: destination, count: .perRow(count))
      }
      return
    }
    let zeros = lowering.constant(.init(repeating: 0, count: scale.count))
    let factor = lowering.constant(scale)
    lowering.appendGradient(of: site.inputs[0]) { [scale] destination, _ in
      .standardizeColumns(
        x: dY, mean: zeros, factor: factor, y: destination, rows: .perRow(count / scale.count), columns: scale.count)
    }
  }
}
