// Initialisers against the moments and bounds of their distributions, and orthogonal matrices against their definition.

import MartletCore
import Testing

@testable import MartletNN

@Suite struct InitializerTests {
  private static let fanIn = 300
  private static let fanOut = 200

  private func draw(
    _ initializer: Initializer, _ dimensions: [Int] = [fanIn, fanOut], seed: UInt64 = 1
  ) throws -> [Float] {
    let shape = try Shape(dimensions, of: "a weight")
    var values = [Float](repeating: -7, count: shape.elementCount)
    try values.withUnsafeMutableBufferPointer { buffer in
      let base = try #require(buffer.baseAddress)
      try initializer.fill(base, shape, source: RandomSource(seed: seed, stream: 0))
    }
    return values
  }

  /// With n draws the mean has deviation sigma / sqrt(n); the standard deviation less than sigma / sqrt(n) for these
  /// distributions. Five of those happen by chance less than once in a million times, and the seed is fixed. Values are
  /// rounded to float, which moves them by less than 1e-6 of the bound; n of them come near to a bound that is sharp.
  private func check(
    _ values: [Float], mean expected: Double = 0, deviation: Double, within bound: Double, isSharp: Bool = true
  ) {
    let n = Double(values.count)
    let mean = values.reduce(0.0) { $0 + Double($1) } / n
    let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
    let slack = 5 * deviation / n.squareRoot()
    #expect(abs(mean - expected) < slack)
    #expect(abs(variance.squareRoot() - deviation) < slack)
    let farthest = values.reduce(0) { max($0, abs(Double($1) - expected)) }
    #expect(farthest <= bound * (1 + 1e-6))
    #expect(!isSharp || farthest > 0.99 * bound)
  }

  /// Deviation of a normal number cut at two deviations, after and before the cut.
  private static let cut = 0.87962566103423978

  private static let byFans: [(Initializer, variance: Double, Initializer.VarianceScaling.Distribution)] = {
    let sum = Double(fanIn + fanOut)
    var cases: [(Initializer, variance: Double, Initializer.VarianceScaling.Distribution)] = [
      (.glorotUniform, 2 / sum, .uniform), (.glorotNormal, 2 / sum, .truncatedNormal),
      (.heUniform, 2 / Double(fanIn), .uniform), (.heNormal, 2 / Double(fanIn), .truncatedNormal),
      (.lecunUniform, 1 / Double(fanIn), .uniform), (.lecunNormal, 1 / Double(fanIn), .truncatedNormal),
    ]
    let fans: [(Initializer.VarianceScaling.Mode, Double)] = [
      (.fanIn, Double(fanIn)), (.fanOut, Double(fanOut)), (.fanAverage, sum / 2),
    ]
    for (mode, fan) in fans {
      for distribution in [
        Initializer.VarianceScaling.Distribution.uniform, .truncatedNormal, .untruncatedNormal,
      ] {
        cases.append(
          (.varianceScaling(.init(scale: 0.5, mode: mode, distribution: distribution)), 0.5 / fan, distribution))
      }
    }
    return cases
  }()

  @Test(arguments: byFans.indices) func varianceByFans(_ index: Int) throws {
    let (initializer, variance, distribution) = Self.byFans[index]
    let deviation = variance.squareRoot()
    let values = try draw(initializer)
    switch distribution {
    case .uniform: check(values, deviation: deviation, within: (3 * variance).squareRoot())
    case .truncatedNormal: check(values, deviation: deviation, within: 2 * deviation / Self.cut)
    // Of 60,000 normal numbers none is beyond seven deviations: one in 10^11 would be.
    case .untruncatedNormal: check(values, deviation: deviation, within: 7 * deviation, isSharp: false)
    }
  }

  @Test func givenMoments() throws {
    check(
      try draw(.randomNormal(mean: 0.5, standardDeviation: 0.01)), mean: 0.5, deviation: 0.01, within: 0.07,
      isSharp: false)
    check(
      try draw(.truncatedNormal(mean: -0.25, standardDeviation: 0.1)), mean: -0.25, deviation: 0.1 * Self.cut,
      within: 0.2)
    let uniform = try draw(.randomUniform(minimum: 0.25, maximum: 1))
    check(uniform, mean: 0.625, deviation: 0.75 / 12.0.squareRoot(), within: 0.375)
    #expect(try draw(.randomUniform(minimum: 3, maximum: 3)).allSatisfy { $0 == 3 })
    #expect(try draw(.zeros).allSatisfy { $0 == 0 })
    #expect(try draw(.ones).allSatisfy { $0 == 1 })
    #expect(try draw(.constant(0.25)).allSatisfy { $0 == 0.25 })
  }

  @Test func identities() throws {
    #expect(try draw(.identity(gain: 2), [3, 3]) == [2, 0, 0, 0, 2, 0, 0, 0, 2])
    #expect(try draw(.identity(gain: 1), [2, 3]) == [1, 0, 0, 0, 1, 0])
    #expect(try draw(.identity(gain: -0.5), [3, 2]) == [-0.5, 0, 0, -0.5, 0, 0])
  }

  /// Each element of Q is rounded once to float, by at most u = 2^-24 of itself, so that a product of two columns of length
  /// 1 is off by 2 u sum |q_i| |q_j| <= 2 u. The double computation adds less than 1 % of that.
  @Test(arguments: [
    [1, 1], [5, 5], [64, 64], [40, 7], [7, 40], [1, 9], [9, 1], [3, 2, 4, 17], [2, 3, 50], [200, 100],
  ])
  func orthogonalMatrices(_ dimensions: [Int]) throws {
    let gain: Float = 1.5
    let values = try draw(.orthogonal(gain: gain), dimensions)
    let columns = try #require(dimensions.last)
    let rows = values.count / columns
    let (length, count) = (max(rows, columns), min(rows, columns))
    func element(_ index: Int, ofVector vector: Int) -> Double {
      Double(rows >= columns ? values[index * columns + vector] : values[vector * columns + index])
    }
    var worst = 0.0
    for i in 0..<count {
      for j in 0...i {
        let product = (0..<length).reduce(0.0) { $0 + element($1, ofVector: i) * element($1, ofVector: j) }
        worst = max(worst, abs(product - (i == j ? Double(gain * gain) : 0)))
      }
    }
    #expect(worst <= 2.02 * 0x1p-24 * Double(gain * gain))
  }

  /// Of a uniformly distributed orthogonal n x n matrix an element has mean 0 and variance 1 / n, whatever its place. Over m
  /// draws the mean of one is normal with deviation 1 / sqrt(n m); the mean square has, as element squared is
  /// beta-distributed, a deviation below sqrt(2 / m) / n. Five deviations, for each of n^2 elements.
  @Test func orthogonalMatricesAreUniformlyDistributed() throws {
    let (n, m) = (3, 4000)
    var sums = [(first: Double, second: Double)](repeating: (0, 0), count: n * n)
    for seed in 0..<m {
      for (index, value) in try draw(.orthogonal(gain: 1), [n, n], seed: UInt64(seed)).enumerated() {
        sums[index].first += Double(value)
        sums[index].second += Double(value * value)
      }
    }
    for sum in sums {
      #expect(abs(sum.first / Double(m)) < 5 / Double(n * m).squareRoot())
      #expect(abs(sum.second / Double(m) - 1 / Double(n)) < 5 * (2 / Double(m)).squareRoot() / Double(n))
    }
  }

  @Test func fans() throws {
    func fans(_ dimensions: [Int]) throws -> [Int] {
      let fans = try Initializer.Fans(Shape(dimensions, of: "a weight"))
      return [fans.inputs, fans.outputs]
    }
    // Keras' compute_fans.
    #expect(try fans([]) == [1, 1])
    #expect(try fans([7]) == [7, 7])
    #expect(try fans([7, 3]) == [7, 3])
    #expect(try fans([5, 7, 3]) == [35, 15])
    #expect(try fans([3, 3, 16, 32]) == [144, 288])
  }

  @Test func shapesThatDoNotFit() throws {
    let cases: [(Initializer, [Int], String)] = [
      (
        .orthogonal(gain: 1), [4], "the orthogonal initializer of weight 'w' needs 2 dimensions or more; the weight has"
      ),
      (.identity(gain: 1), [4], "the identity initializer of weight 'w' needs 2 dimensions; the weight has shape [4]"),
      (.identity(gain: 1), [2, 2, 2], "the weight has shape [2, 2, 2]"),
    ]
    for (initializer, dimensions, message) in cases {
      let shape = try Shape(dimensions, of: "a weight")
      let error = #expect(throws: MartletError.self) { try initializer.check(shape, ofWeight: "w") }
      #expect(error?.code == .invalidArgument && error?.message.contains(message) == true)
    }
    var builder = try GraphBuilder(name: "m")
    let node = try builder.add(InputLayer(shape: Shape(vector: 3)), name: nil, inputs: [])
    let error = #expect(throws: MartletError.self) {
      _ = try builder.add(Dense(units: 2, biasInitializer: .orthogonal(gain: 1)), name: "d", inputs: [node])
    }
    #expect(error?.message.contains("'d'") == true && error?.message.contains("'bias'") == true)
  }

  @Test(arguments: [Initializer.glorotUniform, .lecunNormal, .orthogonal(gain: 1)])
  func seeds(_ initializer: Initializer) throws {
    #expect(try draw(initializer, seed: 1) == draw(initializer, seed: 1))
    #expect(try draw(initializer, seed: 1) != draw(initializer, seed: 2))
  }
}
