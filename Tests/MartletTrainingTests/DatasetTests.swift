// Datasets made from one another, and statistics of inputs.

import MartletCore
import MartletKernels
import MartletTraining
import Testing

extension Dataset {
  fileprivate func sourceRow(_ index: Int) -> Int { inputs[0].selection.sourceRow(index) }

  /// The source rows of every array.
  fileprivate var sourceRows: [[Int]] {
    (inputs + targets + (sampleWeights.map { [$0] } ?? [])).map { array in
      (0..<count).map { array.selection.sourceRow($0) }
    }
  }
}

@Suite struct DatasetTests {
  private func numbers(_ rows: Int) throws -> Dataset {
    let x = try TensorStorage(count: rows * 4, of: Float.self, purpose: "a test")
    for index in 0..<(rows * 4) { x.pointer(as: Float.self)[index] = 1000 + Float(index) }
    return try Dataset(
      x: MemorySource(owning: x, type: .float32, rowCount: rows, rowShape: Shape([2, 2], of: "x")), y: nil)
  }

  private func targets(_ rows: Int) throws -> Dataset {
    let y = try TensorStorage(count: rows, of: Float.self, purpose: "a test")
    return try Dataset(
      x: nil, y: MemorySource(owning: y, type: .float32, rowCount: rows, rowShape: Shape([], of: "y")))
  }

  @Test func ranges() throws {
    let data = try numbers(10).rows(2, 8)
    #expect(data.count == 6)
    #expect((0..<6).map { data.sourceRow($0) } == Array(2..<8))
    #expect(try data.rows(1, 3).sourceRow(0) == 3)
    for (begin, end) in [(-1, 3), (3, 3), (4, 3), (0, 7)] {
      #expect(failure { _ = try data.rows(begin, end) }?.code == .invalidArgument)
    }
  }

  @Test func splits() throws {
    let data = try numbers(10)
    let (first, second) = try data.split(fraction: 0.3, shuffle: false, seed: 0)
    #expect((0..<first.count).map { first.sourceRow($0) } == Array(0..<7))
    #expect((0..<second.count).map { second.sourceRow($0) } == Array(7..<10))
    let (a, b) = try data.rows(4, 10).split(fraction: 0.5, shuffle: true, seed: 1)
    let rows = (0..<3).map { a.sourceRow($0) } + (0..<3).map { b.sourceRow($0) }
    #expect(rows.sorted() == Array(4..<10))
    #expect(rows != Array(4..<10))
    for fraction in [0, 1, -0.5, 0.01, .nan] {
      #expect(failure { _ = try data.split(fraction: fraction, shuffle: false, seed: 0) }?.code == .invalidArgument)
    }
  }

  @Test func zipped() throws {
    var images = try numbers(10).rows(2, 8)
    try images.setScaling(scale: 2, offset: 0)
    let labels = try targets(10).split(fraction: 0.6, shuffle: true, seed: 3).second
    var both = try Dataset.zip([images, labels])
    #expect(both.inputs.count == 1 && both.targets.count == 1 && both.count == 6)
    #expect(both.inputs[0].scale == 2)
    try both.setSampleWeights(targets(6).targets[0].source)
    // Each array keeps the order it came with; ranges and shuffles apply to all alike.
    let rows = both.sourceRows
    #expect(rows == [Array(2..<8), labels.sourceRows[0], Array(0..<6)])
    #expect(try both.rows(1, 4).sourceRows == rows.map { Array($0[1..<4]) })
    let (a, b) = try both.split(fraction: 0.5, shuffle: true, seed: 9)
    let order = (a.sourceRows[2] + b.sourceRows[2])
    #expect(order.sorted() == Array(0..<6) && order != Array(0..<6))
    for (index, array) in rows.enumerated() {
      #expect(a.sourceRows[index] + b.sourceRows[index] == order.map { array[$0] })
    }
    let twice = try Dataset.zip([both, images])
    #expect(twice.inputs.count == 2 && twice.targets.count == 1)
    #expect(twice.sourceRows.count == 4)
  }

  @Test func zippingRefuses() throws {
    var weighted = try numbers(4)
    try weighted.setSampleWeights(targets(4).targets[0].source)
    #expect(failure { _ = try Dataset.zip([]) }?.message == "there is no dataset to zip")
    #expect(
      failure { _ = try Dataset.zip([numbers(4), numbers(4), targets(5)]) }?.message
        == "datasets[2] has 5 rows and datasets[0] has 4")
    #expect(
      failure { _ = try Dataset.zip([numbers(4), weighted, weighted]) }?.message
        == "datasets[1] and datasets[2] both have sample weights; set them after zipping")
    var two = try Dataset.zip([weighted, numbers(4)])
    let message = "the dataset has 2 x; only a dataset with one can"
    for (error, what) in [
      (failure { try two.setScaling(scale: 1, offset: 0) }, "be scaled"),
      (failure { try two.statistics(count: 1, kernels: kernels, mean: nil, variance: nil) }, "have statistics"),
    ] {
      #expect(error == MartletError(.invalidState, "\(message) \(what), before it is zipped"))
    }
  }

  @Test func sampleWeightsAreOnePerRow() throws {
    var data = try numbers(4)
    #expect(
      failure { try data.setSampleWeights(targets(5).targets[0].source) }?.message
        == "weights has shape [5]; the dataset has 4 rows, so [4] is expected")
    #expect(
      failure { try data.setSampleWeights(numbers(4).inputs[0].source) }?.message
        == "weights has shape [4, 2, 2]; the dataset has 4 rows, so [4] is expected")
    #expect(data.sampleWeights == nil)
  }

  @Test func targetsOnly() throws {
    let data = try targets(3)
    #expect(data.inputs.isEmpty && data.targets.count == 1 && data.count == 3)
    #expect(failure { _ = try Dataset(x: nil, y: nil) }?.message == "there is neither x nor y")
  }

  @Test func statistics() throws {
    var data = try numbers(300)
    try data.setScaling(scale: 2, offset: -1)
    var mean = [Float](repeating: 0, count: 4)
    var variance = [Float](repeating: 0, count: 4)
    try data.statistics(count: 4, kernels: kernels, mean: &mean, variance: &variance)
    // x = 2 (1000 + 4 row + column) - 1: mean 2 (1000 + 4 * 149.5 + column) - 1, variance 64 (300^2 - 1) / 12.
    let expectedMeans: [Float] = [3195, 3197, 3199, 3201]
    #expect(mean == expectedMeans)
    let expected: Float = 64 * 89999 / 12
    #expect(variance.allSatisfy { abs($0 - expected) <= expected.ulp })
    try data.statistics(count: 1, kernels: kernels, mean: &mean, variance: nil)
    #expect(mean[0] == 3198)
    #expect(
      failure { try data.statistics(count: 3, kernels: kernels, mean: nil, variance: nil) }?.code == .invalidArgument)
  }

  @Test func statisticsNameTheRowThatIsNotFinite() throws {
    var values = [Float](repeating: 1, count: 600)
    values[2 * 270 + 1] = .nan
    try values.withUnsafeBytes { values in
      let source = try MemorySource(
        borrowing: #require(values.baseAddress), type: .float32, rowCount: 300, rowShape: Shape(vector: 2))
      let data = try Dataset(x: source, y: nil).rows(5, 300)
      let message = failure { try data.statistics(count: 2, kernels: kernels, mean: nil, variance: nil) }?.message
      #expect(message == "x has a value that is NaN, infinite or too large for float32 in row 270")
    }
  }
}
