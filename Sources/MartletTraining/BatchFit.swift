// Whether inputs and targets fit a model and a loss, and in which form the loss takes the targets.

import MartletCore
import MartletNN

enum TargetForm {
  /// One integer per row of the output's last axis.
  case labels
  /// As many numbers as the output has.
  case values
}

struct BatchFit {
  let input: Shape
  let output: Shape
  let loss: Loss

  func checkInput(_ row: some Collection<some BinaryInteger>) throws(MartletError) {
    guard matches(row, input.dimensions[...]) else {
      throw MartletError(
        .invalidArgument, "x has rows of shape \(describe(row)); the model expects \(input)")
    }
  }

  /// - Throws: `invalidArgument` naming the shapes and types that the loss takes.
  func targetForm(
    _ row: some Collection<some BinaryInteger>, _ type: ElementType
  ) throws(MartletError) -> TargetForm {
    let leading = output.dimensions.dropLast()
    let isLabels = type.isInteger && (matches(row, leading) || matches(row, leading, thenOne: true))
    let isValues = matches(row, output.dimensions[...]) || (output.lastDimension == 1 && matches(row, leading))
    switch loss {
    case .sparseCategoricalCrossentropy:
      if isLabels { return .labels }
    case .categoricalHinge:
      if isValues, output.lastDimension > 1 { return .values }
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
        "integer labels with rows of shape \(Shape.describe(Array(leading))) or numbers of shape \(output)"
      default: "rows of shape \(output)"
      }
    throw MartletError(
      .invalidArgument,
      "y has rows of shape \(describe(row)) and type \(type); loss '\(loss.name)' expects \(expected)")
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
}
