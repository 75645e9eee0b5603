// Constraints of weights: over which axes, after which updates, and the same bits for any number of threads.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

@Suite struct ConstraintTests {
  @Test func axesCutAnArrayIntoVectors() throws {
    let shape = try Shape([3, 4, 5, 6], of: "a weight")
    func plan(_ first: Int, _ last: Int) throws -> [Int] {
      let plan = try Constraint.unitNorm(.init(first, last)).planned(for: shape, ofWeight: "w")
      return [plan.blocks, plan.rows, plan.columns]
    }
    #expect(try plan(0, 0) == [1, 3, 120])
    #expect(try plan(0, 2) == [1, 60, 6])
    #expect(try plan(1, 2) == [3, 20, 6])
    #expect(try plan(3, 3) == [60, 6, 1])
    #expect(try plan(-1, -1) == [60, 6, 1])
    #expect(try plan(-4, 1) == [1, 12, 30])
    for (first, last) in [(4, 4), (-5, 0), (2, 1), (0, 4), (Int(Int32.min), Int(Int32.max))] {
      let error = #expect(throws: MartletError.self) { _ = try plan(first, last) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.contains("the constraint of weight 'w' is over ax") == true)
    }
  }

  /// A step of plain gradient descent, which a constraint follows.
  private func trained(_ constraint: Constraint?, _ sink: GradientSink, threads: Int) throws -> [Float] {
    let model = try chain(
      [300], [Dense(units: 257, activation: .tanh, kernelConstraint: constraint), Dense(units: 4)])
    let plan = try Plan(
      graph: model.graph, layout: model.layout, purpose: .training([LossConfiguration(.meanSquaredError)], sink),
      maximumBatch: 8)
    let executor = try PlanExecutor(
      plan: plan, parameters: model.valuesToChange(), kernels: MartletKernels.kernels, seed: 1)
    let source = RandomSource(seed: 2, stream: 1)
    source.fillNormal(executor.input(0), count: 8 * 300)
    let rule = UpdateRule(.gradientDescent, rate: 0.5)
    for step in 0..<2 {
      try executor.forward(rows: 8, step: UInt64(step), threads: threads)
      _ = executor.computeLoss(output: 0, useLabels: false)
      executor.backward(rule: sink == .update ? rule : nil, slots: OptimizerSlots())
      if sink == .store { executor.apply(rule: rule, slots: OptimizerSlots()) }
    }
    return (0..<(300 * 257)).map { model.values[$0] }
  }

  private static let constraints: [Constraint] = [
    .maximumNorm(0.8, .rows), .maximumNorm(0.9, .init(1, 1)), .unitNorm(.rows), .unitNorm(.init(-1, -1)),
    .unitNorm(.init(0, 1)), .nonNegative,
  ]

  @Test(arguments: constraints, [GradientSink.update, .store])
  func everyUpdateIsFollowedByTheConstraint(_ constraint: Constraint, _ sink: GradientSink) throws {
    let values = try trained(constraint, sink, threads: 1)
    #expect(try values != trained(nil, sink, threads: 1))
    let shape = try Shape([300, 257], of: "a kernel")
    let plan = try constraint.planned(for: shape, ofWeight: "kernel")
    guard constraint != .nonNegative else {
      #expect(values.allSatisfy { $0 >= 0 } && values.contains(0) && values.contains { $0 > 0 })
      return
    }
    let limit: Double = if case .maximumNorm(let limit, _) = constraint { Double(limit) } else { 1 }
    // The norm is a sum of n squares in float, halved by the root, and each weight is rounded a few times; epsilon takes
    // 1e-7 of a norm of about 1 away.
    let slack = (Double(plan.rows) / 2 + 5) * 0x1p-24 + 2e-7
    var norms: [Double] = []
    for block in 0..<plan.blocks {
      for column in 0..<plan.columns {
        let squares = (0..<plan.rows).reduce(0.0) { sum, row in
          let weight = Double(values[(block * plan.rows + row) * plan.columns + column])
          return sum + weight * weight
        }
        norms.append(squares.squareRoot())
      }
    }
    #expect(norms.allSatisfy { $0 <= limit * (1 + slack) })
    #expect(norms.contains { $0 >= limit * (1 - slack) })
    if case .unitNorm = constraint { #expect(norms.allSatisfy { $0 >= 1 - slack }) }
  }

  @Test(arguments: constraints) func theNumberOfThreadsChangesNoBit(_ constraint: Constraint) throws {
    let one = try trained(constraint, .update, threads: 1)
    for threads in [2, 3, 7] { #expect(try trained(constraint, .update, threads: threads) == one) }
  }
}
