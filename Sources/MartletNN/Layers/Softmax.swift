// Softmax over other axes than the last one; over that it is an activation, which losses can take over.

import MartletCore

/// Y = exp(X) / sum exp(X), the sum over `axes` of each row: neighbours, numbered as in Keras, where 1 is the first
/// axis of a row and -1 the last.
package struct Softmax: Layer {
  package var axes: [Int]

  package init(axes: [Int]) { self.axes = axes }

  package var className: String { "Softmax" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    guard places(in: input) != nil else {
      throw MartletError(
        .invalidArgument,
        "Softmax is over the axes \(Shape.describe(axes)); for rows of shape \(input) they must be neighbours from 1 to "
          + "\(input.rank) or from \(-input.rank) to -1, each once")
    }
    return input
  }

  /// The axes of a row, counted from 0; nil if they are not neighbours.
  private func places(in row: Shape) -> Range<Int>? {
    let places = axes.map { $0 < 0 ? $0 + row.rank : $0 - 1 }.sorted()
    guard let first = places.first, let last = places.last, first >= 0, last < row.rank,
      places == Array(first...last)
    else { return nil }
    return first..<(last + 1)
  }

  /// Brings the axes to the end of the row, and what is seen there as a matrix.
  private func form(_ site: LayerSite) -> (exchange: Exchange, rows: Extent, columns: Int) {
    let sizes = site.outputShape.dimensions
    let places = places(in: site.outputShape) ?? 0..<sizes.count
    func size(_ range: Range<Int>) -> Int { sizes[range].reduce(1, *) }
    let (outer, columns, inner) = (size(0..<places.lowerBound), size(places), size(places.upperBound..<sizes.count))
    return (Exchange(outer: outer, first: columns, second: inner, inner: 1), .perRow(outer * inner), columns)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let (exchange, rows, columns) = form(site)
    let (x, y) = (lowering.value(of: site.inputs[0]), lowering.value(of: site.output))
    guard exchange.second > 1 else {
      lowering.appendForward(.softmax(x: x, y: y, rows: rows, columns: columns))
      return
    }
    let count = site.outputShape.elementCount
    let (moved, result) = (lowering.temporary(count: count), lowering.scratch(ofNode: site.output, count: count))
    lowering.appendForward(exchange.operation(x, moved))
    lowering.appendForward(.softmax(x: moved, y: result, rows: rows, columns: columns))
    lowering.appendForward(exchange.inverse.operation(result, y))
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let (exchange, rows, columns) = form(site)
    let dY = lowering.gradient(of: site.output)
    guard exchange.second > 1 else {
      let y = lowering.value(of: site.output)
      lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .softmaxGradient(y: y, dY: dY, dX: destination, rows: rows, columns: columns)
      }
      return
    }
    let count = site.outputShape.elementCount
    let (moved, result) = (lowering.temporary(count: count), lowering.temporary(count: count))
    let y = lowering.scratch(ofNode: site.output, count: count)
    lowering.appendBackward(exchange.operation(dY, moved))
    lowering.appendBackward(.softmaxGradient(y: y, dY: moved, dX: result, rows: rows, columns: columns))
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in exchange.inverse.operation(result, destination) }
  }
}
