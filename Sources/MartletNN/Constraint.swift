// What a weight array is held to: Keras' constraints, and how the axes of their norms cut an array into vectors.

import MartletCore
import MartletKernelInterface

/// Applied to a weight after every update of a step.
package enum Constraint: Sendable, Equatable {
  /// w * (min(|w|, limit) / (|w| + 1e-7)), |w| over the axes.
  case maximumNorm(Float, Axes)
  case nonNegative
  /// w / (|w| + 1e-7), |w| over the axes.
  case unitNorm(Axes)

  /// Adjacent axes, first to last. Negative ones count from the end.
  package struct Axes: Sendable, Equatable {
    package var first: Int
    package var last: Int

    package init(_ first: Int, _ last: Int) {
      self.first = first
      self.last = last
    }

    /// Keras' default: the norm of the weights into each unit of a Dense layer.
    package static let rows = Axes(0, 0)
  }

  /// The axes of its norms; nil if it has none.
  package var axes: Axes? {
    switch self {
    case .maximumNorm(_, let axes), .unitNorm(let axes): axes
    case .nonNegative: nil
    }
  }

  private var rule: WeightConstraint {
    switch self {
    case .maximumNorm(let limit, _): WeightConstraint(.maximumNorm, limit: limit)
    case .nonNegative: WeightConstraint(.nonNegative)
    case .unitNorm: WeightConstraint(.unitNorm)
    }
  }

  /// - Throws: `invalidArgument` if the shape has no such axes.
  func planned(for shape: Shape, ofWeight name: String) throws(MartletError) -> PlannedConstraint {
    guard let axes else {
      return PlannedConstraint(rule: rule, blocks: 1, rows: 1, columns: shape.elementCount)
    }
    let rank = shape.rank
    let first = axes.first < 0 ? axes.first + rank : axes.first
    let last = axes.last < 0 ? axes.last + rank : axes.last
    guard first >= 0, first <= last, last < rank else {
      let text = axes.first == axes.last ? "axis \(axes.first)" : "axes \(axes.first) to \(axes.last)"
      throw MartletError(
        .invalidArgument, "the constraint of weight '\(name)' is over \(text); the weight has shape \(shape)")
    }
    func size(_ range: Range<Int>) -> Int { shape.dimensions[range].reduce(1, *) }
    return PlannedConstraint(
      rule: rule, blocks: size(0..<first), rows: size(first..<(last + 1)), columns: size((last + 1)..<rank))
  }
}

/// A constraint on an array seen as [blocks, rows, columns]: each column of a block is one vector.
package struct PlannedConstraint: Sendable, BitwiseCopyable {
  package let rule: WeightConstraint
  package let blocks: Int
  package let rows: Int
  package let columns: Int
}
