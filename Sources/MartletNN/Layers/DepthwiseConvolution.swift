// DepthwiseConv2D, and SeparableConv2D, which mixes its channels with a convolution of pixels (Chollet 2017).

import MartletCore
import MartletKernelInterface

/// Y[n, y, x, c M + m] = activation(sum over ky, kx of X[n, y s + ky d - p, x s + kx d - p, c] W[ky, kx, c, m] + b[c M
/// + m]), with stride s, dilation d and padding p: X [N, H, W, C], W [KH, KW, C, M], Y [N, H', W', C M]. M is the
/// multiplier.
package struct DepthwiseConvolution: Layer {
  package var window: SlidingWindow
  package var multiplier: Int
  package var activation: Activation
  package var useBias: Bool
  package var kernel: WeightOptions
  package var bias: WeightOptions

  package init(
    window: SlidingWindow, multiplier: Int = 1, activation: Activation = .linear, useBias: Bool = true,
    kernel: WeightOptions = WeightOptions(.glorotUniform), bias: WeightOptions = WeightOptions(.zeros)
  ) {
    self.window = window
    self.multiplier = multiplier
    self.activation = activation
    self.useBias = useBias
    self.kernel = kernel
    self.bias = bias
  }

  package var className: String { "DepthwiseConv2D" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    try outputShape(of: inputs, className)
  }

  fileprivate func outputShape(of inputs: [Shape], _ className: String) throws(MartletError) -> Shape {
    let geometry = try patches(of: inputs, className)
    let (channels, overflow) = geometry.channels.multipliedReportingOverflow(by: multiplier)
    return try Shape(
      [geometry.patchesDown, geometry.patchesAcross, overflow ? Int.max : channels],
      of: "the output of a \(className) layer")
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let channels = try patches(of: inputs, className).channels
    var weights = [try kernel.specification("kernel", window.size + [channels, multiplier], of: className)]
    if useBias { weights.append(try bias.specification("bias", [channels * multiplier], of: className)) }
    return weights
  }

  fileprivate func patches(of inputs: [Shape], _ className: String) throws(MartletError) -> PatchGeometry {
    let image = try SlidingWindow.image(try single(inputs), rank: 2, of: className)
    return try window.patches(of: image.size, channels: image.channels, depth: image.channels)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? patches(of: site.inputShapes, className) else { return }  // it was made before
    let x = lowering.value(of: site.inputs[0])
    let product = DepthwiseProduct(
      geometry: geometry, multiplier: multiplier, weights: lowering.parameter(site.parameters.lowerBound))
    let bias = useBias ? lowering.parameter(site.parameters.lowerBound + 1) : nil
    lowering.appendAffine(
      of: site.output, rows: geometry.patchCount, units: product.outputs, bias: bias, activation: activation
    ) { z, epilogue in .depthwise(product, x: x, epilogue, y: z) }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? patches(of: site.inputShapes, className) else { return }
    let kernel = site.parameters.lowerBound
    let product = DepthwiseProduct(
      geometry: geometry, multiplier: multiplier, weights: lowering.parameter(kernel))
    let dZ = lowering.preActivationGradient(
      of: site.output, activation: activation, rows: geometry.patchCount, columns: product.outputs)
    lowering.appendGradients(product, of: site.inputs[0], kernel: kernel, dZ: dZ)
    if useBias, lowering.isTrainable(kernel) {
      lowering.appendBiasGradient(of: kernel + 1, dZ: dZ, rows: geometry.patchCount, units: product.outputs)
    }
  }
}

/// A depthwise convolution into C M channels without bias and activation, then Y = activation(T P + b) for each pixel
/// of its result T: P [1, 1, C M, O], Y [N, H', W', O].
package struct SeparableConvolution: Layer {
  package var depthwise: DepthwiseConvolution
  package var filters: Int
  package var activation: Activation
  package var useBias: Bool
  package var pointwise: WeightOptions
  package var bias: WeightOptions

  /// - Parameter depthwise: without bias and activation.
  package init(
    depthwise: DepthwiseConvolution, filters: Int, activation: Activation = .linear, useBias: Bool = true,
    pointwise: WeightOptions = WeightOptions(.glorotUniform), bias: WeightOptions = WeightOptions(.zeros)
  ) {
    self.depthwise = depthwise
    self.depthwise.useBias = false
    self.filters = filters
    self.activation = activation
    self.useBias = useBias
    self.pointwise = pointwise
    self.bias = bias
  }

  package var className: String { "SeparableConv2D" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let inner = try depthwise.outputShape(of: inputs, className)
    return try Shape(inner.dimensions.dropLast() + [filters], of: "the output of a \(className) layer")
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let channels = try depthwise.patches(of: inputs, className).channels
    let multiplier = depthwise.multiplier
    let size = depthwise.window.size
    var weights = [
      try depthwise.kernel.specification("depthwise_kernel", size + [channels, multiplier], of: className),
      try pointwise.specification("pointwise_kernel", [1, 1, channels * multiplier, filters], of: className),
    ]
    if useBias { weights.append(try bias.specification("bias", [filters], of: className)) }
    return weights
  }

  private func products(
    _ site: LayerSite, _ lowering: Lowering
  ) -> (depthwise: DepthwiseProduct, kernel: Int, pointwise: Int)? {
    // It was made before.
    guard let geometry = try? depthwise.patches(of: site.inputShapes, className) else { return nil }
    let kernel = site.parameters.lowerBound
    let product = DepthwiseProduct(
      geometry: geometry, multiplier: depthwise.multiplier, weights: lowering.parameter(kernel))
    return (product, kernel, kernel + 1)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let (product, _, pointwise) = products(site, lowering) else { return }
    let (rows, channels) = (product.geometry.patchCount, product.outputs)
    let inner = lowering.inner(ofNode: site.output, count: rows * channels)
    lowering.appendForward(
      .depthwise(
        product, x: lowering.value(of: site.inputs[0]), AffineEpilogue(activation: ActivationFunction(.linear)),
        y: inner))
    let (weights, filters) = (lowering.parameter(pointwise), filters)
    let bias = useBias ? lowering.parameter(pointwise + 1) : nil
    lowering.appendAffine(
      of: site.output, rows: rows, units: filters, bias: bias, activation: activation
    ) { z, epilogue in
      .matrixProduct(
        MatrixProduct(
          m: .perRow(rows), n: filters, k: .fixed(channels), a: inner, aOrder: .rows(stride: channels), b: weights,
          bOrder: .rows(stride: filters), c: z, epilogue: .affine(epilogue)))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let (product, kernel, pointwise) = products(site, lowering) else { return }
    let (rows, channels, filters) = (product.geometry.patchCount, product.outputs, filters)
    let inner = lowering.inner(ofNode: site.output, count: rows * channels)
    let dZ = lowering.preActivationGradient(of: site.output, activation: activation, rows: rows, columns: filters)
    let dInner = lowering.temporary(count: rows * channels)
    if lowering.needsGradient(site.inputs[0]) || lowering.isTrainable(kernel) {
      lowering.appendBackward(
        .matrixProduct(
          MatrixProduct(
            m: .perRow(rows), n: channels, k: .fixed(filters), a: dZ, aOrder: .rows(stride: filters),
            b: lowering.parameter(pointwise), bOrder: .columns(stride: filters), c: dInner, epilogue: .store())))
      lowering.appendGradients(product, of: site.inputs[0], kernel: kernel, dZ: dInner)
    }
    guard lowering.isTrainable(pointwise) else { return }
    lowering.appendGradient(ofParameter: pointwise, contraction: rows) { destination, sink in
      .matrixProduct(
        MatrixProduct(
          m: .fixed(channels), n: filters, k: .perRow(rows), a: inner, aOrder: .columns(stride: channels), b: dZ,
          bOrder: .rows(stride: filters), c: destination, epilogue: sink.map { .sink(parameter: $0) } ?? .store()))
    }
    if useBias { lowering.appendBiasGradient(of: pointwise + 1, dZ: dZ, rows: rows, units: filters) }
  }
}

extension Lowering {
  /// The gradients of a depthwise convolution: by its input and by its kernel, where they are asked for.
  fileprivate mutating func appendGradients(
    _ product: DepthwiseProduct, of input: Int, kernel: Int, dZ: BufferID
  ) {
    if needsGradient(input) {
      appendGradient(of: input) { destination, _ in
        .depthwiseInputGradient(product, dY: dZ, dX: destination)
      }
    }
    guard isTrainable(kernel) else { return }
    let x = value(of: input)
    appendGradient(ofParameter: kernel) { destination, sink in
      .depthwiseWeightGradient(product, x: x, dY: dZ, dW: destination, parameter: sink)
    }
  }
}
