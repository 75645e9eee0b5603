// Sizes of arrays, with arithmetic that cannot overflow.

/// Dimensions of an array, outermost first. A row's shape leaves the batch dimension out.
package struct Shape: Hashable, Sendable, CustomStringConvertible {
  /// As many dimensions as an array may have, the batch included (`MARTLET_MAX_RANK`).
  package static let maximumRank = 8

  /// More elements than any array may have: its bytes, in any element type, stay far below `Int.max`.
  package static let maximumElementCount = 1 << 56

  package let dimensions: [Int]

  /// Product of the dimensions; 1 for rank 0.
  package let elementCount: Int

  /// - Throws: `invalidArgument` if a dimension is negative or the product exceeds `maximumElementCount`; `name` is how
  ///   the message calls the array.
  package init(_ dimensions: [Int], of name: String) throws(MartletError) {
    var count = 1
    var isEmpty = false
    for dimension in dimensions {
      guard dimension >= 0 else {
        throw MartletError(.invalidArgument, "\(name) has a negative dimension \(dimension)")
      }
      if dimension == 0 {
        isEmpty = true
        continue
      }
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard !overflow, product <= Shape.maximumElementCount else {
        throw MartletError(.invalidArgument, "\(name) is too large: shape \(Shape.describe(dimensions))")
      }
      count = product
    }
    self.dimensions = dimensions
    self.elementCount = isEmpty ? 0 : count
  }

  /// A vector of `count` elements, which the caller knows to be in range.
  package init(vector count: Int) {
    dimensions = [count]
    elementCount = count
  }

  package var rank: Int { dimensions.count }

  /// The size of the last axis; 1 for rank 0.
  package var lastDimension: Int { dimensions.last ?? 1 }

  /// `[28, 28, 1]`
  package var description: String { Shape.describe(dimensions) }

  /// `[N, 28, 28, 1]`: how messages speak of a batch of rows of this shape.
  package var batchDescription: String {
    "[" + (["N"] + dimensions.map(String.init)).joined(separator: ", ") + "]"
  }

  package static func describe(_ dimensions: [Int]) -> String {
    "[" + dimensions.map(String.init).joined(separator: ", ") + "]"
  }
}
