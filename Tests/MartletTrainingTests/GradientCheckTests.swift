// The gradient check finds what is wrong, and only that. The check itself is compared with known derivatives.

import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import MartletTraining
import Testing

/// y = x, but its gradient is wrong by a factor.
private struct Wrong: Layer {
  let factor: Double

  var className: String { "Wrong" }

  func outputShape(of inputs: [Shape]) throws(MartletError) -> Shape { inputs[0] }

  func lowerForward(_ site: LayerSite, into lowering: inout Lowering) {
    lowering.appendForward(
      .scale(
        x: lowering.value(of: site.inputs[0]), scale: 1, offset: 0, y: lowering.value(of: site.output),
        count: .perRow(site.outputShape.elementCount)))
  }

  func lowerBackward(_ site: LayerSite, into lowering: inout Lowering) {
    let dY = lowering.gradient(of: site.output)
    lowering.appendGradient(of: site.inputs[0]) { destination, _ in
      .scale(x: dY, scale: factor, offset: 0, y: destination, count: .perRow(site.outputShape.elementCount))
    }
  }
}

@Suite struct GradientCheckTests {
  private func check(_ layers: [any Layer], sample: Int = 0, x: [Float]) throws -> GradientCheck {
    var builder = try GraphBuilder(name: "test")
    var node = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    for layer in layers { node = try builder.add(layer, name: nil, inputs: [node]) }
    let model = try Model(graph: builder.build(outputs: [node]), seed: 5)
    let rows = x.count / 3
    let y = (0..<rows).map { Int32($0 % 2) }
    var options = TrainerOptions()
    options.losses = [OutputLoss(LossConfiguration(.sparseCategoricalCrossentropy, fromLogits: true))]
    let trainer = try Trainer(model: model, options: options, kernels: kernels)
    var checking = GradientCheckOptions()
    checking.sample = sample
    return try x.withUnsafeBytes { x in
      try y.withUnsafeBytes { y in
        let dataset = try Dataset(
          x: MemorySource(
            borrowing: #require(x.baseAddress), type: .float32, rowCount: rows, rowShape: Shape(vector: 3)),
          y: MemorySource(
            borrowing: #require(y.baseAddress), type: .int32, rowCount: rows, rowShape: Shape([], of: "y")))
        return try trainer.checkGradients(
          dataset, options: checking, reference: .reference, errors: nil, threads: 1, progress: nil)
      }
    }
  }

  private let x: [Float] = [0.3, -0.2, 0.9, 1.2, 0.1, -0.7, -0.4, 0.8, 0.2]

  @Test func rightGradientsPass() throws {
    let found = try check([Dense(units: 4, activation: .tanh), Wrong(factor: 1), Dense(units: 2)], x: x)
    #expect(found.checkedCount == 3 * 4 + 4 + 4 * 2 + 2)
    #expect(try #require(found.worst).error < 1e-7)
  }

  @Test(arguments: [0.5, 0.99, 1.0001])
  func aWrongGradientIsFound(_ factor: Double) throws {
    let found = try check([Dense(units: 4, activation: .tanh), Wrong(factor: factor), Dense(units: 2)], x: x)
    let worst = try #require(found.worst)
    // |1 - factor| of the larger of the two; only the layer before the wrong one is wrong.
    #expect(abs(worst.error - abs(1 - factor) / max(1, factor)) < 1e-6)
    #expect(worst.parameter < 2)
  }

  /// A row of zeros and a bias of zero put ReLU on its kink, where the derivative is taken as 0 and the central
  /// quotient is half that of the right side.
  @Test func aKinkIsNoError() throws {
    let found = try check([Dense(units: 4, activation: .relu), Dense(units: 2)], x: x + [0, 0, 0])
    #expect(try #require(found.worst).error < 1e-6)
  }

  @Test func aSampleIsSpreadOverEachArray() throws {
    let found = try check([Dense(units: 40, activation: .tanh), Dense(units: 2)], sample: 7, x: x)
    #expect(found.checkedCount == 7 + 7 + 7 + 2)
    #expect(found.arrayCount == 4)
  }

  @Test func nothingTrainable() throws {
    let found = try check([ActivationLayer(.tanh)], x: [0.1, 0.2, 0.3])
    #expect(found.checkedCount == 0 && found.worst == nil && found.loss.isFinite)
  }
}
