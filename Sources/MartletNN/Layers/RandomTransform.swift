// Keras' layers that see images through a random affine map in training: RandomFlip, RandomTranslation, RandomRotation,
// RandomZoom, RandomCrop.

import MartletCore
import MartletKernelInterface

/// Each image of a batch has a map of its own, which depends only on (seed, layer, step, position in the batch).
package struct RandomTransform: Layer {
  /// What is drawn in training; not `middle`, which is what RandomCrop does otherwise.
  package var map: RandomMap
  /// Of the windows of RandomCrop.
  package var height = 0
  package var width = 0
  package var fillMode: FillMode
  package var interpolation: Interpolation
  package var fillValue: Float

  package init(
    _ map: RandomMap, fillMode: FillMode = .reflect, interpolation: Interpolation = .bilinear, fillValue: Float = 0
  ) {
    self.map = map
    self.fillMode = fillMode
    self.interpolation = interpolation
    self.fillValue = fillValue
  }

  /// RandomCrop.
  package init(height: Int, width: Int) {
    self.init(.window)
    (self.height, self.width) = (height, width)
  }

  package var className: String {
    switch map {
    case .flip: "RandomFlip"
    case .translation: "RandomTranslation"
    case .rotation: "RandomRotation"
    case .zoom: "RandomZoom"
    case .window, .middle: "RandomCrop"
    }
  }

  private var isCrop: Bool { if case .window = map { true } else { false } }

  package var isRandom: Bool { true }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    let image = try SlidingWindow.image(input, rank: 2, of: className)
    guard isCrop else { return input }
    guard height <= image.size[0], width <= image.size[1] else {
      throw MartletError(
        .invalidArgument,
        "RandomCrop takes windows of \(height) x \(width) pixels from images of shape \(input); it does not enlarge "
          + "them, as Resizing does")
    }
    return try Shape([height, width, image.channels], of: "the output of a RandomCrop layer")
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.isTraining(site) || isCrop else {
      lowering.passThrough(site)
      return
    }
    let map = lowering.isTraining(site) ? map : .middle
    let geometry = geometry(site, map)
    let maps = lowering.scratch(ofNode: site.output, count: SampleGeometry.mapCount)
    lowering.appendForward(.randomMaps(map, geometry.sizes, maps: maps, stream: UInt64(site.output)))
    lowering.appendForward(
      .sample(geometry, maps: maps, x: lowering.value(of: site.inputs[0]), y: lowering.value(of: site.output)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    guard lowering.isTraining(site) || isCrop else {
      lowering.passGradientThrough(site)
      return
    }
    let map = lowering.isTraining(site) ? map : .middle
    let dY = lowering.gradient(of: site.output)
    let maps = lowering.scratch(ofNode: site.output, count: SampleGeometry.mapCount)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .sampleGradient(geometry(site, map), maps: maps, dY: dY, dX: destination)
    }
  }

  private func geometry(_ site: LayerSite, _ map: RandomMap) -> SampleGeometry {
    // Flips and windows move whole pixels.
    let interpolation: Interpolation =
      switch map {
      case .flip, .window: .nearest
      case .middle: .bilinear
      case .translation, .rotation, .zoom: self.interpolation
      }
    let (image, result) = (site.inputShapes[0].dimensions, site.outputShape.dimensions)
    return SampleGeometry(
      ResizeGeometry(
        height: image[0], width: image[1], channels: image[2], resultHeight: result[0], resultWidth: result[1],
        interpolation: interpolation), fillMode, fillValue: fillValue)
  }
}
