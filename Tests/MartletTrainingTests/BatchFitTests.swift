// Which shapes and types of inputs and targets each loss takes, and what is said about the others.

import MartletCore
import MartletNN
import Testing

@testable import MartletTraining

@Suite struct BatchFitTests {
  private func fit(_ loss: Loss, output: [Int] = [10]) throws -> TargetFit {
    try TargetFit(name: "y", output: 0, shape: Shape(output, of: "y"), loss: loss)
  }

  private func refusal(_ loss: Loss, _ row: [Int], _ type: ElementType, output: [Int] = [10]) throws -> String? {
    let fit = try fit(loss, output: output)
    return failure { _ = try fit.targetForm(row, type) }?.message
  }

  @Test func inputs() throws {
    let fit = try InputFit(name: "x", shape: Shape([28, 28], of: "x"))
    try fit.check([28, 28])
    for row in [[784], [28, 27], [28], [28, 28, 1], []] {
      let message = "x has rows of shape \(Shape.describe(row)); the model expects [28, 28]"
      #expect(failure { try fit.check(row) } == MartletError(.invalidArgument, message))
    }
  }

  @Test func labels() throws {
    let fit = try fit(.sparseCategoricalCrossentropy)
    for type in [ElementType.uint8, .int32, .int64] {
      #expect(try fit.targetForm([Int](), type) == .labels)
      #expect(try fit.targetForm([1], type) == .labels)
    }
    let expected = "loss 'sparse_categorical_crossentropy' expects integer labels with rows of shape []"
    #expect(
      try refusal(.sparseCategoricalCrossentropy, [], .float32)
        == "y has rows of shape [] and type float32; \(expected)")
    #expect(
      try refusal(.sparseCategoricalCrossentropy, [10], .int32)
        == "y has rows of shape [10] and type int32; \(expected)")
  }

  @Test func labelsOfEachPlace() throws {
    // An output [4, 10] is judged along its last axis: four labels for each row.
    let fit = try fit(.sparseCategoricalCrossentropy, output: [4, 10])
    #expect(try fit.targetForm([4], .int32) == .labels)
    #expect(try fit.targetForm([4, 1], .int32) == .labels)
    #expect(try refusal(.sparseCategoricalCrossentropy, [], .int32, output: [4, 10]) != nil)
  }

  @Test(arguments: [Loss.categoricalCrossentropy, .meanSquaredError, .binaryCrossentropy])
  func numbers(_ loss: Loss) throws {
    for type in ElementType.allCases { #expect(try fit(loss).targetForm([10], type) == .values) }
    // One output may do without its axis.
    #expect(try fit(loss, output: [1]).targetForm([Int](), .float32) == .values)
    #expect(try fit(loss, output: [1]).targetForm([1], .uint8) == .values)
    #expect(
      try refusal(loss, [], .int32)
        == "y has rows of shape [] and type int32; loss '\(loss.name)' expects rows of shape [10]")
  }

  @Test func hingeTakesBoth() throws {
    let fit = try fit(.categoricalHinge)
    #expect(try fit.targetForm([10], .float32) == .values)
    #expect(try fit.targetForm([10], .uint8) == .values)
    #expect(try fit.targetForm([Int](), .uint8) == .labels)
    #expect(
      try refusal(.categoricalHinge, [], .float64)
        == "y has rows of shape [] and type float64; loss 'categorical_hinge' expects integer labels with rows of shape "
        + "[] or numbers of shape [10]")
  }

  @Test func noLossTakesNoTargets() throws {
    let graph = try network([Dense(units: 3)]).graph
    let fit = BatchFit(graph: graph, losses: [.none])
    #expect(fit.targets.isEmpty)
    #expect(failure { try fit.checkCounts(x: 1, y: 0, of: "the dataset") }?.code == .invalidState)
  }

  @Test func arraysAreNumberedWhereThereAreSeveral() throws {
    let fit = BatchFit(graph: try twoOutputs().graph, losses: [.meanSquaredError, .meanSquaredError])
    #expect(fit.inputs.map(\.name) == ["x[0]", "x[1]"])
    #expect(fit.targets.map(\.name) == ["y[0]", "y[1]"])
    #expect(
      failure { try fit.inputs[1].check([2]) }?.message == "x[1] has rows of shape [2]; the model expects [3]")
    #expect(
      failure { try fit.checkCounts(x: 1, y: 2, of: "the dataset") }?.message
        == "the dataset has 1 x; the model has 2 inputs")
    #expect(
      failure { try fit.checkCounts(x: 2, y: 3, of: "the dataset") }?.message
        == "the dataset has 3 y; the model has 2 outputs with a loss")
    let one = BatchFit(graph: try twoOutputs().graph, losses: [.none, .meanSquaredError])
    #expect(one.targets.map(\.name) == ["y"] && one.targets[0].output == 1)
  }
}
