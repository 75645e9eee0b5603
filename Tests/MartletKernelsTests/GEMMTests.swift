// The matrix product: order of summation bit by bit, accuracy, epilogues, edges, pieces.

import MartletKernelInterface
import MartletKernels
import Testing

/// Operands with gaps of NaN between their rows, which must not be read, and C with gaps that must not be written.
private struct Product {
  var m: Int
  var n: Int
  var k: Int
  var aIsTransposed = false
  var bIsTransposed = false
  /// Elements between the rows.
  var gap = 3
  let a: [Float]
  let b: [Float]

  /// Given operands without gaps.
  init(_ m: Int, _ n: Int, _ k: Int, a: [Float], b: [Float]) {
    (self.m, self.n, self.k, self.a, self.b, gap) = (m, n, k, a, b, 0)
  }

  /// Random operands.
  init(_ m: Int, _ n: Int, _ k: Int, aIsTransposed: Bool = false, bIsTransposed: Bool = false) {
    (self.m, self.n, self.k) = (m, n, k)
    (self.aIsTransposed, self.bIsTransposed) = (aIsTransposed, bIsTransposed)
    var numbers = SeededNumbers(m * 10007 + n * 101 + k)
    func matrix(_ rows: Int, _ columns: Int) -> [Float] {
      var x: [Float] = []
      for _ in 0..<rows { x += numbers.floats(columns) + [.nan, .nan, .nan] }
      return x
    }
    a = aIsTransposed ? matrix(k, m) : matrix(m, k)
    b = bIsTransposed ? matrix(n, k) : matrix(k, n)
  }

  var aStrides: (row: Int, column: Int) { aIsTransposed ? (1, m + gap) : (k + gap, 1) }
  var bStrides: (row: Int, column: Int) { bIsTransposed ? (1, k + gap) : (n + gap, 1) }
  var cRowStride: Int { n + gap }
  func a(_ i: Int, _ p: Int) -> Float { a[i * aStrides.row + p * aStrides.column] }
  func b(_ p: Int, _ j: Int) -> Float { b[p * bStrides.row + j * bStrides.column] }

  /// C with its gaps, from `c`, for rows and columns of the given ranges.
  func run<Scalar>(
    _ table: KernelTable<Scalar>, c initial: [Scalar], rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    convert: (Float) -> Scalar, epilogue: GEMMEpilogue<Scalar> = .store
  ) -> [Scalar] {
    let (rows, columns) = (rows ?? 0..<m, columns ?? 0..<n)
    var c = initial
    let workspace = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, table.gemmWorkspaceCount) * MemoryLayout<Scalar>.stride, alignment: 64)
    defer { workspace.deallocate() }
    let (a, b) = (a.map(convert), b.map(convert))
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          // An empty array has no address; then nothing is read or written through these.
          let anything = UnsafeMutablePointer<Scalar>(bitPattern: 64)!
          table.gemm(
            GEMMArguments(
              m: rows.count, n: columns.count, k: k,
              a: (a.baseAddress ?? UnsafePointer(anything)) + rows.lowerBound * aStrides.row,
              aRowStride: aStrides.row, aColumnStride: aStrides.column,
              b: (b.baseAddress ?? UnsafePointer(anything)) + columns.lowerBound * bStrides.column,
              bRowStride: bStrides.row, bColumnStride: bStrides.column,
              c: (c.baseAddress ?? anything) + rows.lowerBound * cRowStride + columns.lowerBound,
              cRowStride: cRowStride, epilogue: epilogue,
              workspace: workspace.assumingMemoryBound(to: Scalar.self)))
        }
      }
    }
    return c
  }

  func run(
    _ table: KernelTable<Float>, rows: Range<Int>? = nil, columns: Range<Int>? = nil, c: [Float]? = nil,
    epilogue: GEMMEpilogue<Float> = .store
  ) -> [Float] {
    run(table, c: c ?? sentinels, rows: rows, columns: columns, convert: { $0 }, epilogue: epilogue)
  }

  /// A recognisable number everywhere.
  var sentinels: [Float] { Array(repeating: 12345, count: m * cRowStride) }

  /// The contract's sum in plain Swift.
  func expected(fused: Bool) -> [Float] {
    var c = sentinels
    for i in 0..<m {
      for j in 0..<n {
        var sum: Float = 0
        for start in stride(from: 0, to: k, by: 256) {
          var chain: Float = 0
          for p in start..<min(start + 256, k) {
            chain = fused ? chain.addingProduct(a(i, p), b(p, j)) : chain + a(i, p) * b(p, j)
          }
          sum = start == 0 ? chain : sum + chain
        }
        c[i * cRowStride + j] = sum
      }
    }
    return c
  }
}

/// Sizes around the tiles 4 x 8, 4 x 24 and 12 x 32, vectors, the limit below which B is not packed, and the chunk.
private let shapes: [(m: Int, n: Int, k: Int)] = {
  let ms = [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 17, 24, 25, 48, 49, 50]
  let ns = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65]
  let ks = [0, 1, 2, 3, 4, 5, 255, 256, 257, 511, 512, 513]
  return ms.map { ($0, 37, 31) } + ns.map { (14, $0, 31) } + ns.map { (50, $0, 5) } + ks.map { (5, 17, $0) }
    + ks.map { (50, 9, $0) }
}()

@Suite struct GEMMTests {
  @Test("A 2 x 3 by 3 x 2 product by hand", arguments: tables)
  func handComputed(_ table: KernelTable<Float>) {
    let product = Product(2, 2, 3, a: [1, 2, 3, 4, 5, 6], b: [7, 8, 9, 10, 11, 12])
    #expect(product.run(table) == [58, 64, 139, 154])
  }

  @Test("Every element is the contract's chain, bit by bit, and nothing beside C is written")
  func orderOfSummation() {
    for (m, n, k) in shapes {
      for transposes in 0..<4 {
        let product = Product(m, n, k, aIsTransposed: transposes & 1 != 0, bIsTransposed: transposes & 2 != 0)
        let (plain, fused) = (product.expected(fused: false), product.expected(fused: true))
        for table in tables {
          let isSame = sameBits(product.run(table), table.name == "baseline" ? plain : fused)
          #expect(isSame, "\(table.name), \(m) x \(n) x \(k), transposes \(transposes)")
        }
      }
    }
  }

  /// |error| <= (K + 1) u sum |a b|: one rounding for each product and addition (Higham, Accuracy and Stability, 3.1).
  @Test("Several blocks in every direction, against the oracle", arguments: tables)
  func blocks(_ table: KernelTable<Float>) {
    for (m, n, k) in [(250, 40, 600), (20, 1300, 300), (500, 1290, 20)] {
      for transposes in 0..<4 {
        let product = Product(m, n, k, aIsTransposed: transposes & 1 != 0, bIsTransposed: transposes & 2 != 0)
        let start = doubles(product.sentinels)
        let expected = product.run(oracle, c: start, convert: Double.init)
        let magnitudes = product.run(oracle, c: start, convert: { abs(Double($0)) })
        let worst = worstError(product.run(table), expected) { Double(k + 1) * u * magnitudes[$0] }
        #expect(worst.ratio <= 1, "\(m) x \(n) x \(k), transposes \(transposes), index \(worst.index)")
      }
    }
  }

  @Test("C computed in pieces has the bits of C computed at once", arguments: tables)
  func pieces(_ table: KernelTable<Float>) {
    for (m, n, k, rowCut, columnCut) in [(50, 70, 300, 1, 33), (61, 45, 20, 49, 7), (300, 40, 513, 241, 16)] {
      for transposes in 0..<4 {
        let product = Product(m, n, k, aIsTransposed: transposes & 1 != 0, bIsTransposed: transposes & 2 != 0)
        let whole = product.run(table)
        var c = product.sentinels
        for rows in [0..<rowCut, rowCut..<m] {
          for columns in [0..<columnCut, columnCut..<n] {
            c = product.run(table, rows: rows, columns: columns, c: c)
          }
        }
        #expect(sameBits(c, whole), "\(m) x \(n) x \(k), transposes \(transposes)")
      }
    }
  }

  @Test("NaN and infinity in a row of A reach that row of C only", arguments: tables)
  func specialValues(_ table: KernelTable<Float>) {
    var a = [Float](repeating: 1, count: 13 * 5)
    let b = [Float](repeating: 2, count: 5 * 33)
    a[3 * 5] = .nan
    a[4 * 5 + 2] = .infinity
    let c = Product(13, 33, 5, a: a, b: b).run(table)
    for i in 0..<13 {
      for j in 0..<33 {
        let value = c[i * 33 + j]
        #expect(i == 3 ? value.isNaN : value == (i == 4 ? .infinity : 10), "row \(i), column \(j)")
      }
    }
  }
}

/// An epilogue must give the bits of the stored product followed by the kernel of the table that does the same.
@Suite struct GEMMEpilogueTests {
  private static let products: [Product] = [(1, 10, 300), (13, 33, 40), (50, 17, 257), (30, 70, 600), (4, 5, 0)].map {
    Product($0.0, $0.1, $0.2)
  }

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

  @Test("accumulate", arguments: tables)
  func accumulate(_ table: KernelTable<Float>) {
    for product in Self.products {
      let start = SeededNumbers(1).seeded(product.m * product.cRowStride)
      let c = product.run(table, c: start, epilogue: .accumulate)
      // The chunks are added to C one after the other.
      var expected = start
      for first in stride(from: 0, to: product.k, by: 256) {
        let part = product.chunk(first..<min(first + 256, product.k), table)
        for i in 0..<product.m {
          for j in 0..<product.n { expected[i * product.cRowStride + j] += part[i * product.cRowStride + j] }
        }
      }
      #expect(sameBits(c, expected), "\(product.m) x \(product.n) x \(product.k)")
    }
  }

  @Test("bias and activation", arguments: tables)
  func biasActivation(_ table: KernelTable<Float>) {
    for product in Self.products {
      for kind in [ActivationKind.linear, .relu, .leakyReLU, .sigmoid, .tanh] {
        for hasBias in [false, true] {
          let f = ActivationFunction(kind, slope: 0.25)
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

  @Test("activation gradient", arguments: tables)
  func activationGradient(_ table: KernelTable<Float>) {
    for product in Self.products {
      for kind in [ActivationKind.linear, .relu, .leakyReLU, .sigmoid, .tanh] {
        let f = ActivationFunction(kind, slope: 0.25)
        let y = SeededNumbers(3).seeded(product.m * product.n)
        var expected = stored(product, table)
        expected.withUnsafeMutableBufferPointer {
          table.activationGradient(f, y, UnsafePointer($0.baseAddress!), $0.baseAddress!, $0.count)
        }
        let c = y.withUnsafeBufferPointer {
          product.run(
            table, epilogue: .activationGradient(y: $0.baseAddress!, yRowStride: product.n, activation: f))
        }
        #expect(sameBits(c, withGaps(product, expected)), "\(kind), \(product.m) x \(product.n) x \(product.k)")
      }
    }
  }

  @Test("update", arguments: tables)
  func update(_ table: KernelTable<Float>) {
    for product in Self.products {
      for rule in updateRules {
        // Weights and state with the row stride of C; the flat kernel sees the gaps as weights with gradient 0.
        let count = product.m * product.cRowStride
        var gradient = product.run(table)
        for i in 0..<product.m { for j in product.n..<product.cRowStride { gradient[i * product.cRowStride + j] = 0 } }
        let start = WeightsAndState(count)
        var (expected, result) = (start, start)
        expected.withTarget(l1: 0.01, l2: 0.1) { table.update(rule, $0, gradient, count) }
        result.withTarget(l1: 0.01, l2: 0.1) { _ = product.run(table, epilogue: .update(rule, $0)) }
        for i in 0..<product.m {
          let row = (i * product.cRowStride)..<(i * product.cRowStride + product.n)
          let gap = row.upperBound..<((i + 1) * product.cRowStride)
          for (a, b, untouched) in [
            (result.weights, expected.weights, start.weights), (result.slot0, expected.slot0, start.slot0),
            (result.slot1, expected.slot1, start.slot1),
          ] {
            #expect(sameBits(Array(a[row]), Array(b[row])), "\(rule.kind), \(product.m) x \(product.n) x \(product.k)")
            #expect(sameBits(Array(a[gap]), Array(untouched[gap])), "\(rule.kind): a gap was written")
          }
        }
      }
    }
  }
}

extension SeededNumbers {
  fileprivate func seeded(_ count: Int) -> [Float] {
    var copy = self
    return copy.floats(count)
  }
}

extension Product {
  /// The product of one chunk of k alone.
  fileprivate func chunk(_ range: Range<Int>, _ table: KernelTable<Float>) -> [Float] {
    var part = self
    part.k = range.count
    var c = sentinels
    let workspace = UnsafeMutableRawPointer.allocate(byteCount: table.gemmWorkspaceCount * 4, alignment: 64)
    defer { workspace.deallocate() }
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          table.gemm(
            GEMMArguments(
              m: m, n: n, k: range.count, a: a.baseAddress! + range.lowerBound * aStrides.column,
              aRowStride: aStrides.row, aColumnStride: aStrides.column,
              b: b.baseAddress! + range.lowerBound * bStrides.row, bRowStride: bStrides.row,
              bColumnStride: bStrides.column, c: c.baseAddress!, cRowStride: cRowStride, epilogue: .store,
              workspace: workspace.assumingMemoryBound(to: Float.self)))
        }
      }
    }
    return c
  }
}
