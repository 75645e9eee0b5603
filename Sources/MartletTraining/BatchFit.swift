// Whether inputs and targets fit a model and its losses, and in which form a loss takes its targets.

import MartletCore
import MartletNN

enum TargetForm {
  /// One integer per row of the output's last axis.
  case labels
  /// As many numbers as the output has.
  case values
}

/// A model with its losses, as the arrays of a batch must fit them.
struct BatchFit {
  let inputs: [InputFit]
  /// Shapes of one row.
  let outputs: [Shape]
  /// The outputs that have a loss: each takes targets.
  let targets: [TargetFit]

  init(graph: Graph, losses: [Loss]) {
    func name(_ name: String, _ index: Int, of count: Int) -> String { count == 1 ? name : "\(name)[\(index)]" }
    inputs = graph.inputShapes.enumerated().map { index, shape in
      InputFit(name: name("x", index, of: graph.inputs.count), shape: shape)
    }
    outputs = graph.outputShapes
    let trained = outputs.indices.filter { losses[$0] != .none }
    targets = trained.enumerated().map { [outputs] index, output in
      TargetFit(
        name: name("y", index, of: trained.count), output: output, shape: outputs[output], loss: losses[output])
    }
  }

  /// - Throws: `invalidArgument` unless there are as many arrays as the model has inputs, and outputs with a loss;
  ///   `invalidState` if no output has a loss.
  func checkCounts(x: Int, y: Int, of owner: String) throws(MartletError) {
    try requireLoss()
    guard x == inputs.count else {
      throw MartletError(
        .invalidArgument, "\(owner) has \(x) x; the model has \(inputs.count) \(inputs.count == 1 ? "input" : "inputs")"
      )
    }
    guard y == targets.count else {
      throw MartletError(
        .invalidArgument,
        "\(owner) has \(y) y; the model has \(targets.count) \(targets.count == 1 ? "output" : "outputs") with a loss")
    }
  }

  /// - Throws: `invalidState` if no output has a loss.
  func requireLoss() throws(MartletError) {
    guard !targets.isEmpty else {
      throw MartletError(.invalidState, "this trainer has no loss (MARTLET_NO_LOSS); use forward, backward and apply")
    }
  }
}

/// One input of a model.
struct InputFit {
  /// How messages call the array: "x", or "x[1]" where there are several.
  let name: String
  let shape: Shape

  func check(_ row: some Collection<some BinaryInteger>) throws(MartletError) {
    guard matches(row, shape.dimensions[...]) else {
      throw MartletError(
        .invalidArgument, "\(name) has rows of shape \(describe(row)); the model expects \(shape)")
    }
  }
}

/// The targets of one output.
struct TargetFit {
  /// How messages call them: "y", or "y[1]" where there are several.
  let name: String
  /// Which output of the model it is.
  let output: Int
  let shape: Shape
  let loss: Loss

  /// - Throws: `invalidArgument` naming the shapes and types that the loss takes.
  func targetForm(
    _ row: some Collection<some BinaryInteger>, _ type: ElementType
  ) throws(MartletError) -> TargetForm {
    let leading = shape.dimensions.dropLast()
    let isLabels = type.isInteger && (matches(row, leading) || matches(row, leading, thenOne: true))
    let isValues = matches(row, shape.dimensions[...]) || (shape.lastDimension == 1 && matches(row, leading))
    if loss.takesNumbers, isValues { return .values }
    if loss.takesLabels, isLabels { return .labels }
    let labels = "integer labels with rows of shape \(Shape.describe(Array(leading)))"
    let expected =
      switch (loss.takesLabels, loss.takesNumbers) {
      case (true, true): "\(labels) or numbers of shape \(shape)"
      case (true, false): labels
      default: "rows of shape \(shape)"
      }
    throw MartletError(
      .invalidArgument,
      "\(name) has rows of shape \(describe(row)) and type \(type); loss '\(loss.name)' expects \(expected)")
  }
}

private func matches(
  _ row: some Collection<some BinaryInteger>, _ dimensions: ArraySlice<Int>, thenOne: Bool = false
) -> Bool {
  guard row.count == dimensions.count + (thenOne ? 1 : 0) else { return false }
  var index = dimensions.startIndex
  for size in row {
    guard Int(size) == (index < dimensions.endIndex ? dimensions[index] : 1) else { return false }
    index += 1
  }
  return true
}

private func describe(_ row: some Collection<some BinaryInteger>) -> String {
  Shape.describe(row.map { Int($0) })
}
