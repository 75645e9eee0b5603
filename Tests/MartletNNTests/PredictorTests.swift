// Prediction: by hand, batched, and from several threads. Agreement with Keras is tested from Python.

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
      for (index, value) in values.enumerated() { model.values[parameter.offset + index] = value }
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
    #expect(error == "x has a value that is NaN or infinite in row 650")
    #expect(y.allSatisfy { $0 == -5 })
  }
}
