// Poolings over images and sequences, channels last: MaxPooling2D, AveragePooling1D, GlobalAveragePooling2D and so on.

import MartletCore
import MartletKernelInterface

/// y: the greatest or the average element, of each channel, that a window meets at each of its stops; or of the whole
/// image or sequence. Padding does not count. Of equal ones, the first gets the gradient.
package struct Pooling: Layer {
  package enum Kind: Sendable, CaseIterable { case max, average }

  package var kind: Kind
  package var rank: Int
  /// nil: over the whole.
  package var window: SlidingWindow?
  /// Whether a global pooling leaves axes of size 1: [1, 1, channels].
  package var keepsDimensions: Bool

  /// - Parameter rank: 1 over sequences, whose window is one high, 2 over images.
  package init(_ kind: Kind, rank: Int, window: SlidingWindow?, keepsDimensions: Bool = false) {
    self.kind = kind
    self.rank = rank
    self.window = window
    self.keepsDimensions = keepsDimensions
  }

  package var className: String {
    (window == nil ? "Global" : "") + (kind == .max ? "Max" : "Average") + "Pooling\(rank)D"
  }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let geometry = try patches(of: inputs)
    let size = window != nil || keepsDimensions ? [geometry.patchesDown, geometry.patchesAcross].suffix(rank) : []
    return try Shape(size + [geometry.channels], of: "the output of a \(className) layer")
  }

  private func patches(of inputs: [Shape]) throws(MartletError) -> PatchGeometry {
    let image = try SlidingWindow.image(try single(inputs), rank: rank, of: className)
    let window = window ?? SlidingWindow(size: image.size, strides: [1, 1])
    return try window.patches(of: image.size, channels: image.channels, depth: image.channels)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? patches(of: site.inputShapes) else { return }  // it was made before
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    switch kind {
    case .max: lowering.appendForward(.maxPooling(geometry, x: x, y: y))
    case .average: lowering.appendForward(.averagePooling(geometry, x: x, y: y))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]), let geometry = try? patches(of: site.inputShapes) else { return }
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    let dY = lowering.gradient(of: site.output)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      switch kind {
      case .max: .maxPoolingGradient(geometry, x: x, y: y, dY: dY, dX: destination)
      case .average: .averagePoolingGradient(geometry, dY: dY, dX: destination)
      }
    }
  }
}
