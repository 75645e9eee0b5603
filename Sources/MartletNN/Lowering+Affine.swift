// What layers with a kernel and a bias have in common: Z, sums of products and a bias; and an activation.

import MartletCore
import MartletKernelInterface

extension Lowering {
  /// Append what computes Y = activation(Z) as the value of a node: [rows, units] for each row of the batch.
  ///
  /// - Parameter operation: writes what an epilogue makes of the sums to `destination`.
  mutating func appendAffine(
    of node: Int, rows: Int, units: Int, bias: BufferID?, activation: Activation,
    _ operation: (_ destination: BufferID, _ epilogue: AffineEpilogue) -> Operation
  ) {
    if let product = fusion.product(of: node) {
      let epilogue = epilogue(of: product, bias: bias)
      return appendForward(operation(value(of: product.last), epilogue))
    }
    let y = value(of: node)
    let function =
      (lossTakesActivation(of: node) ? nil : activation.elementwise) ?? ActivationFunction(.linear)
    // Y is the result of the operation, but where the backward pass needs Z too.
    let keepsZ = needsPreActivation(of: node, function)
    let z = keepsZ ? scratch(ofNode: node, count: rows * units) : y
    let applied = keepsZ ? ActivationFunction(.linear) : function
    appendForward(operation(z, AffineEpilogue(offset: bias, activation: applied)))
    if keepsZ {
      setPreActivation(of: node, z)
      appendForward(.activation(function, x: z, y: y, count: .perRow(rows * units)))
    }
    if activation == .softmax, !lossTakesActivation(of: node) {
      appendForward(.softmax(x: y, y: y, rows: .perRow(rows), columns: units))
    }
  }

  /// The epilogue of a product with the nodes that it takes in.
  private mutating func epilogue(of product: FusedProduct, bias: BufferID?) -> AffineEpilogue {
    var epilogue = AffineEpilogue(offset: bias, activation: product.activation ?? ActivationFunction(.linear))
    if let (node, layer) = product.normalization {
      let (scale, offset) = layer.appendColumns(site(node), bias: bias, into: &self)
      (epilogue.scale, epilogue.offset) = (scale, offset)
    }
    epilogue.residual = product.residual.map { value(of: $0) }
    return epilogue
  }

  /// Append the gradient of a bias: the sums of the columns of dZ.
  mutating func appendBiasGradient(of parameter: Int, dZ: BufferID, rows: Int, units: Int) {
    appendGradient(ofParameter: parameter) { destination, sink in
      .columnSums(x: dZ, rows: .perRow(rows), columns: units, sums: destination, parameter: sink)
    }
  }
}
