// Reshape, Permute, GaussianNoise and ActivityRegularization: shapes, values, and what is refused. Their gradients are in
// GradientTests.swift.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

@Suite struct ShapingLayersTests {
  private func shape(_ dimensions: [Int]) throws -> Shape { try Shape(dimensions, of: "a row") }

  /// Forward pass of one layer: rows of counted numbers, all rows one after another.
  private func output(
    _ layer: any Layer, _ input: [Int], rows: Int, purpose: PlanPurpose = .prediction, threads: Int = 1,
    step: UInt64 = 0, seed: UInt64 = 1
  ) throws -> [Float] {
    let model = try chain(input, [layer])
    let plan = try Plan(graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: rows)
    let executor = try PlanExecutor(
      plan: plan, parameters: model.valuesToChange(), kernels: MartletKernels.kernels, seed: seed)
    let count = rows * model.graph.inputShapes[0].elementCount
    for index in 0..<count { executor.input(0)[index] = Float(index) }
    try executor.forward(rows: rows, step: step, threads: threads)
    return (0..<count).map { executor.output(0)[$0] }
  }

  private func expectRefused(_ layer: any Layer, _ dimensions: [Int], _ message: String) throws {
    let row = try shape(dimensions)
    let error = #expect(throws: MartletError.self) { _ = try layer.outputShape(of: [row]) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  // MARK: Reshape

  @Test func reshapes() throws {
    for (input, target, expected) in [
      ([12], [3, 4], [3, 4]), ([2, 3, 4], [-1], [24]), ([2, 3, 4], [4, -1, 2], [4, 3, 2]),
      ([5], [1, 5, 1], [1, 5, 1]),
    ] {
      #expect(try Reshape(target).outputShape(of: [shape(input)]).dimensions == expected)
    }
    #expect(try output(Reshape([3, -1]), [2, 3], rows: 2) == (0..<12).map { Float($0) })
  }

  @Test func reshapesThatAreRefused() throws {
    try expectRefused(Reshape([5, 2]), [12], "target shape [5, 2]; rows of shape [12] have 12 elements")
    try expectRefused(Reshape([5, -1]), [12], "target shape [5, -1]; rows of shape [12] have 12 elements")
    try expectRefused(Reshape([24, -1]), [12], "have 12 elements")
    try expectRefused(Reshape([-1, -1]), [12], "one may be -1")
    try expectRefused(Reshape([-2, 6]), [12], "dimensions of 1 or more")
    try expectRefused(Reshape([0, 12]), [12], "dimensions of 1 or more")
    try expectRefused(Reshape([]), [12], "it takes 1 to 7 dimensions")
    try expectRefused(Reshape(.init(repeating: 1, count: 8)), [1], "it takes 1 to 7 dimensions")
    try expectRefused(Reshape([1 << 40, 1 << 40]), [12], "too large")
  }

  // MARK: Permute

  private static let orders = [
    ([5], [1]), ([2, 3], [1, 2]), ([2, 3], [2, 1]), ([2, 3, 4], [3, 1, 2]), ([2, 3, 4], [2, 3, 1]),
    ([2, 3, 4], [3, 2, 1]), ([2, 3, 4], [2, 1, 3]), ([2, 3, 4], [1, 3, 2]), ([2, 1, 4], [2, 3, 1]),
    ([2, 3, 2, 5], [4, 2, 3, 1]), ([2, 3, 2, 5], [2, 4, 1, 3]), ([3, 2, 1, 2, 3, 2, 2], [7, 5, 3, 1, 2, 4, 6]),
  ]

  /// Every element is where its indices say.
  @Test(arguments: orders) func permutes(_ input: [Int], _ dims: [Int]) throws {
    let rows = 3
    let count = input.reduce(1, *)
    let y = try output(Permute(dims), input, rows: rows)
    let sizes = dims.map { input[$0 - 1] }
    #expect(try Permute(dims).outputShape(of: [shape(input)]).dimensions == sizes)
    for position in 0..<(rows * count) {
      // The indices of an output element, from the last dimension on.
      var rest = position % count
      var indices = [Int](repeating: 0, count: input.count)
      for axis in sizes.indices.reversed() {
        indices[dims[axis] - 1] = rest % sizes[axis]
        rest /= sizes[axis]
      }
      let source = zip(indices, input).reduce(0) { $0 * $1.1 + $1.0 }
      #expect(y[position] == Float(position / count * count + source))
    }
  }

  @Test func commonOrdersTakeOneOperation() {
    for (sizes, order, count) in [
      ([4, 5], [1, 0], 1), ([4, 5, 6], [2, 0, 1], 1), ([4, 5, 6], [1, 2, 0], 1), ([4, 5, 6], [2, 1, 0], 2),
      ([4, 5, 6], [0, 1, 2], 0), ([4, 1, 6], [1, 0, 2], 0),
    ] {
      #expect(Exchange.sequence(to: order, of: sizes).count == count)
    }
    #expect(
      Exchange.sequence(to: [0, 2, 3, 1], of: [2, 3, 4, 5]) == [Exchange(outer: 2, first: 3, second: 20, inner: 1)])
  }

  @Test func permutationsThatAreRefused() throws {
    for dims in [[], [1], [1, 1], [0, 1], [2, 3], [1, 2, 3], [-1, 1], [Int.min, Int.max]] {
      try expectRefused(Permute(dims), [2, 3], "rows of shape [2, 3] take each of 1 to 2 once")
    }
  }

  // MARK: GaussianNoise

  private static let training = PlanPurpose.training([LossConfiguration(.meanSquaredError)], .store)

  private func noise(_ deviation: Double, rows: Int, threads: Int = 1, step: UInt64 = 0, seed: UInt64 = 1) throws
    -> [Float]
  {
    // The input must not round the noise away.
    let y = try output(
      GaussianNoise(standardDeviation: deviation), [1 << 10], rows: rows, purpose: Self.training, threads: threads,
      step: step, seed: seed)
    return y.enumerated().map { Float(Double($1) - Double($0)) }
  }

  /// Of n normal numbers with deviation s the mean has deviation s / sqrt(n), the square s^2 sqrt(2 / n): five of each. The
  /// sum with numbers up to 2^15 is rounded to 2^-9, which has no mean.
  @Test func noiseIsNormal() throws {
    let (deviation, rows) = (4.0, 32)
    let noise = try noise(deviation, rows: rows).map { Double($0) }
    let n = Double(noise.count)
    let mean = noise.reduce(0, +) / n
    let square = noise.reduce(0) { $0 + $1 * $1 } / n
    #expect(abs(mean) < 5 * deviation / n.squareRoot())
    #expect(abs(square - deviation * deviation) < 5 * deviation * deviation * (2 / n).squareRoot())
    // 4.55 % beyond two deviations.
    let share = Double(noise.count { abs($0) > 2 * deviation }) / n
    #expect(abs(share - 0.0455) < 5 * (0.0455 / n).squareRoot())
  }

  @Test func noiseDependsOnSeedAndStepOnly() throws {
    let one = try noise(1, rows: 64)
    for threads in [2, 3, 7] { #expect(try noise(1, rows: 64, threads: threads) == one) }
    #expect(try noise(1, rows: 64, step: 1) != one)
    #expect(try noise(1, rows: 64, seed: 2) != one)
    #expect(Array(one.prefix(1024)) != Array(one.suffix(1024)))
  }

  @Test func noiseIsForTraining() throws {
    let x = (0..<8).map { Float($0) }
    let layer = GaussianNoise(standardDeviation: 1)
    #expect(try output(layer, [4], rows: 2) == x)
    #expect(try output(layer, [4], rows: 2, purpose: .evaluation([LossConfiguration(.meanSquaredError)])) == x)
    #expect(try output(GaussianNoise(standardDeviation: 0), [4], rows: 2, purpose: Self.training) == x)
  }

  // MARK: ActivityRegularization

  /// x = 0, ..., 5 in 2 rows: sum 15, sum of squares 55. Exact in double but for l1 and l2, which are floats.
  @Test(arguments: [Self.training, .evaluation([LossConfiguration(.none)]), .prediction])
  func thePenaltyIsTheMeanOverRows(_ purpose: PlanPurpose) throws {
    let layer = ActivityRegularization(Regularizer(l1: 0.25, l2: 0.5))
    let model = try chain([3], [layer, ActivityRegularization(.none)])
    let plan = try Plan(graph: model.graph, layout: model.layout, purpose: purpose, maximumBatch: 4)
    let executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: MartletKernels.kernels)
    for index in 0..<6 { executor.input(0)[index] = index % 2 == 0 ? Float(index) : -Float(index) }
    try executor.forward(rows: 2, step: 0, threads: 1)
    #expect((0..<6).allSatisfy { abs(executor.output(0)[$0]) == Float($0) })
    if case .prediction = purpose {
      #expect(executor.activityLoss() == 0)
    } else {
      #expect(executor.activityLoss() == (0.25 * 15 + 0.5 * 55) / 2)
    }
  }
}
