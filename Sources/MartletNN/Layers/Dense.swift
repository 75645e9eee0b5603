// The fully connected layer.

import MartletCore
import MartletKernelInterface

/// Y = activation(X W + b): X [N, ..., I], W [I, O], b [O], Y [N, ..., O].
package struct Dense: Layer {
  package var units: Int
  package var activation: Activation
  package var useBias: Bool
  package var kernelInitializer: Initializer
  package var biasInitializer: Initializer
  package var kernelRegularizer: Regularizer
  package var biasRegularizer: Regularizer
  package var kernelConstraint: Constraint?
  package var biasConstraint: Constraint?

  package init(
    units: Int, activation: Activation = .linear, useBias: Bool = true,
    kernelInitializer: Initializer = .glorotUniform, biasInitializer: Initializer = .zeros,
    kernelRegularizer: Regularizer = .none, biasRegularizer: Regularizer = .none,
    kernelConstraint: Constraint? = nil, biasConstraint: Constraint? = nil
  ) {
    self.units = units
    self.activation = activation
    self.useBias = useBias
    self.kernelInitializer = kernelInitializer
    self.biasInitializer = biasInitializer
    self.kernelRegularizer = kernelRegularizer
    self.biasRegularizer = biasRegularizer
    self.kernelConstraint = kernelConstraint
    self.biasConstraint = biasConstraint
  }

  package var className: String { "Dense" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let input = try single(inputs)
    return try Shape(input.dimensions.dropLast() + [units], of: "the output of a Dense layer")
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let features = try single(inputs).lastDimension
    var weights = [
      try WeightSpecification(
        name: "kernel", shape: Shape([features, units], of: "the kernel of a Dense layer"),
        initializer: kernelInitializer, regularizer: kernelRegularizer, constraint: kernelConstraint)
    ]
    if useBias {
      weights.append(
        try WeightSpecification(
          name: "bias", shape: Shape(vector: units), initializer: biasInitializer, regularizer: biasRegularizer,
          constraint: biasConstraint))
    }
    return weights
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    let features = site.inputShapes[0].lastDimension
    let rows = site.outputShape.elementCount / units
    let x = lowering.value(of: site.inputs[0])
    let kernel = lowering.parameter(site.parameters.lowerBound)
    let bias = useBias ? lowering.parameter(site.parameters.lowerBound + 1) : nil
    lowering.appendAffine(
      of: site.output, rows: rows, units: units, bias: bias, activation: activation
    ) { z, epilogue in
      .matrixProduct(
        MatrixProduct(
          m: .perRow(rows), n: units, k: .fixed(features), a: x, aOrder: .rows(stride: features), b: kernel,
          bOrder: .rows(stride: units), c: z, epilogue: .affine(epilogue)))
    }
  }

  // dZ = dY f'(Y);  dX = dZ W^T;  dW = X^T dZ;  db = sum over rows of dZ.
  // dX comes before dW: with the update fused into dW the weights are gone afterwards.
  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    let features = site.inputShapes[0].lastDimension
    let rows = site.outputShape.elementCount / units
    let kernel = site.parameters.lowerBound
    let weights = lowering.parameter(kernel)
    let dZ = lowering.preActivationGradient(of: site.output, activation: activation, rows: rows, columns: units)

    if lowering.needsGradient(site.inputs[0]) {
      lowering.appendGradient(of: site.inputs[0], canApplyActivation: true) { destination, appliedActivation in
        .matrixProduct(
          MatrixProduct(
            m: .perRow(rows), n: features, k: .fixed(units), a: dZ, aOrder: .rows(stride: units),
            b: weights, bOrder: .columns(stride: units), c: destination,
            epilogue: appliedActivation.map { .activationGradient(v: $0.v, activation: $0.function) } ?? .store()))
      }
    }
    guard lowering.isTrainable(kernel) else { return }
    let x = lowering.value(of: site.inputs[0])
    lowering.appendGradient(ofParameter: kernel, contraction: rows) { destination, sink in
      .matrixProduct(
        MatrixProduct(
          m: .fixed(features), n: units, k: .perRow(rows), a: x, aOrder: .columns(stride: features), b: dZ,
          bOrder: .rows(stride: units), c: destination, epilogue: sink.map { .sink(parameter: $0) } ?? .store()))
    }
    if useBias { lowering.appendBiasGradient(of: kernel + 1, dZ: dZ, rows: rows, units: units) }
  }
}
