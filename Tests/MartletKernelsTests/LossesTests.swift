// Losses and their gradients: hand-computed values, stability, special values, and the oracle over edge sizes.

import Glibc
import MartletKernelInterface
import MartletKernels
import Testing

private let kinds = LossKind.allCases

/// Parameters that are none of the defaults, the second ones with exponents below 1.
private let parameters = [
  LossParameters(),
  LossParameters(labelSmoothing: 0.125, delta: 0.75, gamma: 1.5, alpha: 0.75, appliesClassBalancing: true),
  LossParameters(labelSmoothing: 0.2, delta: 3, gamma: 0.5, alpha: 0.4),
  LossParameters(gamma: 0),
]

private enum Targets {
  case labels([Int32])
  case values([Float])
}

/// Losses and gradients of all rows; the gradient replaces the predictions if `inPlace`.
private func run<Scalar: BinaryFloatingPoint>(
  _ table: KernelTable<Scalar>, _ kind: LossKind, _ predictions: [Float], _ targets: Targets, rows: Int,
  scale: Double = 1, inPlace: Bool = false, parameters: LossParameters = LossParameters(), rowWeights: [Float]? = nil
) -> (losses: [Double], gradient: [Scalar]) {
  let columns = predictions.count / max(rows, 1)
  var x = predictions.map { Scalar($0) }
  var gradient = x
  var losses = [Double](repeating: .nan, count: rows)
  let values: [Scalar] = if case .values(let values) = targets { values.map { Scalar($0) } } else { [] }
  let labels: [Int32] = if case .labels(let labels) = targets { labels } else { [] }
  x.withUnsafeMutableBufferPointer { x in
    gradient.withUnsafeMutableBufferPointer { gradient in
      losses.withUnsafeMutableBufferPointer { losses in
        values.withUnsafeBufferPointer { values in
          labels.withUnsafeBufferPointer { labels in
            let isLabels = if case .labels = targets { true } else { false }
            var arguments = LossArguments(
              kind: kind, parameters: parameters, rows: rows, columns: columns, predictions: x.baseAddress!,
              targets: isLabels ? .labels(labels.baseAddress!) : .values(values.baseAddress!),
              rowLosses: losses.baseAddress!, gradient: inPlace ? x.baseAddress! : gradient.baseAddress!,
              gradientScale: scale)
            guard let rowWeights else { return table.loss(arguments) }
            rowWeights.withUnsafeBufferPointer {
              arguments.rowWeights = $0.baseAddress
              table.loss(arguments)
            }
          }
        }
      }
    }
  }
  return (losses, inPlace ? x : gradient)
}

@Suite struct LossesTests {
  /// The Kullback-Leibler divergence of single numbers is t log(t / p): with p = 1 the logarithm of all that losses
  /// take it of below 1, with t = 1 of what is above, the quotient rounded as anywhere. log is within 6 u: of 2 atanh
  /// 3 u, at most 0.35 of it beside n ln 2, and two sums, where the result is 0.35 or more; the product rounds once more.
  @Test("log within 6 u from 1e-7 to 1e7", arguments: tables)
  func logarithmAccuracy(_ table: KernelTable<Float>) {
    let x = stratified(from: 1e-7, to: 1, perBinade: 4096).filter { $0 > 0 }
    let ones = [Float](repeating: 1, count: x.count)
    func worst(_ p: [Float], _ t: [Float]) -> (ratio: Double, index: Int) {
      let losses = run(table, .klDivergence, p, .values(t), rows: x.count).losses
      let expected = zip(t, p).map { Double($0) * log(Double($0 / $1)) }
      return worstError(losses.map { Float($0) }, expected) { 7 * u * abs(expected[$0]) }
    }
    let (below, above) = (worst(ones, x), worst(x, ones))
    #expect(below.ratio <= 1, "\(below) at \(x[max(0, below.index)])")
    #expect(above.ratio <= 1, "\(above) at \(x[max(0, above.index)])")
  }

  @Test("Values by hand", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    func loss(_ kind: LossKind, _ x: [Float], _ targets: Targets) -> (loss: Double, gradient: [Float]) {
      let result = run(table, kind, x, targets, rows: 1)
      return (result.losses[0], result.gradient)
    }
    let uniform = loss(.softmaxCrossEntropy, [3, 3, 3, 3], .labels([2]))
    #expect(abs(uniform.loss - log(4.0)) <= 4 * u && uniform.gradient == [0.25, 0.25, -0.75, 0.25])
    let even = loss(.sigmoidCrossEntropy, [0], .labels([1]))
    #expect(abs(even.loss - log(2.0)) <= 4 * u && even.gradient == [-0.5])
    let quarter = loss(.binaryCrossEntropy, [0.25], .labels([0]))
    #expect(abs(quarter.loss + log(0.75)) <= 4 * u && abs(quarter.gradient[0] - 4 / 3) <= 4 * Float(u))
    // p / sum = 1/4, 3/4; dL/dp = (d + 1) / 4 with d = -4 at the label.
    let unscaled = loss(.categoricalCrossEntropy, [1, 3], .labels([0]))
    #expect(abs(unscaled.loss - log(4.0)) <= 8 * u && unscaled.gradient == [-0.75, 0.25])
    let squares = loss(.meanSquaredError, [1, 2], .values([0, 4]))
    #expect(squares.loss == 2.5 && squares.gradient == [1, -2])
    let regression = loss(.meanSquaredError, [5], .labels([3]))
    #expect(regression.loss == 4 && regression.gradient == [4])
    let hinge = loss(.categoricalHinge, [1, 3, 2], .labels([0]))
    #expect(hinge.loss == 3 && hinge.gradient == [-1, 1, 0])
    let satisfied = loss(.categoricalHinge, [5, 3, 2], .labels([0]))
    #expect(satisfied.loss == 0 && satisfied.gradient == [0, 0, 0])
    // The label's own 0 is the greatest (1 - t) z; its gradient factor 1 - t is 0.
    let negative = loss(.categoricalHinge, [0.5, -1], .labels([0]))
    #expect(negative.loss == 0.5 && negative.gradient == [-1, 0])
    let tie = loss(.categoricalHinge, [0, 2, 2], .labels([0]))
    #expect(tie.gradient == [-1, 1, 0])
  }

  /// The numbers are those of keras.losses in float64, some of whose constants are float32, and of JAX's differentiation.
  @Test("Values and gradients of Keras", arguments: tables)
  func valuesOfKeras(_ table: KernelTable<Float>) {
    let (z, p): ([Float], [Float]) = ([0.5, -1.25, 2], [0.2, 0.7, 0.3])
    let (t, o): ([Float], [Float]) = ([0.25, 1, 0], [0, 1, 0])
    let cases: [(LossKind, LossParameters, [Float], [Float], Double, [Double])] = [
      (.meanAbsoluteError, LossParameters(), z, t, 1.5, [0.333333343267, -0.333333343267, 0.333333343267]),
      (.huber, LossParameters(delta: 0.75), z, t, 0.885416686535, [0.0833333358169, -0.250000007451, 0.250000007451]),
      (.logCosh, LossParameters(), z, t, 0.97461104393, [0.0816395565676, -0.326008714629, 0.321342536269]),
      (.poisson, LossParameters(), p, t, 0.653011441231, [-0.0833331274836, -0.142857079087, 0.333333343267]),
      (.klDivergence, LossParameters(), p, t, 0.412459340355, [-1.25, -1.42857142857, -3.33333333333e-07]),
      (.cosineSimilarity, LossParameters(), z, t, 0.452695909345, [-0.139540674565, -0.305042404863, -0.155766334398]),
      (
        .categoricalCrossEntropy, LossParameters(labelSmoothing: 0.125), p, o, 0.626499035269,
        [0.625, -0.47619047619, 0.694444444444]
      ),
      (
        .softmaxCrossEntropy, LossParameters(labelSmoothing: 0.125), z, o, 3.27428864977,
        [0.135153515441, -0.88593992634, 0.750786410899]
      ),
      (
        .binaryCrossEntropy, LossParameters(labelSmoothing: 0.125), p, o, 0.376349687576,
        [0.28645834187, -0.376984138219, 0.376984138219]
      ),
      (
        .sigmoidCrossEntropy, LossParameters(labelSmoothing: 0.125), z, o, 1.45618629456,
        [0.186653115963, -0.238266627492, 0.272765700788]
      ),
      (
        .categoricalFocalCrossEntropy, LossParameters(), p, o, 0.0233939453443,
        [0.0907548539515, -0.0648248956797, 0.0907548539515]
      ),
      (
        .categoricalFocalCrossEntropy, LossParameters(labelSmoothing: 0.125, gamma: 1.5, alpha: 0.75), p, o,
        0.170397990855, [0.204845789103, -0.175547181179, 0.273046230016]
      ),
      (
        .softmaxFocalCrossEntropy, LossParameters(labelSmoothing: 0.125, gamma: 1.5, alpha: 0.75), z, o, 2.32592696276,
        [0.106495253866, -0.739876687612, 0.633381433746]
      ),
      (
        .binaryFocalCrossEntropy, LossParameters(), p, o, 0.024375744164,
        [0.0464191415586, -0.114192135048, 0.114192135048]
      ),
      (
        .binaryFocalCrossEntropy,
        LossParameters(labelSmoothing: 0.125, gamma: 1.5, alpha: 0.75, appliesClassBalancing: true), p, o,
        0.0286600869149, [0.0279015824507, -0.123635440634, 0.0483790854654]
      ),
      (
        .sigmoidFocalCrossEntropy,
        LossParameters(labelSmoothing: 0.125, gamma: 1.5, alpha: 0.75, appliesClassBalancing: true), z, o,
        0.402864545584, [0.0460790498032, -0.176387722045, 0.0819528870841]
      ),
    ]
    for (kind, parameters, x, targets, loss, gradient) in cases {
      let found = run(table, kind, x, .values(targets), rows: 1, parameters: parameters)
      #expect(abs(found.losses[0] - loss) <= 16 * u * loss, "\(kind): \(found.losses[0]), not \(loss)")
      let worst = worstError(found.gradient, gradient) { 16 * u * max(0.1, abs(gradient[$0])) }
      #expect(worst.ratio <= 1, "\(kind): \(found.gradient), not \(gradient)")
      let exact = run(oracle, kind, x, .values(targets), rows: 1, parameters: parameters)
      #expect(abs(exact.losses[0] - loss) <= 2 * u * loss, "\(kind)")
      if targets == o, kind != .binaryCrossEntropy, kind != .sigmoidCrossEntropy {
        let labelled = run(table, kind, x, .labels([1]), rows: 1, parameters: parameters)
        #expect(labelled == found, "\(kind)")
      }
    }
  }

  @Test("Weights of rows multiply their losses and gradients", arguments: tables)
  func rowWeights(_ table: KernelTable<Float>) {
    for kind in kinds {
      let x = SeededNumbers(3).seeded(15, 0.1, 0.9)
      let labels: [Int32] = [2, 0, 4]
      let plain = run(table, kind, x, .labels(labels), rows: 3, scale: 0.5)
      let weighted = run(table, kind, x, .labels(labels), rows: 3, scale: 0.5, rowWeights: [2, 0, 0.25])
      #expect(weighted.losses == [2 * plain.losses[0], 0, plain.losses[2] / 4], "\(kind)")
      let expected = plain.gradient.enumerated().map { $1 * [2, 0, 0.25][$0 / 5] }
      #expect(weighted.gradient == expected, "\(kind)")
    }
  }

  @Test("What other losses do far out and where nothing is left to lose", arguments: tables)
  func limits(_ table: KernelTable<Float>) {
    func loss(_ kind: LossKind, _ x: [Float], _ t: [Float], _ parameters: LossParameters = .init()) -> (Double, [Float])
    {
      let result = run(table, kind, x, .values(t), rows: 1, parameters: parameters)
      return (result.losses[0], result.gradient)
    }
    #expect(loss(.meanAbsoluteError, [1, 2], [1, 4]) == (1, [0, -0.5]))
    #expect(loss(.huber, [0.5, -4], [0, 0]) == (1.8125, [0.25, -0.5]))
    let far = loss(.logCosh, [1e4, -1e4], [0, 0])
    #expect(abs(far.0 - (1e4 - log(2.0))) <= 1e4 * u && far.1 == [0.5, -0.5])
    // Of order d^2 / 2, which 1 + d^2 in float would lose.
    let near = loss(.logCosh, [1e-5], [0])
    #expect(abs(near.0 - 0.5e-10) <= 16 * u * 0.5e-10 && abs(near.1[0] - 1e-5) <= 1e-5 * Float(4 * u))
    #expect(loss(.poisson, [-0.5], [1]).0.isNaN)
    let clipped = loss(.klDivergence, [0, 2], [0.5, 0.5])
    #expect(abs(clipped.0 - 0.5 * log(0.5 / 1e-7 * 0.5)) <= 32 * u * 8 && clipped.1 == [0, 0])
    // A vector of no length has no direction: the bound 1e7 of the reciprocal makes its cosine 0.
    #expect(loss(.cosineSimilarity, [0, 0], [0.6, 0.8]).0 == 0)
    #expect(loss(.cosineSimilarity, [3, 4], [0, 0]) == (0, [0, 0]))
    for gamma in [0, 0.5, 1, 2] {
      let sure = LossParameters(gamma: gamma)
      #expect(loss(.softmaxFocalCrossEntropy, [1e4, 0], [1, 0], sure) == (0, [0, 0]), "\(gamma)")
      #expect(loss(.sigmoidFocalCrossEntropy, [1e4, -1e4], [1, 0], sure) == (0, [0, 0]), "\(gamma)")
      #expect(loss(.softmaxFocalCrossEntropy, [0, 1e4], [1, 0], sure) == (2500, [-0.25, 0.25]), "\(gamma)")
      #expect(loss(.sigmoidFocalCrossEntropy, [-1e4], [1], sure) == (1e4, [-1]), "\(gamma)")
      #expect(loss(.categoricalFocalCrossEntropy, [0, 1], [0, 1], sure).1 == [0, 0], "\(gamma)")
      // With gamma 1 what is left is half of the clipped cross-entropy, -log(1 - 1e-7).
      let rest = loss(.binaryFocalCrossEntropy, [1, 0], [1, 0], sure).1
      #expect(rest.allSatisfy { abs($0) <= (gamma == 1 ? 0.6e-7 : 0) }, "\(gamma)")
    }
  }

  @Test("Logits of 1e4, equal logits of -1e4, probabilities that underflow: finite and right", arguments: tables)
  func stability(_ table: KernelTable<Float>) {
    let wrong = run(table, .softmaxCrossEntropy, [1e4, 0], .labels([1]), rows: 1)
    #expect(wrong.losses == [1e4] && wrong.gradient == [1, -1])
    let right = run(table, .softmaxCrossEntropy, [1e4, 0], .labels([0]), rows: 1)
    #expect(right.losses == [0] && right.gradient == [0, 0])
    let low = run(table, .softmaxCrossEntropy, [-1e4, -1e4], .labels([0]), rows: 1)
    #expect(abs(low.losses[0] - log(2.0)) <= 4 * u && low.gradient == [-0.5, 0.5])
    let excluded = run(table, .softmaxCrossEntropy, [0, -.infinity], .values([1, 0]), rows: 1)
    #expect(excluded.losses == [0] && excluded.gradient == [0, 0])
    // Keras clips probabilities at 1e-7, and a clipped one has no gradient.
    let zero = run(table, .categoricalCrossEntropy, [0, 1], .labels([0]), rows: 1)
    #expect(abs(zero.losses[0] + log(1e-7)) <= 32 * u && zero.gradient == [0, 0])
    let sure = run(table, .sigmoidCrossEntropy, [-1e4, 1e4], .values([1, 1]), rows: 1)
    #expect(sure.losses == [5e3] && sure.gradient == [-0.5, 0])
    let clipped = run(table, .binaryCrossEntropy, [0, 1], .values([1, 1]), rows: 1)
    #expect(abs(clipped.losses[0] + log(1e-7) / 2) <= 32 * u && clipped.gradient == [0, 0])
  }

  @Test("A prediction that is NaN makes the loss NaN, wherever it is", arguments: tables)
  func notANumber(_ table: KernelTable<Float>) {
    for kind in kinds {
      for position in [0, 5, 16, 18] {
        var x = SeededNumbers(1).seeded(19, 0.1, 0.9)
        x[position] = .nan
        #expect(run(table, kind, x, .labels([3]), rows: 1).losses[0].isNaN, "\(kind), \(position)")
      }
    }
  }

  /// A row's loss is a sum over columns of terms below about 20 (logarithms of 1e-7), each with a few roundings; the
  /// sum itself rounds once per column. A gradient element is a few operations on numbers up to 1 / min p, and where it
  /// contains a sum over the row, has its relative error too. p >= 0.01 here, so factors 1 / p stay below 100. A power has the
  /// error of its exponent, a few roundings of gamma log x, in addition.
  @Test("Against the oracle: labels and values, in place or not, over edge sizes", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    let probabilities: [LossKind] = [
      .categoricalCrossEntropy, .binaryCrossEntropy, .poisson, .klDivergence, .categoricalFocalCrossEntropy,
      .binaryFocalCrossEntropy,
    ]
    for kind in kinds {
      for columns in [1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 33, 100] {
        let rows = 4
        let range: ClosedRange<Float> =
          probabilities.contains(kind) ? 0.01...0.99 : kind == .cosineSimilarity ? 1...5 : -5...5
        var numbers = SeededNumbers(columns)
        let x = numbers.floats(rows * columns, range.lowerBound, range.upperBound)
        let classCount = columns == 1 ? 2 : columns
        let isAboutClasses = [
          .softmaxCrossEntropy, .categoricalCrossEntropy, .categoricalHinge, .categoricalFocalCrossEntropy,
          .softmaxFocalCrossEntropy,
        ].contains(kind)
        let labels = (0..<rows).map { _ in
          Int32(numbers.bits() % UInt64(columns == 1 && isAboutClasses ? 1 : classCount))
        }
        for (targets, parameters) in zip(
          [Targets.labels(labels), .values(numbers.floats(rows * columns, 0, 1))].flatMap { [$0, $0, $0, $0] },
          parameters + parameters)
        {
          let expected = run(oracle, kind, x, targets, rows: rows, scale: 0.25, parameters: parameters)
          for inPlace in [false, true] {
            let result = run(
              table, kind, x, targets, rows: rows, scale: 0.25, inPlace: inPlace, parameters: parameters)
            for r in 0..<rows {
              let error = abs(result.losses[r] - expected.losses[r])
              let bound = u * (20 + Double(columns)) * (1 + abs(expected.losses[r]))
              #expect(error <= bound, "\(kind), \(columns) columns, row \(r): \(error) > \(bound)")
            }
            let worst = worstError(result.gradient, expected.gradient) {
              u * (20 + Double(columns)) * (1 + abs(expected.gradient[$0]))
            }
            #expect(worst.ratio <= 1, "\(kind), \(columns) columns, index \(worst.index)")
          }
        }
      }
    }
  }

  @Test("Without a gradient nothing is written but the losses", arguments: tables)
  func noGradient(_ table: KernelTable<Float>) {
    for kind in kinds {
      let x: [Float] = [0.2, 0.5, 0.3]
      let labels: [Int32] = [1]
      var loss = Double.nan
      x.withUnsafeBufferPointer { x in
        labels.withUnsafeBufferPointer { labels in
          table.loss(
            LossArguments(
              kind: kind, rows: 1, columns: 3, predictions: x.baseAddress!, targets: .labels(labels.baseAddress!),
              rowLosses: &loss, gradient: nil, gradientScale: 1))
        }
      }
      let expected = run(table, kind, x, .labels(labels), rows: 1).losses[0]
      #expect(loss == expected && x == [0.2, 0.5, 0.3], "\(kind)")
    }
  }
}
