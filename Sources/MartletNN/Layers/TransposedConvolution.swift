// Conv2DTranspose: what the gradient of a convolution by its input does, as a layer.

import MartletCore
import MartletKernelInterface

/// The image Y of which a convolution with kernel W [KH, KW, O, C] would make images of the size of X: every element of
/// X [N, H, W, C] adds its multiple of the kernel to Y [N, H', W', O], `stride` places from its neighbour's. H' = H s
/// with `same` padding, H s + max(KH - s, 0) with `valid`. Then Y = activation(Y + b).
package struct TransposedConvolution: Layer {
  package var filters: Int
  package var window: SlidingWindow
  package var activation: Activation
  package var useBias: Bool
  package var kernel: WeightOptions
  package var bias: WeightOptions

  package init(
    filters: Int, window: SlidingWindow, activation: Activation = .linear, useBias: Bool = true,
    kernel: WeightOptions = WeightOptions(.glorotUniform), bias: WeightOptions = WeightOptions(.zeros)
  ) {
    self.filters = filters
    self.window = window
    self.activation = activation
    self.useBias = useBias
    self.kernel = kernel
    self.bias = bias
  }

  package var className: String { "Conv2DTranspose" }

  package func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape {
    let geometry = try convolution(of: inputs)
    return try Shape([geometry.height, geometry.width, filters], of: "the output of a \(className) layer")
  }

  package func weights(of inputs: [Shape]) throws(MartletError) -> [WeightSpecification] {
    let channels = try single(inputs).lastDimension
    var weights = [try kernel.specification("kernel", window.size + [filters, channels], of: className)]
    if useBias { weights.append(try bias.specification("bias", [filters], of: className)) }
    return weights
  }

  /// The convolution that leads from Y to X.
  private func convolution(of inputs: [Shape]) throws(MartletError) -> PatchGeometry {
    let image = try SlidingWindow.image(try single(inputs), rank: 2, of: className)
    var size: [Int] = []
    for axis in 0..<2 {
      let (length, stride) = (image.size[axis], window.strides[axis])
      let extent = (window.size[axis] - 1) * window.dilation[axis] + 1
      let (spread, overflow) = length.multipliedReportingOverflow(by: stride)
      guard !overflow, spread <= Shape.maximumElementCount else {
        throw MartletError(.invalidArgument, "the output of a \(className) layer is too large")
      }
      size.append(spread + (window.padding == .same ? 0 : max(extent - stride, 0)))
    }
    return try window.patches(of: size, channels: filters, depth: filters)
  }

  package func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? convolution(of: site.inputShapes) else { return }  // it was made before
    let channels = site.inputShapes[0].lastDimension
    let x = lowering.value(of: site.inputs[0])
    let weights = lowering.parameter(site.parameters.lowerBound)
    let bias = useBias ? lowering.parameter(site.parameters.lowerBound + 1) : nil
    let transposed = geometry.transposed(channels: channels, depth: channels)
    let (filters, window) = (filters, window)
    lowering.appendAffine(
      of: site.output, rows: transposed.patchCount, units: filters, bias: bias, activation: activation
    ) { z, epilogue in
      .matrixProduct(
        MatrixProduct(
          m: .perRow(transposed.patchCount), n: filters, k: .fixed(transposed.patchSize), a: x,
          aOrder: .patches(transposed), b: weights,
          bOrder: .reversedBlocks(
            count: window.size[0] * window.size[1], length: channels, columns: filters, stride: channels),
          c: z, epilogue: .affine(epilogue)))
    }
  }

  package func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    guard let geometry = try? convolution(of: site.inputShapes) else { return }
    let channels = site.inputShapes[0].lastDimension
    let kernel = site.parameters.lowerBound
    let weights = lowering.parameter(kernel)
    let rows = geometry.height * geometry.width
    let dZ = lowering.preActivationGradient(of: site.output, activation: activation, rows: rows, columns: filters)
    if lowering.needsGradient(site.inputs[0]) {
      lowering.appendGradient(of: site.inputs[0], canApplyActivation: true) { destination, appliedActivation in
        .matrixProduct(
          MatrixProduct(
            m: .perRow(geometry.patchCount), n: channels, k: .fixed(geometry.patchSize), a: dZ,
            aOrder: .patches(geometry), b: weights, bOrder: .rows(stride: channels), c: destination,
            epilogue: appliedActivation.map { .activationGradient(v: $0.v, activation: $0.function) } ?? .store()))
      }
    }
    guard lowering.isTrainable(kernel) else { return }
    let x = lowering.value(of: site.inputs[0])
    lowering.appendGradient(ofParameter: kernel, contraction: geometry.patchCount) { destination, sink in
      .matrixProduct(
        MatrixProduct(
          m: .fixed(geometry.patchSize), n: channels, k: .perRow(geometry.patchCount), a: dZ,
          aOrder: .transposedPatches(geometry), b: x, bOrder: .rows(stride: channels), c: destination,
          epilogue: sink.map { .sink(parameter: $0) } ?? .store()))
    }
    if useBias { lowering.appendBiasGradient(of: kernel + 1, dZ: dZ, rows: rows, units: filters) }
  }
}
