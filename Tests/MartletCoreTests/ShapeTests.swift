import Testing

@testable import MartletCore

struct ShapeTests {
  @Test func countsElements() throws {
    #expect(try Shape([2, 3, 4], of: "x").elementCount == 24)
    #expect(try Shape([], of: "x").elementCount == 1)
    #expect(try Shape([5, 0, 7], of: "x").elementCount == 0)
    #expect(Shape(vector: 9).dimensions == [9])
  }

  @Test func describesItself() throws {
    let shape = try Shape([28, 28, 1], of: "x")
    #expect(shape.description == "[28, 28, 1]")
    #expect(shape.batchDescription == "[N, 28, 28, 1]")
    #expect(shape.rank == 3)
    #expect(shape.lastDimension == 1)
    #expect(try Shape([], of: "x").lastDimension == 1)
  }

  @Test func refusesNegativeDimensions() {
    #expect(throws: MartletError(.invalidArgument, "x has a negative dimension -1")) {
      try Shape([3, -1], of: "x")
    }
  }

  /// The product of the dimensions other than 0 is bounded too: 0 rows of absurd size are absurd.
  @Test(arguments: [
    [Int.max, 2], [1 << 32, 1 << 32], [1 << 56, 2], [Int.max], [0, 1 << 40, 1 << 40], [1 << 40, 0, 1 << 40],
  ])
  func refusesOverflow(dimensions: [Int]) {
    #expect(throws: MartletError(.invalidArgument, "x is too large: shape \(Shape.describe(dimensions))")) {
      try Shape(dimensions, of: "x")
    }
  }

  @Test func acceptsTheLargest() throws {
    #expect(try Shape([1 << 28, 1 << 28], of: "x").elementCount == Shape.maximumElementCount)
  }
}
