// What layers with a kernel and a bias have in common: Z, sums of products and a bias; and an activation.

import MartletCore
import MartletKernelInterface

extension Lowering {
  /// Append what computes Y = activation(Z) as the value of a node: [rows, units] for each row of the batch.
  ///
  /// - Parameter operation: writes the activation of Z to `destination`.
  mutating func appendAffine(
    of node: Int, rows: Int, units: Int, activation: Activation,
    _ operation: (_ destination: BufferID, _ activation: ActivationFunction) -> Operation
  ) {
    let y = value(of: node)
    let function =
      (lossTakesActivation(of: node) ? nil : activation.elementwise) ?? ActivationFunction(.linear)
    // Y is the result of the operation, but where the backward pass needs Z too.
    let keepsZ = needsPreActivation(of: node, function)
    let z = keepsZ ? scratch(ofNode: node, count: rows * units) : y
    appendForward(operation(z, keepsZ ? ActivationFunction(.linear) : function))
    if keepsZ {
      setPreActivation(of: node, z)
      appendForward(.activation(function, x: z, y: y, count: .perRow(rows * units)))
    }
    if activation == .softmax, !lossTakesActivation(of: node) {
      appendForward(.softmax(x: y, y: y, rows: .perRow(rows), columns: units))
    }
  }

  /// Append the gradient of a bias: the sums of the columns of dZ.
  mutating func appendBiasGradient(of parameter: Int, dZ: BufferID, rows: Int, units: Int) {
    appendGradient(ofParameter: parameter) { destination, sink in
      .columnSums(x: dZ, rows: .perRow(rows), columns: units, sums: destination, parameter: sink)
    }
  }
}
