// Epilogues of the matrix product: each must give the bits of the stored product followed by the kernel of the table
// that does the same.

import MartletKernelInterface
import MartletKernels
import Testing

@Suite struct GEMMEpilogueTests {
  /// With full tiles of every table and without, short and deep, of one chunk and of several.
  private static let products: [Product] =
    plainProducts.map { Product($0.0, $0.1, $0.2) }
    // The transposes of a layer's gradients: dX = dZ W^T, of few rows and more, and dW = X^T dZ.
    + [(1, 35, 20), (1, 70, 300), (2, 35, 20), (8, 70, 300), (16, 65, 40), (30, 70, 300)].map {
      Product($0.0, $0.1, $0.2, bIsTransposed: true)
    }
    // The last three have so few terms that A is read where it lies, in one block of rows and in several.
    + [
      (50, 61, 8), (49, 70, 24), (27, 65, 300), (98, 61, 24), (193, 70, 40), (40, 70, 1), (56, 61, 12), (204, 40, 3),
    ].map { Product($0.0, $0.1, $0.2, aIsTransposed: true) }

  private static let plainProducts = [
    (1, 10, 300), (13, 33, 40), (50, 17, 257), (30, 70, 600), (25, 65, 8), (4, 5, 0), (12, 32, 0), (26, 4, 300),
    (27, 10, 40), (1, 70, 600),
    // Full tiles and wide edges, long k and short; and several blocks of rows, from the bottom up.
    (50, 61, 40), (50, 61, 8), (50, 76, 40), (49, 47, 24), (98, 61, 40), (98, 61, 8), (98, 76, 40), (145, 47, 24),
  ]

  /// The stored product without gaps.
  private func stored(_ product: Product, _ table: KernelTable<Float>) -> [Float] {
    withoutGaps(product, product.run(table))
  }

  private func withoutGaps(_ product: Product, _ c: [Float]) -> [Float] {
    (0..<product.m).flatMap { c[($0 * product.cRowStride)..<($0 * product.cRowStride + product.n)] }
  }

  private func withGaps(_ product: Product, _ x: [Float]) -> [Float] {
    var c = product.sentinels
    for i in 0..<product.m {
      for j in 0..<product.n { c[i * product.cRowStride + j] = x[i * product.n + j] }
    }
    return c
  }

  @Test("bias and activation", arguments: tables)
  func biasActivation(_ table: KernelTable<Float>) {
    for product in Self.products {
      for kind in ActivationKind.allCases {
        for hasBias in [false, true] {
          let f = ActivationFunction(kind, alpha: 0.25)
          let bias = SeededNumbers(2).seeded(product.n)
          var expected = stored(product, table)
          if hasBias { for i in expected.indices { expected[i] += bias[i % product.n] } }
          expected.withUnsafeMutableBufferPointer {
            table.activation(f, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
          }
          let c = bias.withUnsafeBufferPointer {
            product.run(table, epilogue: .biasActivation(bias: hasBias ? $0.baseAddress : nil, activation: f))
          }
          #expect(sameBits(c, withGaps(product, expected)), "\(kind), \(product.m) x \(product.n) x \(product.k)")
        }
      }
    }
  }

  /// Which of scale, offset and residual there are.
  private static let affineParts = [(true, true, true), (true, true, false), (false, true, true), (false, false, true)]

  @Test("scale, offset, residual and activation", arguments: tables)
  func affine(_ table: KernelTable<Float>) {
    for product in Self.products {
      let (scale, offset) = (SeededNumbers(2).seeded(product.n), SeededNumbers(3).seeded(product.n))
      let residual = SeededNumbers(4).seeded(product.m * product.cRowStride)
      let sums = stored(product, table)
      for f in affineFunctions {
        for (hasScale, hasOffset, hasResidual) in Self.affineParts {
          var expected = sums
          for i in expected.indices {
            let (row, j) = i.quotientAndRemainder(dividingBy: product.n)
            let o = hasOffset ? offset[j] : 0
            if hasScale {
              let (x, s) = (expected[i], scale[j])
              expected[i] = table.name == "baseline" ? x * s + o : o.addingProduct(x, s)
            } else if hasOffset {
              expected[i] += o
            }
            if hasResidual { expected[i] += residual[row * product.cRowStride + j] }
          }
          expected.withUnsafeMutableBufferPointer {
            table.activation(f, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
          }
          let c = withAffine(
            hasScale ? scale : nil, hasOffset ? offset : nil, hasResidual ? residual : nil, f
          ) { product.run(table, epilogue: .affine($0)) }
          #expect(sameBits(c, withGaps(product, expected)), "\(f.kind), \(product.m) x \(product.n) x \(product.k)")
        }
      }
    }
  }

  /// A sum of k products has the error k u of the sum of their magnitudes; scale, offset and residual add three
  /// roundings.
  @Test("scale, offset and residual beside the reference kernels", arguments: tables)
  func affineBesideReference(_ table: KernelTable<Float>) {
    for product in Self.products {
      let (scale, offset) = (SeededNumbers(2).seeded(product.n), SeededNumbers(3).seeded(product.n))
      let residual = SeededNumbers(4).seeded(product.m * product.cRowStride)
      let relu = ActivationFunction(.relu)
      let c = withAffine(scale, offset, residual, relu) { product.run(table, epilogue: .affine($0)) }
      let start = doubles(product.sentinels)
      let expected = withAffine(doubles(scale), doubles(offset), doubles(residual), relu) {
        product.run(oracle, c: start, convert: Double.init, epilogue: .affine($0))
      }
      let worst = worstError(c, expected) { index in
        let (i, j) = index.quotientAndRemainder(dividingBy: product.cRowStride)
        guard j < product.n else { return 0 }
        let magnitude = (0..<product.k).reduce(0.0) { $0 + abs(Double(product.a(i, $1)) * Double(product.b($1, j))) }
        return Double(product.k + 3) * u
          * (magnitude * abs(Double(scale[j])) + abs(Double(offset[j])) + abs(Double(residual[index])))
      }
      #expect(worst.ratio <= 1, "\(product.m) x \(product.n) x \(product.k), index \(worst.index)")
    }
  }

  @Test("activation gradient", arguments: tables)
  func activationGradient(_ table: KernelTable<Float>) {
    for product in Self.products {
      for kind in ActivationKind.allCases {
        let f = ActivationFunction(kind, alpha: 0.25)
        let v = SeededNumbers(3).seeded(product.m * product.n)
        var expected = stored(product, table)
        expected.withUnsafeMutableBufferPointer {
          table.activationGradient(f, v, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
        }
        let c = v.withUnsafeBufferPointer {
          product.run(
            table, epilogue: .activationGradient(v: $0.baseAddress!, vRowStride: product.n, activation: f))
        }
        #expect(sameBits(c, withGaps(product, expected)), "\(kind), \(product.m) x \(product.n) x \(product.k)")
      }
    }
  }

  /// C is added to the scaled sum of the first chunk; of one factor that is 1 nothing is seen in the bits, and where
  /// beta is 0, C is not read.
  @Test("alpha and beta", arguments: tables)
  func alphaBeta(_ table: KernelTable<Float>) {
    for product in Self.products {
      let before = SeededNumbers(4).seeded(product.m * product.n)
      for (alpha, beta) in [(Float(1), Float(1)), (0.3, 0), (-1, 0.7), (0, 1), (2, -1)] {
        var expected = [Float](repeating: 0, count: before.count)
        for i in 0..<product.m {
          for j in 0..<product.n {
            let index = i * product.n + j
            if beta != 0 { expected[index] = beta * before[index] }
            for start in stride(from: 0, to: product.k, by: KernelTable<Float>.chunk) {
              var chain: Float = 0
              for p in start..<min(start + KernelTable<Float>.chunk, product.k) {
                let (a, b) = (product.a(i, p), product.b(p, j))
                chain = table.name == "baseline" ? chain + a * b : chain.addingProduct(a, b)
              }
              expected[index] += alpha * chain
            }
          }
        }
        let c = withGaps(product, beta == 0 ? before.map { _ in .nan } : before)
        let result = product.run(table, c: c, epilogue: .store(alpha: alpha, beta: beta))
        #expect(
          sameBits(result, withGaps(product, expected)),
          "alpha \(alpha), beta \(beta), \(product.m) x \(product.n) x \(product.k)")
      }
    }
  }

  @Test("update", arguments: tables)
  func update(_ table: KernelTable<Float>) {
    for product in Self.products {
      for rule in updateRules {
        for (l1, l2) in [(Float(0), Float(0)), (0.01, 0.1)] { check(product, rule, l1: l1, l2: l2, table) }
      }
    }
  }

  /// More weights than stay in the L2 cache, in narrow rows and in wide ones, with the gradient of a single row.
  @Test("update of many weights with an outer product", arguments: tables)
  func updateWithOuterProduct(_ table: KernelTable<Float>) {
    for (m, n) in [(403, 330), (47, 2811)] {
      for rule in updateRules where rule.kind == .gradientDescent || rule.kind == .adam {
        check(Product(m, n, 1, aIsTransposed: true), rule, l1: 0, l2: 0.1, table)
      }
    }
  }

  private func check(_ product: Product, _ rule: UpdateRule, l1: Float, l2: Float, _ table: KernelTable<Float>) {
    // Weights and state with the row stride of C; the flat kernel sees the gaps as weights with gradient 0.
    let count = product.m * product.cRowStride
    var gradient = product.run(table)
    for i in 0..<product.m { for j in product.n..<product.cRowStride { gradient[i * product.cRowStride + j] = 0 } }
    let start = WeightsAndState(count, for: rule)
    var (expected, result) = (start, start)
    expected.withTarget(l1: l1, l2: l2) { table.update(rule, $0, gradient, count) }
    withUnsafePointer(to: rule) { rule in
      result.withTarget(l1: l1, l2: l2) { _ = product.run(table, epilogue: .update(rule, $0)) }
    }
    for i in 0..<product.m {
      let row = (i * product.cRowStride)..<(i * product.cRowStride + product.n)
      let gap = row.upperBound..<((i + 1) * product.cRowStride)
      for (a, b, untouched) in [(result.weights, expected.weights, start.weights)]
        + (0..<3).map({ (result.slots[$0], expected.slots[$0], start.slots[$0]) })
      {
        #expect(
          sameBits(Array(a[row]), Array(b[row])), "\(rule.kind), l2 \(l2), \(product.m) x \(product.n) x \(product.k)")
        #expect(sameBits(Array(a[gap]), Array(untouched[gap])), "\(rule.kind): a gap was written")
      }
    }
  }
}
