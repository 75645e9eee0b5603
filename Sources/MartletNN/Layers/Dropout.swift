// Dropout (Srivastava et al. 2014), in the inverted form: nothing to do in prediction. With masks that are the same
// along some axes it drops whole channels (SpatialDropout2D; Tompson et al. 2015) or whole rows (stochastic depth).

import MartletCore
import MartletKernelInterface

/// In training y = x * mask, mask = 0 with probability `rate`, else 1 / (1 - rate). Element i of the mask depends only
/// on (seed, layer, step, i), so it is the same for any number of threads.
package struct Dropout: Layer {
  /// Along which axes of a row elements share their fate.
  package enum Sharing: Sendable, Equatable {
    case none
    /// All but the last: Keras' SpatialDropout1D (rank 1, of sequences) and 2D.
    case places(rank: Int)
    /// Some of them: Keras' `noise_shape`, true where it is 1.
    case axes([Bool])
  }

  package var rate: Double
  package var sharing: Sharing

  package init(rate: Double, sharing: Sharing = .none) {
    self.rate = rate
    self.sharing = sharing
  }

  package var className: String { if case .places(let rank) = sharing { "SpatialDropout\(rank)D" } else { "Dropout" } }

  package var isRandom: Bool { rate > 0 }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    switch sharing {
    case .none: break
    case .places(let rank): _ = try SlidingWindow.image(input, rank: rank, of: className)
    case .axes(let shared):
      guard shared.count == input.rank, spread(of: input) != nil else {
        throw MartletError(
          .invalidArgument,
          "Dropout takes a noise_shape with as many axes as its input, which has rows of shape \(input), of which those "
            + "that are 1 lie side by side")
      }
    }
    return input
  }

  /// How the mask of a row is spread over it; nil if it has its shape, or the shared axes are apart from each other.
  private func spread(of row: Shape) -> ResizeGeometry? {
    let shared: [Bool]
    switch sharing {
    case .none: return nil
    case .places: shared = row.dimensions.indices.map { $0 < row.rank - 1 }
    case .axes(let axes): shared = axes
    }
    guard let first = shared.firstIndex(of: true), let last = shared.lastIndex(of: true),
      (first...last).allSatisfy({ shared[$0] || row.dimensions[$0] == 1 })
    else { return nil }
    func size(_ range: Range<Int>) -> Int { row.dimensions[range].reduce(1, *) }
    return ResizeGeometry(
      height: size(0..<first), width: 1, channels: size((last + 1)..<row.rank), resultHeight: size(0..<first),
      resultWidth: size(first..<(last + 1)), interpolation: .nearest)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.isTraining(site), rate > 0 else {
      lowering.passThrough(site)
      return
    }
    let count = site.outputShape.elementCount
    let mask = lowering.scratch(ofNode: site.output, count: count)
    if let geometry = spread(of: site.outputShape) {
      let (small, smallCount) = (lowering.temporary(count: geometry.imageSize), geometry.imageSize)
      lowering.appendForward(
        .dropoutMask(mask: small, count: .perRow(smallCount), rate: rate, stream: UInt64(site.output)))
      lowering.appendForward(.resize(geometry, x: small, y: mask))
    } else {
      lowering.appendForward(.dropoutMask(mask: mask, count: .perRow(count), rate: rate, stream: UInt64(site.output)))
    }
    lowering.appendForward(
      .combine(
        .multiply, a: lowering.value(of: site.inputs[0]), b: mask, y: lowering.value(of: site.output),
        count: .perRow(count)))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    guard lowering.isTraining(site), rate > 0 else {
      lowering.passGradientThrough(site)
      return
    }
    let count = site.outputShape.elementCount
    let dY = lowering.gradient(of: site.output)
    let mask = lowering.scratch(ofNode: site.output, count: count)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .combine(.multiply, a: dY, b: mask, y: destination, count: .perRow(count))
    }
  }
}
