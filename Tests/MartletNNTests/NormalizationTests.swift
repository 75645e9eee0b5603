// Standardisation where rounding decides: large means and features that never vary. Agreement with Keras is tested from
// Python.

import MartletCore
import MartletKernels
import MartletNN
import Testing

@Suite struct NormalizationTests {
  private func standardize(_ layer: Normalization, _ x: [Float]) throws -> [Float] {
    let model = try chain([x.count], [layer])
    let predictor = Predictor(model: model, kernels: kernels)
    var y = [Float](repeating: .nan, count: x.count)
    try x.withUnsafeBytes { x in
      try y.withUnsafeMutableBufferPointer { y in
        let input = try InputRows(base: #require(x.baseAddress), type: .float32, elementByteCount: 4)
        try predictor.predict([input], rowCount: 1, into: #require(y.baseAddress), threads: 1)
      }
    }
    return y
  }

  @Test func byHand() throws {
    #expect(try standardize(Normalization(mean: [1, 2], variance: [4, 0.25]), [5, 1]) == [2, -2])
    #expect(try standardize(Normalization(mean: [1], variance: [4]), [5, 1, -3]) == [2, 0, -2])
  }

  @Test(arguments: [1, 19])
  func aFeatureThatNeverVariesIsZero(_ count: Int) throws {
    // The factor is 1e7: any rounding of mean * factor would be seen.
    let layer = Normalization(mean: .init(repeating: 0.1, count: count), variance: .init(repeating: 0, count: count))
    #expect(try standardize(layer, [Float](repeating: 0.1, count: 19)) == [Float](repeating: 0, count: 19))
  }

  @Test(arguments: [1, 19])
  func largeMeansCostNoDigits(_ count: Int) throws {
    // x - mean is exact here, so that the only roundings are those of the factor and of the product.
    let layer = Normalization(
      mean: .init(repeating: 100_000, count: count), variance: .init(repeating: 9, count: count))
    let y = try standardize(layer, (0..<19).map { 100_000 + Float($0) })
    for (index, value) in y.enumerated() {
      let expected = Float(Double(index) / 3)
      #expect(abs(value - expected) <= 2 * expected.ulp, "\(index)")
    }
  }

  @Test func countsThatDoNotFit() throws {
    let statistics = [Float](repeating: 1, count: 2)
    let error = message { _ = try chain([3, 4], [Normalization(mean: statistics, variance: statistics)]) }
    #expect(error == "layer 'normalization': Normalization has 2 statistics; rows of shape [3, 4] take 1, 4 or 12")
    #expect(
      message { _ = try chain([4], [Normalization(mean: [0], variance: statistics)]) }
        == "layer 'normalization': Normalization has 1 means and 2 variances")
  }
}
