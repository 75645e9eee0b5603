// Losses and their gradients: hand-computed values, stability, special values, and the oracle over edge sizes.

import Glibc
import MartletKernelInterface
import MartletKernels
import Testing

private let kinds: [LossKind] = [
  .softmaxCrossEntropy, .categoricalCrossEntropy, .sigmoidCrossEntropy, .binaryCrossEntropy, .meanSquaredError,
  .categoricalHinge,
]

private enum Targets {
  case labels([Int32])
  case values([Float])
}

/// Losses and gradients of all rows; the gradient replaces the predictions if `inPlace`.
private func run<Scalar: BinaryFloatingPoint>(
  _ table: KernelTable<Scalar>, _ kind: LossKind, _ predictions: [Float], _ targets: Targets, rows: Int,
  scale: Double = 1, inPlace: Bool = false
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
            table.loss(
              LossArguments(
                kind: kind, rows: rows, columns: columns, predictions: x.baseAddress!,
                targets: isLabels ? .labels(labels.baseAddress!) : .values(values.baseAddress!),
                rowLosses: losses.baseAddress!, gradient: inPlace ? x.baseAddress! : gradient.baseAddress!,
                gradientScale: scale))
          }
        }
      }
    }
  }
  return (losses, inPlace ? x : gradient)
}

@Suite struct LossesTests {
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
  /// contains a sum over the row, has its relative error too. p >= 0.01 here, so factors 1 / p stay below 100.
  @Test("Against the oracle: labels and values, in place or not, over edge sizes", arguments: tables)
  func againstOracle(_ table: KernelTable<Float>) {
    for kind in kinds {
      for columns in [1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 33, 100] {
        let rows = 4
        let isProbability = kind == .categoricalCrossEntropy || kind == .binaryCrossEntropy
        var numbers = SeededNumbers(columns)
        let x = isProbability ? numbers.floats(rows * columns, 0.01, 0.99) : numbers.floats(rows * columns, -5, 5)
        let classCount = columns == 1 ? 2 : columns
        let isAboutClasses =
          kind == .softmaxCrossEntropy || kind == .categoricalCrossEntropy || kind == .categoricalHinge
        let labels = (0..<rows).map { _ in
          Int32(numbers.bits() % UInt64(columns == 1 && isAboutClasses ? 1 : classCount))
        }
        for targets in [Targets.labels(labels), .values(numbers.floats(rows * columns, 0, 1))] {
          let expected = run(oracle, kind, x, targets, rows: rows, scale: 0.25)
          for inPlace in [false, true] {
            let result = run(table, kind, x, targets, rows: rows, scale: 0.25, inPlace: inPlace)
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
