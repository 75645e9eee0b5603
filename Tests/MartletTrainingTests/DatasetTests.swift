// Datasets made from one another, and statistics of inputs.

import MartletCore
import MartletKernels
import MartletTraining
import Testing

@Suite struct DatasetTests {
  private func numbers(_ rows: Int) throws -> Dataset {
    let x = try TensorStorage(count: rows * 4, of: Float.self, purpose: "a test")
    for index in 0..<(rows * 4) { x.pointer(as: Float.self)[index] = 1000 + Float(index) }
    return try Dataset(
      x: MemorySource(owning: x, type: .float32, rowCount: rows, rowShape: Shape([2, 2], of: "x")), y: nil)
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

  @Test func statistics() throws {
    var data = try numbers(300)
    data.scale = 2
    data.offset = -1
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
      #expect(message == "x has a value that is NaN or infinite in row 270")
    }
  }
}
