// How products are cut into tasks: every part of a product belongs to one task, and the cut changes no bit.

import MartletCore
import MartletKernelInterface
import MartletKernels
import Testing

@testable import MartletNN

@Suite struct ProductCutTests {
  @Test(arguments: [(257, 100), (300, 3), (512, 512), (784, 360), (1000, 33), (1537, 1025), (3072, 256), (5000, 7)])
  func tasksShareAllOfB(_ k: Int, _ n: Int) {
    for taskCount in 1...13 {
      let cut = SumCut(n: n, k: k, taskCount: taskCount)
      #expect(cut.start(of: 0) == (0, 0))
      #expect(cut.start(of: taskCount) == (cut.chunkCount, 0))
      for task in 0..<taskCount {
        let (start, end) = (cut.start(of: task), cut.start(of: task + 1))
        #expect(start <= end)
        #expect(start.column % tileMultiple == 0 && start.column < n)
        // What a task has is at most half a unit of columns away from its share, at either end.
        let work = { (place: SumCut.Place) -> Int in
          let row = min(place.chunk * SumCut.chunk, k)
          return row * n + place.column * min(SumCut.chunk, k - row)
        }
        let share = n * (k * (task + 1) / taskCount - k * task / taskCount)
        #expect(abs(work(end) - work(start) - share) <= min(n, tileMultiple) * SumCut.chunk)
      }
    }
  }

  /// Dense layers of few rows, whose products are large enough for several tasks and whose bits show what was added
  /// when.
  @Test(arguments: [(3072, 256), (1030, 1025), (6000, 48), (2048, 100), (257, 257)])
  func threadsChangeNoBit(_ inputs: Int, _ units: Int) throws {
    for useBias in [true, false] {
      let model = try chain([inputs], [Dense(units: units, activation: .tanh, useBias: useBias), Dense(units: 3)])
      for parameter in model.layout.parameters where parameter.shape.dimensions.count == 1 {
        for index in 0..<parameter.count { model.valuesToChange()[parameter.offset + index] = Float(index % 7) / 8 }
      }
      let plan = try Plan(graph: model.graph, layout: model.layout, purpose: .prediction, maximumBatch: 40)
      let source = RandomSource(seed: 2, stream: 0)
      for rows in [1, 2, 8, 32, 33, 40] {
        var outputs: [[Float]] = []
        for threads in [1, 2, 3, 7] {
          let executor = try PlanExecutor(plan: plan, parameters: model.valuesToChange(), kernels: kernels)
          for index in 0..<(rows * inputs) { executor.input(0)[index] = Float(source.normal(at: UInt64(index))) }
          try executor.forward(rows: rows, step: 0, threads: threads)
          outputs.append(Array(UnsafeBufferPointer(start: executor.output(0), count: rows * 3)))
        }
        #expect(outputs.allSatisfy { $0 == outputs[0] }, "\(rows) rows")
        #expect(Set(outputs[0]).count == rows * 3)
      }
    }
  }
}
