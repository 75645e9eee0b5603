// Convolutions over images and sequences, channels last: Conv2D and Conv1D.

import MartletCore
import MartletKernelInterface

/// How a weight array starts, and what it is held to.
package struct WeightOptions: Sendable, Equatable {
  package var initializer: Initializer
  package var regularizer: Regularizer
  package var constraint: Constraint?

  package init(_ initializer: Initializer, regularizer: Regularizer = .none, constraint: Constraint? = nil) {
    self.initializer = initializer
    self.regularizer = regularizer
    self.constraint = constraint
  }

  func specification(_ name: String, _ dimensions: [Int], of layer: String) throws(MartletError) -> WeightSpecification
  {
    try WeightSpecification(
      name: name, shape: Shape(dimensions, of: "the \(name) of a \(layer) layer"), initializer: initializer,
      regularizer: regularizer, constraint: constraint)
  }
}

/// Y[n, y, x, o] = activation(sum over ky, kx, c of X[n, y s + ky d - p, x s + kx d - p, c] W[ky, kx, c, o] + b[o]),
/// with stride s, dilation d and padding p: X [N, H, W, C], W [KH, KW, C / groups, O], Y [N, H', W', O]; of Conv1D
/// without H and KH. The channels of a group make the outputs of that group.
package struct Convolution: Layer {
  package var rank: Int
  package var filters: Int
  package var window: SlidingWindow
  package var groups: Int
  package var activation: Activation
  package var useBias: Bool
  package var kernel: WeightOptions
  package var bias: WeightOptions

  /// - Parameter rank: 1 over sequences, whose window is one high, 2 over images.
  package init(
    rank: Int, filters: Int, window: SlidingWindow, groups: Int = 1, activation: Activation = .linear,
    useBias: Bool = true, kernel: WeightOptions = WeightOptions(.glorotUniform),
    bias: WeightOptions = WeightOptions(.zeros)
  ) {
    self.rank = rank
    self.filters = filters
    self.window = window
    self.groups = groups
    self.activation = activation
    self.useBias = useBias
    self.kernel = kernel
    self.bias = bias
  }

  package var className: String { rank == 1 ? "Conv1D" : "Conv2D" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let geometry = try patches(of: inputs)
    let size = [geometry.patchesDown, geometry.patchesAcross].suffix(rank)
    return try Shape(size + [filters], of: "the output of a \(className) layer")
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let depth = try patches(of: inputs).depth
    let dimensions = window.size.suffix(rank) + [depth, filters]
    var weights = [try kernel.specification("kernel", Array(dimensions), of: className)]
    if useBias { weights.append(try bias.specification("bias", [filters], of: className)) }
    return weights
  }

  private func patches(of inputs: [Shape]) throws(MartletError) -> PatchGeometry {
    let image = try SlidingWindow.image(try single(inputs), rank: rank, of: className)
    guard image.channels % groups == 0, filters % groups == 0 else {
      throw MartletError(
        .invalidArgument,
        "\(className) has \(groups) groups, which must divide its \(filters) filters and the \(image.channels) channels "
          + "of its input")
    }
    return try window.patches(of: image.size, channels: image.channels, depth: image.channels / groups)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? patches(of: site.inputShapes) else { return }  // it was made before
    let x = lowering.value(of: site.inputs[0])
    let weights = lowering.parameter(site.parameters.lowerBound)
    let units = filters / groups
    let bias = useBias ? lowering.parameter(site.parameters.lowerBound + 1) : nil
    let transformed = lowering.transformedKernel(site.parameters.lowerBound, geometry, filters: filters)
    lowering.appendAffine(
      of: site.output, rows: geometry.patchCount, units: filters, bias: bias, activation: activation
    ) { z, epilogue in
      if let transformed {
        return .winograd(
          WinogradConvolution(
            geometry: geometry, filters: filters, x: x, kernel: transformed, epilogue: epilogue, y: z))
      }
      var product = MatrixProduct(
        m: .perRow(geometry.patchCount), n: units, k: .fixed(geometry.patchSize), a: x, aOrder: .patches(geometry),
        b: weights, bOrder: .rows(stride: filters), c: z,
        epilogue: .affine(epilogue))
      if readsPixels { product.aOrder = .rows(stride: geometry.channels) }
      product.groups = ProductGroups(count: groups, aStep: geometry.depth, bStep: units)
      return .matrixProduct(product)
    }
  }

  // dZ = dY f'(Y). dX: every pixel of it collects what the patches that hold it make of dZ; dW = patches^T dZ.
  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? patches(of: site.inputShapes) else { return }
    let kernel = site.parameters.lowerBound
    let units = filters / groups
    let dZ = lowering.preActivationGradient(
      of: site.output, activation: activation, rows: geometry.patchCount, columns: filters)

    if lowering.needsGradient(site.inputs[0]) {
      if readsPixels || geometry.skipsPixels {
        lowerPixelGradient(site, geometry, dZ: dZ, into: &lowering)
      } else {
        lowerInputGradient(site, geometry, dZ: dZ, into: &lowering)
      }
    }
    guard lowering.isTrainable(kernel) else { return }
    let x = lowering.value(of: site.inputs[0])
    lowering.appendGradient(ofParameter: kernel, contraction: geometry.patchCount) { destination, sink in
      var product = MatrixProduct(
        m: .fixed(geometry.patchSize), n: units, k: .perRow(geometry.patchCount), a: x,
        aOrder: .transposedPatches(geometry), b: dZ, bOrder: .rows(stride: filters), c: destination,
        epilogue: sink.map { .sink(parameter: $0) } ?? .store())
      if readsPixels { product.aOrder = .columns(stride: geometry.channels) }
      product.groups = ProductGroups(count: groups, aStep: geometry.depth, bStep: units)
      return .matrixProduct(product)
    }
    if useBias {
      lowering.appendBiasGradient(of: kernel + 1, dZ: dZ, rows: geometry.patchCount, units: filters)
    }
  }

  /// dX where every pixel is in several patches: a product with those of dZ.
  private func lowerInputGradient(
    _ site: LayerSite, _ geometry: PatchGeometry, dZ: BufferID, into lowering: inout Lowering
  ) {
    let units = filters / groups
    let weights = lowering.parameter(site.parameters.lowerBound)
    let transposed = geometry.transposed(channels: filters, depth: units)
    if let kernel = lowering.transposedTransformedKernel(
      site.parameters.lowerBound, transposed, filters: geometry.depth)
    {
      return lowering.appendGradient(of: site.inputs[0]) { destination, _ in
        .winograd(
          WinogradConvolution(
            geometry: transposed, filters: geometry.depth, x: dZ, kernel: kernel, turnsKernel: true,
            epilogue: AffineEpilogue(activation: ActivationFunction(.linear)), y: destination))
      }
    }
    lowering.appendGradient(of: site.inputs[0], canApplyActivation: true) { destination, appliedActivation in
      var product = MatrixProduct(
        m: .perRow(transposed.patchCount), n: geometry.depth, k: .fixed(transposed.patchSize), a: dZ,
        aOrder: .patches(transposed), b: weights,
        bOrder: .reversedBlocks(
          count: geometry.kernelHeight * geometry.kernelWidth, length: units, columns: geometry.depth,
          stride: filters),
        c: destination,
        epilogue: appliedActivation.map { .activationGradient(v: $0.v, activation: $0.function) } ?? .store())
      product.groups = ProductGroups(count: groups, aStep: units, bStep: units)
      return .matrixProduct(product)
    }
  }

  /// dX where patches are pixels: dZ W^T for each pixel; with strides, 0 for those that are skipped.
  private func lowerPixelGradient(
    _ site: LayerSite, _ geometry: PatchGeometry, dZ: BufferID, into lowering: inout Lowering
  ) {
    let units = filters / groups
    var product = MatrixProduct(
      m: .perRow(geometry.patchCount), n: geometry.depth, k: .fixed(units), a: dZ, aOrder: .rows(stride: filters),
      b: lowering.parameter(site.parameters.lowerBound), bOrder: .columns(stride: filters), c: nil, epilogue: .store())
    product.groups = ProductGroups(count: groups, aStep: units, bStep: units)
    if readsPixels {
      lowering.appendGradient(of: site.inputs[0], canApplyActivation: true) { destination, appliedActivation in
        product.c = destination
        if let appliedActivation {
          product.epilogue = .activationGradient(v: appliedActivation.v, activation: appliedActivation.function)
        }
        return .matrixProduct(product)
      }
      return
    }
    let pixels = lowering.temporary(count: geometry.pooledSize)
    product.c = pixels
    lowering.appendBackward(.matrixProduct(product))
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .spreadPixels(geometry, x: pixels, y: destination, adds: false)
    }
  }

  /// Whether a patch is a pixel, so that images are the matrix as they lie.
  private var readsPixels: Bool { window.isPointwise }
}
