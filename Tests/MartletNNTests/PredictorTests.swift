// Prediction: by hand, batched, and from several threads. Agreement with Keras is tested from Python.

import Glibc
import MartletCore
import MartletKernelInterface
import MartletKernels
import MartletNN
import Testing

@Suite struct PredictorTests {
  private func predict(
    _ predictor: Predictor, _ x: [Float], rows: Int, columns: Int, threads: Int = 1
  ) throws -> [Float] {
    var y = [Float](repeating: .nan, count: rows * columns)
    try x.withUnsafeBytes { x in
      try y.withUnsafeMutableBufferPointer { y in
        let input = try InputRows(base: #require(x.baseAddress), type: .float32, elementByteCount: 4)
        try predictor.predict([input], rowCount: rows, into: #require(y.baseAddress), threads: threads)
      }
    }
    return y
  }

  @Test func byHand() throws {
    let model = try chain([2], [Dense(units: 2, activation: .relu), Dense(units: 1)])
    let layout = model.layout.parameters
    let values: [[Float]] = [[1, -2, 3, 4], [0.5, -1], [2, -3], [10]]
    for (parameter, values) in zip(layout, values) {
      for (index, value) in values.enumerated() { model.valuesToChange()[parameter.offset + index] = value }
    }
    // x = (1, 2): x W + b = (7.5, 5); 2 * 7.5 - 3 * 5 + 10 = 10. x = (-1, 0): (-0.5, 1) -> (0, 1) -> 7.
    let predictor = Predictor(model: model, kernels: kernels)
    #expect(try predict(predictor, [1, 2, -1, 0], rows: 2, columns: 1) == [10, 7])
  }

  @Test func rowsDoNotDependOnTheirBatch() throws {
    let model = try chain(
      [37], [Dense(units: 50, activation: .tanh), Dropout(rate: 0.5), Dense(units: 3, activation: .softmax)])
    let predictor = Predictor(model: model, kernels: kernels)
    let source = RandomSource(seed: 1, stream: 0)
    let rows = 600
    let x = (0..<(rows * 37)).map { Float(source.normal(at: UInt64($0))) }
    let all = try predict(predictor, x, rows: rows, columns: 3)
    #expect(try predict(predictor, x, rows: rows, columns: 3, threads: 2) == all)
    for row in [0, 1, 255, 256, 599] {
      let one = try predict(predictor, Array(x[(row * 37)..<((row + 1) * 37)]), rows: 1, columns: 3)
      #expect(one == Array(all[(row * 3)..<((row + 1) * 3)]))
    }
    let sums = (0..<rows).map { row -> Float in all[(row * 3)..<(row * 3 + 3)].reduce(0, +) }
    #expect(sums.allSatisfy { abs($0 - 1) < 4 * .ulpOfOne })
  }

  private func predictInDouble(
    _ predictor: Predictor, _ x: [Double], rows: Int, columns: Int, threads: Int = 1
  ) throws -> [Double] {
    var y = [Double](repeating: .nan, count: rows * columns)
    try x.withUnsafeBytes { x in
      try y.withUnsafeMutableBufferPointer { y in
        let input = try InputRows(base: #require(x.baseAddress), type: .float64, elementByteCount: 8)
        try predictor.predictInDouble(
          [input], rowCount: rows, into: #require(y.baseAddress), reference: .reference, threads: threads)
      }
    }
    return y
  }

  @Test func inDouble() throws {
    let (mean, variance): ([Float], [Float]) = ([1, -2, 0.1], [2, 3, 0.7])
    let model = try chain(
      [3], [Normalization(mean: mean, variance: variance), Dense(units: 4, activation: .tanh), Dense(units: 2)])
    let weights = model.layout.parameters.map { parameter in
      (0..<parameter.count).map { Double(model.values[parameter.offset + $0]) }
    }
    let source = RandomSource(seed: 3, stream: 0)
    let rows = 2 * Predictor.batch + 1
    let x = (0..<(rows * 3)).map { source.normal(at: UInt64($0)) }
    #expect(x.contains { Double(Float($0)) != $0 })
    let predictor = Predictor(model: model, kernels: kernels)
    let y = try predictInDouble(predictor, x, rows: rows, columns: 2)
    for row in 0..<rows {
      let z = (0..<3).map { (x[row * 3 + $0] - Double(mean[$0])) / Double(variance[$0]).squareRoot() }
      let h = (0..<4).map { j in tanh((0..<3).reduce(weights[1][j]) { $0 + z[$1] * weights[0][$1 * 4 + j] }) }
      for k in 0..<2 {
        let expected = (0..<4).reduce(weights[3][k]) { $0 + h[$1] * weights[2][$1 * 2 + k] }
        // 20 roundings of numbers below 8, which is what a row of 3 normal numbers and Glorot's weights stay under.
        #expect(abs(y[row * 2 + k] - expected) < 20 * 8.0.ulp, "row \(row)")
      }
    }
    #expect(try predictInDouble(predictor, x, rows: rows, columns: 2, threads: 2) == y)
    // A row's bits depend on no other row.
    #expect(try predictInDouble(predictor, Array(x.suffix(3)), rows: 1, columns: 2) == Array(y.suffix(2)))
  }

  @Test func inDoubleTakesWhatIsFiniteInDouble() throws {
    let model = try chain([1], [Dense(units: 1, kernelInitializer: .constant(1))])
    let predictor = Predictor(model: model, kernels: kernels)
    #expect(try predictInDouble(predictor, [1e300, 1e-300], rows: 2, columns: 1) == [1e300, 1e-300])
    let error = message { _ = try predictInDouble(predictor, [1, .infinity], rows: 2, columns: 1) }
    #expect(error == "x has a value that is NaN or infinite in row 1")
  }

  @Test func nothingIsWrittenForBadRows() throws {
    let model = try chain([2], [Dense(units: 1)])
    let predictor = Predictor(model: model, kernels: kernels)
    var x = [Float](repeating: 1, count: 2 * 700)
    x[2 * 650] = .infinity
    var y = [Float](repeating: -5, count: 700)
    let error = message {
      try x.withUnsafeBytes { x in
        try y.withUnsafeMutableBufferPointer { y in
          let input = try InputRows(base: #require(x.baseAddress), type: .float32, elementByteCount: 4)
          try predictor.predict([input], rowCount: 700, into: #require(y.baseAddress), threads: 1)
        }
      }
    }
    #expect(error == "x has a value that is NaN, infinite or too large for float32 in row 650")
    #expect(y.allSatisfy { $0 == -5 })
  }
}
