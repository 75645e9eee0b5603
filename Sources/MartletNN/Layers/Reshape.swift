// Rows of another shape with the same elements.

import MartletCore

/// The elements of a row in row-major order, unchanged: value and gradient are views of the input's.
package struct Reshape: Layer {
  /// Dimensions of an output row; one may be -1: what the others leave.
  package var target: [Int]

  package init(_ target: [Int]) { self.target = target }

  package var className: String { "Reshape" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    let open = target.indices.filter { target[$0] == -1 }
    guard (1..<Shape.maximumRank).contains(target.count), open.count <= 1,
      target.allSatisfy({ $0 > 0 || $0 == -1 })
    else {
      throw MartletError(
        .invalidArgument,
        "Reshape has the target shape \(Shape.describe(target)); it takes 1 to \(Shape.maximumRank - 1) dimensions of 1 "
          + "or more, of which one may be -1")
    }
    let known = try Shape(target.filter { $0 != -1 }, of: "the output of a Reshape layer").elementCount
    let rest = input.elementCount / known
    guard open.isEmpty ? known == input.elementCount : rest * known == input.elementCount && rest > 0 else {
      throw MartletError(
        .invalidArgument,
        "Reshape has the target shape \(Shape.describe(target)); rows of shape \(input) have \(input.elementCount) "
          + "elements")
    }
    return try Shape(target.map { $0 == -1 ? rest : $0 }, of: "the output of a Reshape layer")
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    lowering.passThrough(site)
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard lowering.needsGradient(site.inputs[0]) else { return }
    lowering.passGradientThrough(site)
  }
}
