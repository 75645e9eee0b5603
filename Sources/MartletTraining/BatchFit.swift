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
  let outputs: [OutputFit]

  init(graph: Graph, losses: [Loss]) {
    func name(_ name: String, _ index: Int, of count: Int) -> String { count == 1 ? name : "\(name)[\(index)]" }
    inputs = graph.inputShapes.enumerated().map { index, shape in
      InputFit(name: name("x", index, of: graph.inputs.count), shape: shape)
    }
    outputs = zip(graph.outputShapes, losses).enumerated().map { index, output in
      OutputFit(name: name("y", index, of: graph.outputs.count), shape: output.0, loss: output.1)
    }
  }

  /// - Throws: `invalidArgument` unless there are as many arrays as the model has inputs and outputs.
  func checkCounts(inputs inputCount: Int, targets: Int, of owner: String) throws(MartletError) {
    guard inputCount == inputs.count else {
      throw MartletError(
        .invalidArgument, "\(owner) has \(inputCount) x; the model has \(counted(inputs.count, "input"))")
    }
    guard targets == outputs.count else {
      throw MartletError(
        .invalidArgument, "\(owner) has \(targets) y; the model has \(counted(outputs.count, "output"))")
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

/// One output of a model with its loss.
struct OutputFit {
  /// How messages call the targets: "y", or "y[1]" where there are several.
  let name: String
  let shape: Shape
  let loss: Loss

  /// - Throws: `invalidArgument` naming the shapes and types that the loss takes.
  func targetForm(
    _ row: some Collection<some BinaryInteger>, _ type: ElementType
  ) throws(MartletError) -> TargetForm {
    let leading = shape.dimensions.dropLast()
    let isLabels = type.isInteger && (matches(row, leading) || matches(row, leading, thenOne: true))
    let isValues = matches(row, shape.dimensions[...]) || (shape.lastDimension == 1 && matches(row, leading))
    switch loss {
    case .sparseCategoricalCrossentropy:
      if isLabels { return .labels }
    case .categoricalHinge:
      if isValues, shape.lastDimension > 1 { return .values }
      if isLabels { return .labels }
    case .categoricalCrossentropy, .meanSquaredError, .binaryCrossentropy:
      if isValues { return .values }
    case .none:
      throw MartletError(.invalidState, "this trainer has no loss (MARTLET_NO_LOSS); use forward, backward and apply")
    }
    let expected =
      switch loss {
      case .sparseCategoricalCrossentropy: "integer labels with rows of shape \(Shape.describe(Array(leading)))"
      case .categoricalHinge:
        "integer labels with rows of shape \(Shape.describe(Array(leading))) or numbers of shape \(shape)"
      default: "rows of shape \(shape)"
      }
    throw MartletError(
      .invalidArgument,
      "\(name) has rows of shape \(describe(row)) and type \(type); loss '\(loss.name)' expects \(expected)")
  }
}

private func counted(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }

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
