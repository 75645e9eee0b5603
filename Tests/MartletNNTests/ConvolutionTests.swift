// Convolutions: shapes, values by their formula in double, gradients by difference quotients, and what is refused.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

/// A layer over an input, to be tested.
struct ConvolutionCase: Sendable, CustomTestStringConvertible {
  let layer: Convolution
  let input: [Int]
  var testDescription: String { "\(layer.className) \(layer.window), \(layer.groups) groups, over \(input)" }

  init(
    _ input: [Int], filters: Int, size: [Int], strides: [Int] = [1, 1], dilation: [Int] = [1, 1],
    _ padding: SlidingWindow.Padding = .valid, groups: Int = 1, activation: Activation = .linear, useBias: Bool = true
  ) {
    self.input = input
    layer = Convolution(
      rank: input.count - 1, filters: filters,
      window: SlidingWindow(size: size, strides: strides, dilation: dilation, padding: padding), groups: groups,
      activation: activation, useBias: useBias)
  }

  static let all = [
    ConvolutionCase([5, 6, 2], filters: 3, size: [3, 3]),
    ConvolutionCase([5, 6, 2], filters: 3, size: [3, 3], .same),
    ConvolutionCase([7, 6, 2], filters: 4, size: [3, 2], strides: [2, 2], .same),
    ConvolutionCase([7, 6, 3], filters: 2, size: [2, 3], strides: [3, 2]),
    ConvolutionCase([8, 9, 2], filters: 2, size: [3, 3], dilation: [2, 3]),
    ConvolutionCase([8, 9, 2], filters: 2, size: [3, 3], dilation: [2, 3], .same),
    ConvolutionCase([4, 5, 6], filters: 4, size: [3, 3], .same, groups: 2, activation: .tanh),
    ConvolutionCase([4, 5, 6], filters: 6, size: [2, 2], strides: [2, 1], groups: 6, useBias: false),
    ConvolutionCase([4, 5, 6], filters: 3, size: [1, 1], activation: .relu),
    ConvolutionCase([5, 5, 6], filters: 3, size: [1, 1], strides: [2, 2], .same),
    ConvolutionCase([5, 4, 4], filters: 6, size: [1, 1], strides: [3, 2], groups: 2, activation: .tanh),
    ConvolutionCase([5, 5, 4], filters: 6, size: [1, 1], groups: 2),
    ConvolutionCase([2, 2, 2], filters: 3, size: [5, 5], .same),
    ConvolutionCase([9, 3], filters: 4, size: [1, 3]),
    ConvolutionCase([9, 3], filters: 4, size: [1, 3], strides: [1, 2], .same),
    ConvolutionCase([9, 3], filters: 4, size: [1, 3], dilation: [1, 2], .causal, activation: .sigmoid),
    ConvolutionCase([9, 4], filters: 2, size: [1, 4], strides: [1, 3], groups: 2),
  ]
}

@Suite struct ConvolutionTests {
  private func shape(_ dimensions: [Int]) throws -> Shape { try Shape(dimensions, of: "a row") }

  /// Input and weight gradients: a Dense layer before it makes the input depend on weights.
  @Test(arguments: ConvolutionCase.all)
  func gradients(_ example: ConvolutionCase) throws {
    let count = example.input.reduce(1, *)
    let model = try chain(
      [3], [Dense(units: count, activation: .tanh), Reshape(example.input), example.layer, Flatten(), Dense(units: 2)])
    let check = try GradientCheck(model, LossConfiguration(.meanSquaredError), rows: 2, useLabels: false)
    #expect(try check.largestError() < 1e-6)
  }

  /// The definition, with loops over the padded image, and the sum of the terms' magnitudes.
  private func expected(
    _ example: ConvolutionCase, _ x: [Float], _ weights: [Float], rows: Int
  ) throws -> [(sum: Double, magnitude: Double)] {
    let layer = example.layer
    let input = example.input.count == 2 ? [1] + example.input : example.input
    let (window, channels, depth) = (layer.window, input[2], input[2] / layer.groups)
    let down = try window.positions(0, over: input[0])
    let across = try window.positions(1, over: input[1])
    let kernelCount = window.size[0] * window.size[1] * depth * layer.filters
    var result: [(sum: Double, magnitude: Double)] = []
    for row in 0..<rows {
      for outY in 0..<down.count {
        for outX in 0..<across.count {
          for filter in 0..<layer.filters {
            var sum = layer.useBias ? Double(weights[kernelCount + filter]) : 0
            var magnitude = abs(sum)
            let firstChannel = filter / (layer.filters / layer.groups) * depth
            for ky in 0..<window.size[0] {
              for kx in 0..<window.size[1] {
                let y = outY * window.strides[0] + ky * window.dilation[0] - down.before
                let x0 = outX * window.strides[1] + kx * window.dilation[1] - across.before
                guard (0..<input[0]).contains(y), (0..<input[1]).contains(x0) else { continue }
                for c in 0..<depth {
                  let pixel = (row * input[0] + y) * input[1] + x0
                  let weight = weights[((ky * window.size[1] + kx) * depth + c) * layer.filters + filter]
                  let term = Double(x[pixel * channels + firstChannel + c]) * Double(weight)
                  sum += term
                  magnitude += abs(term)
                }
              }
            }
            result.append((layer.activation == .relu ? max(sum, 0) : sum, magnitude))
          }
        }
      }
    }
    return result
  }

  /// Floats, by the kernels of this processor, on one thread and on several, whose bits must be the same.
  @Test(arguments: ConvolutionCase.all)
  func values(_ example: ConvolutionCase) throws {
    let rows = 3
    var layer = example.layer
    if layer.activation != .relu { layer.activation = .linear }
    let model = try chain(example.input, [layer])
    let plan = try Plan(graph: model.graph, layout: model.layout, purpose: .prediction, maximumBatch: rows)
    let executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: MartletKernels.kernels)
    let inputCount = rows * model.graph.inputShapes[0].elementCount
    let source = RandomSource(seed: 3, stream: 1)
    let x = (0..<inputCount).map { Float(source.normal(at: UInt64($0))) }
    let values = model.valuesToChange()
    for index in 0..<model.layout.count { values[index] = Float(source.normal(at: UInt64(10_000 + index))) }
    for index in 0..<inputCount { executor.input(0)[index] = x[index] }
    let weights = model.layout.parameters.flatMap { parameter in
      (0..<parameter.count).map { model.values[parameter.offset + $0] }
    }
    let expected = try expected(example, x, weights, rows: rows)
    #expect(expected.count == rows * model.graph.outputShapes[0].elementCount)
    var results: [[Float]] = []
    for threads in [1, 3] {
      try executor.forward(rows: rows, step: 0, threads: threads)
      results.append((0..<expected.count).map { executor.output(0)[$0] })
    }
    #expect(results[0].map(\.bitPattern) == results[1].map(\.bitPattern))
    // A sum of K products and a bias has the relative error (K + 1) u of the sum of their magnitudes, u = 2^-24, and
    // terms of second order, for which one more u is plenty.
    let roundings = Double(weights.count / layer.filters + 2)
    for (value, exact) in zip(results[0], expected) {
      #expect(abs(Double(value) - exact.sum) <= roundings * 0x1p-24 * exact.magnitude)
    }
  }

  @Test func outputShapes() throws {
    for (input, size, strides, dilation, padding, expected) in [
      ([32, 32, 3], [3, 3], [1, 1], [1, 1], .valid, [30, 30, 5]),
      ([32, 32, 3], [3, 3], [2, 2], [1, 1], .same, [16, 16, 5]),
      ([7, 9, 1], [7, 9], [1, 1], [1, 1], .valid, [1, 1, 5]),
      ([7, 9, 1], [3, 3], [1, 1], [3, 4], .valid, [1, 1, 5]),
      ([5, 5, 1], [1, 1], [3, 3], [1, 1], .same, [2, 2, 5]),
    ] as [([Int], [Int], [Int], [Int], SlidingWindow.Padding, [Int])] {
      let window = SlidingWindow(size: size, strides: strides, dilation: dilation, padding: padding)
      let layer = Convolution(rank: 2, filters: 5, window: window)
      #expect(try layer.outputShape(of: [shape(input)]).dimensions == expected)
    }
  }

  @Test func refused() throws {
    func expectRefused(_ example: ConvolutionCase, _ input: [Int], _ message: String) throws {
      let row = try shape(input)
      let error = #expect(throws: MartletError.self) { _ = try example.layer.outputShape(of: [row]) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }
    let image = ConvolutionCase([5, 5, 4], filters: 6, size: [3, 3])
    try expectRefused(image, [5, 4], "Conv2D takes rows of shape [height, width, channels], not [5, 4]")
    try expectRefused(image, [2, 5, 4], "the window covers 3 elements of an axis that has 2")
    let groups = ConvolutionCase([5, 5, 4], filters: 6, size: [3, 3], groups: 4)
    try expectRefused(groups, [5, 5, 4], "4 groups, which must divide its 6 filters and the 4 channels")
    let sequence = ConvolutionCase([5, 4], filters: 6, size: [1, 3])
    try expectRefused(sequence, [5, 5, 4], "Conv1D takes rows of shape [length, channels], not [5, 5, 4]")
  }
}
