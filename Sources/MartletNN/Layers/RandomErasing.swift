// Keras' RandomErasing (Zhong et al., "Random Erasing Data Augmentation", 2017): boxes of images filled with something
// else in training.

import MartletCore
import MartletKernelInterface

/// In training a box of an image is filled with probability p, drawn from `factor` for each image. Its sides are those
/// of the image times roots of numbers drawn from `scale`, it lies anywhere. All depends only on (seed, layer, step,
/// position in the batch).
package struct RandomErasing: Layer {
  package enum Fill: Sendable, BitwiseCopyable {
    /// N(0, 1) times the upper bound of the values of pixels.
    case noise
    case value(Float)
    /// One for each of three channels.
    case values(SIMD3<Float>)
  }

  package var factor: FactorRange
  package var scale: FactorRange
  package var fill: Fill
  /// Bounds of the values that boxes are filled with.
  package var valueRange: (low: Float, high: Float)

  /// The defaults are Keras'.
  package init(
    factor: FactorRange = .erasing, scale: FactorRange = .erasedShare, fill: Fill = .noise,
    valueRange: (low: Float, high: Float) = (0, 255)
  ) {
    self.factor = factor
    self.scale = scale
    self.fill = fill
    self.valueRange = valueRange
  }

  package var className: String { "RandomErasing" }

  package var isRandom: Bool { true }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    let image = try SlidingWindow.image(input, rank: 2, of: className)
    if case .values = fill, image.channels != 3 {
      throw MartletError(
        .invalidArgument, "RandomErasing has 3 fill values, for images with 3 channels; it reads rows of shape \(input)"
      )
    }
    return input
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.isTraining(site) else {
      lowering.passThrough(site)
      return
    }
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    lowering.appendForward(
      .activation(ActivationFunction(.linear), x: x, y: y, count: .perRow(site.outputShape.elementCount)))
    lowering.appendForward(.erase(boxes(site, fill), x: y, stream: UInt64(site.output)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    guard lowering.isTraining(site) else {
      lowering.passGradientThrough(site)
      return
    }
    var zeros = boxes(site, .value(0))
    (zeros.low, zeros.high) = (0, 0)
    let gradient = lowering.gradient(of: site.output)
    lowering.appendBackward(.erase(zeros, x: gradient, stream: UInt64(site.output)))
    lowering.passGradientThrough(site)
  }

  private func boxes(_ site: LayerSite, _ fill: Fill) -> ErasedBoxes {
    let image = site.outputShape.dimensions
    return ErasedBoxes(
      height: image[0], width: image[1], channels: image[2], factor: factor, scale: scale, fill: fill,
      low: valueRange.low, high: valueRange.high)
  }
}

/// Which boxes of the images of a batch are filled, and with what.
package struct ErasedBoxes: Sendable, BitwiseCopyable {
  package var height: Int
  package var width: Int
  package var channels: Int
  package var factor: FactorRange
  package var scale: FactorRange
  package var fill: RandomErasing.Fill
  package var low: Float
  package var high: Float

  /// The pixels of an axis of `size` that lie in the box.
  func span(_ size: Int, scale word: UInt32, place: UInt32) -> Range<Int> {
    let length = scale.value(word).squareRoot() * Double(size)
    let start = unit(place) * (Double(size) - length)
    return Int(start.rounded(.up))..<min(size, Int((start + length).rounded(.up)))
  }
}
