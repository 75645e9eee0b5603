// Depthwise, separable and transposed convolutions, poolings and batch normalisation: gradients by difference quotients,
// training steps beside the reference kernels, and the modes of batch normalisation; so, too, the layers that change
// images at random. Convolutions: ConvolutionTests.swift.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

private func window(
  _ size: [Int], _ strides: [Int] = [1, 1], dilation: [Int] = [1, 1], _ padding: SlidingWindow.Padding = .valid
) -> SlidingWindow {
  SlidingWindow(size: size, strides: strides, dilation: dilation, padding: padding)
}

private func depthwise(
  _ window: SlidingWindow, _ multiplier: Int = 1, _ activation: Activation = .linear, useBias: Bool = true
) -> DepthwiseConvolution {
  DepthwiseConvolution(window: window, multiplier: multiplier, activation: activation, useBias: useBias)
}

private func transposed(
  _ filters: Int, _ window: SlidingWindow, _ activation: Activation = .linear, useBias: Bool = true
) -> TransposedConvolution {
  TransposedConvolution(filters: filters, window: window, activation: activation, useBias: useBias)
}

private func factor(_ lower: Double, _ upper: Double) -> FactorRange {
  FactorRange(lower, upper, in: FactorRange.signed) ?? .erasing
}

private func erasing(_ fill: RandomErasing.Fill) -> RandomErasing {
  RandomErasing(factor: factor(0.8, 1), scale: factor(0.2, 0.6), fill: fill, valueRange: (-1, 1))
}

/// Layers and the rows they read.
private let examples: [([Int], any Layer)] = [
  ([4, 5, 3], RandomTransform(.flip(horizontal: true, vertical: false))),
  ([4, 5, 2], RandomTransform(.flip(horizontal: true, vertical: true))),
  ([4, 5, 3], RandomTransform(.translation(height: factor(-0.5, 0.5), width: factor(0.25, 1)), fillMode: .wrap)),
  ([4, 5, 18], RandomTransform(.rotation(factor(-1, 1)), fillMode: .constant, fillValue: 0.5)),
  ([5, 4, 2], RandomTransform(.rotation(factor(0.1, 0.2)), fillMode: .nearest, interpolation: .nearest)),
  ([4, 5, 3], RandomTransform(.zoom(height: factor(-0.5, 1), width: nil))),
  ([4, 5, 3], RandomTransform(.zoom(height: factor(-0.5, 0.5), width: factor(0, 1)), fillMode: .nearest)),
  ([5, 6, 3], RandomTransform(height: 3, width: 4)), ([3, 2, 2], RandomTransform(height: 3, width: 1)),
  ([4, 5, 3], RandomContrast(factor(0.5, 1), valueRange: (-10, 10))),
  ([4, 5, 18], RandomContrast(factor(0, 1), valueRange: (-0.3, 0.4))),
  ([4, 5, 3], erasing(.noise)), ([5, 4, 3], erasing(.values(SIMD3(0.1, 0.2, -0.3)))), ([4, 4, 1], erasing(.value(2))),
  ([6, 5, 3], Pooling(.max, rank: 2, window: window([2, 2], [2, 2]))),
  ([6, 5, 3], Pooling(.max, rank: 2, window: window([3, 3], [2, 1], .same))),
  ([6, 5, 20], Pooling(.average, rank: 2, window: window([2, 3], [2, 3]))),
  ([6, 5, 3], Pooling(.average, rank: 2, window: window([3, 3], [1, 2], .same))),
  ([9, 4], Pooling(.max, rank: 1, window: window([1, 3], [1, 2]))),
  ([9, 4], Pooling(.average, rank: 1, window: window([1, 3], [1, 3], .same))),
  ([4, 5, 3], Pooling(.max, rank: 2, window: nil)), ([4, 5, 3], Pooling(.average, rank: 2, window: nil)),
  ([9, 4], Pooling(.max, rank: 1, window: nil, keepsDimensions: true)),
  ([9, 4], Pooling(.average, rank: 1, window: nil, keepsDimensions: true)),
  ([4, 5, 3], Borders(.zeroPadding, top: 1, bottom: 2, left: 0, right: 3)),
  ([4, 5, 3], Borders(.cropping, top: 1, bottom: 0, left: 2, right: 1)),
  ([4, 5, 3], Resizing(.of(height: 7, width: 3), .bilinear)), ([4, 5, 17], Resizing(.times(2, 3), .bilinear)),
  ([4, 5, 3], Resizing(.of(height: 3, width: 8), .nearest)), ([3, 2, 2], Resizing(.times(3, 1), .nearest)),
  ([3, 4, 5], Softmax(axes: [1])), ([3, 4, 5], Softmax(axes: [1, 2])), ([3, 4, 5], Softmax(axes: [-1, -2])),
  ([5, 4], Softmax(axes: [-2])),
  ([7], GroupNormalization(.layer)), ([3, 4, 5], GroupNormalization(.layer, epsilon: 0.1, beta: nil)),
  ([3, 18], GroupNormalization(.layer, gamma: nil)), ([6], GroupNormalization(.groups(3))),
  ([3, 4, 6], GroupNormalization(.groups(2))), ([3, 34], GroupNormalization(.groups(2), beta: nil, gamma: nil)),
  ([2, 3, 5], GroupNormalization(.groups(nil), epsilon: 0.1)), ([20, 17], GroupNormalization(.groups(1), gamma: nil)),
  ([7], PReLU(alpha: WeightOptions(.constant(0.3)))),
  ([3, 4, 5], PReLU(alpha: WeightOptions(.constant(0.3)), sharedAxes: 2)),
  ([3, 18], PReLU(alpha: WeightOptions(.constant(0.3)))),
  ([7], BatchNormalization()), ([3, 4, 5], BatchNormalization()), ([3, 2], BatchNormalization(beta: nil)),
  ([3, 2], BatchNormalization(gamma: nil)), ([2, 2, 18], BatchNormalization(epsilon: 0.1, beta: nil, gamma: nil)),
  ([5, 4, 3], depthwise(window([3, 3]))), ([5, 4, 3], depthwise(window([3, 2], [1, 1], .same), 2, .tanh)),
  ([6, 5, 18], depthwise(window([3, 3], [2, 2], .same), useBias: false)),
  ([7, 6, 2], depthwise(window([2, 3], dilation: [3, 2]))),
  ([2, 2, 3], depthwise(window([5, 5], [1, 1], .same), 1, .relu)),
  ([7, 6, 2], depthwise(window([2, 2], [3, 3], dilation: [2, 2], .same))),
  ([5, 4, 3], SeparableConvolution(depthwise: depthwise(window([3, 3])), filters: 4)),
  (
    [5, 4, 3],
    SeparableConvolution(
      depthwise: depthwise(window([3, 2], [2, 2], .same), 2), filters: 5, activation: .sigmoid, useBias: false)
  ),
  ([4, 3, 2], transposed(3, window([3, 3]))), ([4, 3, 2], transposed(3, window([3, 3], [2, 2], .same), .tanh)),
  ([3, 3, 4], transposed(2, window([2, 4], [3, 2]), useBias: false)),
  ([3, 4, 2], transposed(2, window([3, 2], dilation: [2, 3]), .relu)),
  ([3, 3, 2], transposed(2, window([1, 1], [2, 2]))),
]

@Suite struct ImageLayerTests {
  @Test(arguments: examples.indices)
  func gradients(_ index: Int) throws {
    try checkGradients(examples[index].0, examples[index].1)
  }

  /// The layer between others that have weights.
  private func checkGradients(_ input: [Int], _ layer: any Layer) throws {
    let count = input.reduce(1, *)
    let model = try chain(
      [3], [Dense(units: count, activation: .tanh), Reshape(input), layer, Flatten(), Dense(units: 2)])
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 5, useLabels: false)
    #expect(try check.largestError() < 1e-6)
  }

  /// A training step by the kernels of this processor, on one thread and on three, beside the reference kernels in double:
  /// values and gradients.
  @Test(arguments: examples.indices)
  func stepsBesideTheReference(_ index: Int) throws {
    let (input, layer) = examples[index]
    let rows = 70
    let count = input.reduce(1, *)
    let model = try chain([3], [Dense(units: count), Reshape(input), layer, Flatten(), Dense(units: 2)])
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .training([LossConfiguration(.meanSquaredError)], .store),
      maximumBatch: rows)
    let source = RandomSource(seed: 3, stream: 1)
    func gradients<Scalar>(_ kernels: KernelTable<Scalar>, threads: Int) throws -> [Scalar]
    where Scalar: BinaryFloatingPoint & BitwiseCopyable & Sendable {
      let parameters = try TensorStorage(count: model.layout.count, of: Scalar.self, purpose: "a test")
      let values = parameters.pointer(as: Scalar.self)
      for index in 0..<model.layout.count { values[index] = Scalar(model.values[index]) }
      let executor = try PlanExecutor(plan: plan, parameters: values, kernels: kernels)
      for index in 0..<(rows * 3) { executor.input(0)[index] = Scalar(Float(source.normal(at: UInt64(index)))) }
      let targets = try #require(executor.targets(0))
      for index in 0..<(rows * 2) { targets[index] = Scalar(index % 3) }
      try executor.forward(rows: rows, step: 0, threads: threads)
      _ = executor.computeLoss(output: 0, useLabels: false)
      executor.backward(rule: nil, slots: OptimizerSlots())
      let found = try #require(executor.gradients)
      return (0..<model.layout.count).map { found[$0] } + (0..<model.layout.count).map { values[$0] }
    }
    let expected = try gradients(KernelTable<Double>.reference, threads: 1)
    let found = try gradients(MartletKernels.kernels, threads: 1)
    #expect(found.map(\.bitPattern) == (try gradients(MartletKernels.kernels, threads: 3)).map(\.bitPattern))
    // Sums of 70 rows and up to 100 columns of numbers of order 1: some hundred roundings of 2^-24.
    let scale = expected.map(abs).max() ?? 1
    for (value, exact) in zip(found, expected) { #expect(abs(Double(value) - exact) <= 300 * 0x1p-24 * scale) }
  }

  /// In prediction, evaluation and a frozen layer the moving statistics count and stay; in training they move.
  @Test func modes() throws {
    let rows = 4
    for (isTrainable, purpose) in [
      (true, PlanPurpose.prediction), (true, .evaluation([LossConfiguration(.meanSquaredError)])),
      (false, .training([LossConfiguration(.meanSquaredError)], .update)),
      (true, .training([LossConfiguration(.meanSquaredError)], .update)),
    ] {
      var builder = try GraphBuilder(name: "test")
      let input = try builder.add(InputLayer(shape: Shape(vector: 2)), name: nil, inputs: [])
      let layer = BatchNormalization(momentum: 0.75, epsilon: 0.5)
      let node = try builder.add(layer, name: nil, inputs: [input], isTrainable: isTrainable)
      let model = try Model(graph: builder.build(outputs: [node]), seed: 5)
      let start: [[Float]] = [[2, 3], [0.5, -1], [1, -2], [3.5, 0.5]]  // gamma, beta, mean, variance
      for (parameter, values) in zip(model.layout.parameters, start) {
        for (index, value) in values.enumerated() { model.valuesToChange()[parameter.offset + index] = value }
      }
      let plan = try Plan(graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: rows)
      let executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: MartletKernels.kernels)
      let x: [Float] = [1, 4, 3, 4, 5, 8, 7, 8]  // means 4 and 6, variances 5 and 4
      for (index, value) in x.enumerated() { executor.input(0)[index] = value }
      try executor.forward(rows: rows, step: 0, threads: 1)
      let isBatch = if case .training = purpose { isTrainable } else { false }
      let (mean, variance) = isBatch ? ([4, 6] as [Float], [5, 4] as [Float]) : (start[2], start[3])
      for (index, value) in x.enumerated() {
        let j = index % 2
        let y = start[0][j] * (value - mean[j]) / (variance[j] + 0.5).squareRoot() + start[1][j]
        // Six roundings.
        #expect(abs(executor.output(0)[index] - y) <= 6 * 0x1p-24 * abs(start[0][j] * (value - mean[j])) + 0x1p-22)
      }
      if case .training = purpose {
        executor.outputGradient(0)?.update(repeating: 0, count: 8)
        executor.backward(rule: UpdateRule(.gradientDescent, rate: 0.1), slots: OptimizerSlots())
      }
      let statistics = model.layout.parameters.suffix(2).flatMap { p in (0..<2).map { model.values[p.offset + $0] } }
      #expect(statistics == (isBatch ? [1.75, 0, 3.875, 1.375] : [1, -2, 3.5, 0.5]))
    }
  }
}
