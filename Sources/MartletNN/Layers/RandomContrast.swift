// Keras' RandomContrast: images whose contrast is changed at random in training.

import MartletCore
import MartletKernelInterface

/// In training y = (x - m) f + m, cut off at the bounds of `valueRange`: m is the mean of a channel of the image, f - 1
/// is drawn from [-lower, upper] for each image and depends only on (seed, layer, step, position in the batch).
package struct RandomContrast: Layer {
  package var factor: FactorRange
  /// Bounds of the values of pixels.
  package var valueRange: (low: Float, high: Float)

  package init(_ factor: FactorRange, valueRange: (low: Float, high: Float) = (0, 255)) {
    self.factor = factor
    self.valueRange = valueRange
  }

  package var className: String { "RandomContrast" }

  package var isRandom: Bool { true }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    _ = try SlidingWindow.image(input, rank: 2, of: className)
    return input
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.isTraining(site) else {
      lowering.passThrough(site)
      return
    }
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    // Where it differs from y, the gradient is 0.
    let inside = lowering.needsGradient(site.inputs[0]) ? adjusted(site, &lowering) : y
    let statistics = lowering.temporary(count: 3 * site.outputShape.lastDimension)
    lowering.appendForward(adjustment(site, x, inside, statistics))
    lowering.appendForward(
      .clip(x: inside, low: valueRange.low, high: valueRange.high, y: y, count: .perRow(site.outputShape.elementCount)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    guard lowering.isTraining(site) else {
      lowering.passGradientThrough(site)
      return
    }
    let count = site.outputShape.elementCount
    let inside = lowering.temporary(count: count)
    let operation = Operation.gate(
      a: adjusted(site, &lowering), b: lowering.value(of: site.output), whereEqual: true,
      x: lowering.gradient(of: site.output), y: inside, count: .perRow(count))
    lowering.appendBackward(operation)
    let statistics = lowering.temporary(count: 3 * site.outputShape.lastDimension)
    // The change of contrast is linear and its own adjoint.
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in adjustment(site, inside, destination, statistics) }
  }

  private func adjusted(_ site: LayerSite, _ lowering: inout Lowering) -> BufferID {
    lowering.scratch(ofNode: site.output, count: site.outputShape.elementCount)
  }

  private func adjustment(_ site: LayerSite, _ x: BufferID, _ y: BufferID, _ statistics: BufferID) -> Operation {
    let channels = site.outputShape.lastDimension
    return .adjustContrast(
      factor, x: x, statistics: statistics, y: y, places: site.outputShape.elementCount / channels, channels: channels,
      stream: UInt64(site.output))
  }
}
