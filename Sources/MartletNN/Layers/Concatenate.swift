// Inputs side by side.

import MartletCore
import MartletKernelInterface

/// The inputs joined along one axis; all other dimensions are the same.
package struct Concatenate: Layer {
  /// Keras' numbering: 1 is the first dimension of a row, as 0 is the batch; -1 is the last.
  package var axis: Int

  package init(axis: Int = -1) { self.axis = axis }

  package var className: String { "Concatenate" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    guard inputs.count >= 2 else {
      throw MartletError(.invalidArgument, "Concatenate takes 2 or more inputs, \(inputs.count) were given")
    }
    let rank = inputs[0].rank
    guard (1...rank).contains(axis) || (-rank...(-1)).contains(axis) else {
      throw MartletError(
        .invalidArgument,
        "Concatenate has axis \(axis); rows of shape \(inputs[0]) have axes 1 to \(rank), or -1 to -\(rank)")
    }
    let position = position(inputs[0])
    var dimensions = inputs[0].dimensions
    for (index, shape) in inputs.enumerated().dropFirst() {
      guard shape.rank == rank,
        (0..<rank).allSatisfy({ $0 == position || shape.dimensions[$0] == dimensions[$0] })
      else {
        throw MartletError(
          .invalidArgument,
          "Concatenate on axis \(axis) takes inputs that differ in that axis only; input 0 has rows of shape "
            + "\(inputs[0]), input \(index) of \(shape)")
      }
      let (size, overflow) = dimensions[position].addingReportingOverflow(shape.dimensions[position])
      guard !overflow else {
        throw MartletError(.invalidArgument, "the output of a Concatenate layer is larger than memory can hold")
      }
      dimensions[position] = size
    }
    return try Shape(dimensions, of: "the output of a Concatenate layer")
  }

  // Seen as a matrix, each input is a block of columns of the output.
  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let y = lowering.value(of: site.output)
    forEachBlock(site) { index, rows, column, columns, width in
      lowering.appendForward(
        .copyColumns(
          x: lowering.value(of: site.inputs[index]), xColumn: 0, xStride: columns, y: y, yColumn: column,
          yStride: width, rows: .perRow(rows), columns: columns))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    let dY = lowering.gradient(of: site.output)
    forEachBlock(site) { index, rows, column, columns, width in
      guard lowering.needsGradient(site.inputs[index]) else { return }
      lowering.appendGradient(of: site.inputs[index]) { destination, _ in
        .copyColumns(
          x: dY, xColumn: column, xStride: width, y: destination, yColumn: 0, yStride: columns, rows: .perRow(rows),
          columns: columns)
      }
    }
  }

  private func position(_ shape: Shape) -> Int { axis < 0 ? axis + shape.rank : axis - 1 }

  private func forEachBlock(
    _ site: LayerSite, _ body: (_ input: Int, _ rows: Int, _ column: Int, _ columns: Int, _ width: Int) -> Void
  ) {
    let position = position(site.outputShape)
    let rows = site.outputShape.dimensions[..<position].reduce(1, *)
    let width = site.outputShape.elementCount / rows
    var column = 0
    for (index, shape) in site.inputShapes.enumerated() {
      let columns = shape.elementCount / rows
      body(index, rows, column, columns, width)
      column += columns
    }
  }
}
