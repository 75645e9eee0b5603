// The dimensions of a row in another order.

import MartletCore

/// y[i_1, i_2, ...] = x with dimension `dims[k]` of x as dimension k of y. Any order is a few exchanges of neighbours,
/// each of which is one operation: two dimensions, and [H, W, C] to [C, H, W] and back, take one.
package struct Permute: Layer {
  /// Keras' numbering: the dimensions of a row are 1, 2, ..., as 0 is the batch.
  package var dims: [Int]

  package init(_ dims: [Int]) { self.dims = dims }

  package var className: String { "Permute" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    guard dims.count == input.rank, dims.sorted() == Array(1...max(input.rank, 1)) else {
      throw MartletError(
        .invalidArgument,
        "Permute has the order \(Shape.describe(dims)); rows of shape \(input) take each of 1 to \(input.rank) once")
    }
    return try Shape(dims.map { input.dimensions[$0 - 1] }, of: "the output of a Permute layer")
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let exchanges = Exchange.sequence(to: dims.map { $0 - 1 }, of: site.inputShapes[0].dimensions)
    guard !exchanges.isEmpty else {
      lowering.passThrough(site)
      return
    }
    var x = lowering.value(of: site.inputs[0])
    for (index, exchange) in exchanges.enumerated() {
      let isLast = index == exchanges.count - 1
      let y = isLast ? lowering.value(of: site.output) : lowering.temporary(count: site.outputShape.elementCount)
      lowering.appendForward(exchange.operation(x, y))
      x = y
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    let inverse = dims.indices.map { index in dims.firstIndex(of: index + 1) ?? index }
    let exchanges = Exchange.sequence(to: inverse, of: site.outputShape.dimensions)
    guard let last = exchanges.last else {
      lowering.passGradientThrough(site)
      return
    }
    var dY = lowering.gradient(of: site.output)
    for exchange in exchanges.dropLast() {
      let dX = lowering.temporary(count: site.outputShape.elementCount)
      lowering.appendBackward(exchange.operation(dY, dX))
      dY = dX
    }
    lowering.appendGradient(of: site.inputs[0]) { [dY] destination, _ in last.operation(dY, destination) }
  }
}

/// A row seen as [outer, first, second, inner] becomes [outer, second, first, inner].
struct Exchange: Equatable {
  let outer: Int
  let first: Int
  let second: Int
  let inner: Int

  func operation(_ x: BufferID, _ y: BufferID) -> Operation {
    .swapAxes(x: x, y: y, blocks: .perRow(outer), first: first, second: second, inner: inner)
  }

  var inverse: Exchange { Exchange(outer: outer, first: second, second: first, inner: inner) }

  /// Exchanges that bring axes into an order: from the front, whatever axes belong to a place, together with those that
  /// follow them already, jump over the axes in between.
  static func sequence(to order: [Int], of sizes: [Int]) -> [Exchange] {
    func size(_ axes: ArraySlice<Int>) -> Int { axes.reduce(1) { $0 * sizes[$1] } }
    var axes = Array(order.indices)
    var exchanges: [Exchange] = []
    var place = 0
    while place < order.count {
      guard let start = axes.firstIndex(of: order[place]) else { break }
      var end = start + 1
      while end < axes.count, place + end - start < order.count, axes[end] == order[place + end - start] { end += 1 }
      let (passed, moved) = (axes[place..<start], axes[start..<end])
      let exchange = Exchange(
        outer: size(axes[..<place]), first: size(passed), second: size(moved), inner: size(axes[end...]))
      // Where one side has a single element nothing moves.
      if exchange.first > 1, exchange.second > 1 { exchanges.append(exchange) }
      axes.replaceSubrange(place..<end, with: moved + passed)
      place += moved.count
    }
    return exchanges
  }
}
