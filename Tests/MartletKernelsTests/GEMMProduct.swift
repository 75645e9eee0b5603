// A matrix product to test: random operands of any shape and transposes, and how to run a table on them.

import MartletKernelInterface

/// Operands with gaps of NaN between their rows, which must not be read, and C with gaps that must not be written.
struct Product {
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
  init(_ m: Int, _ n: Int, _ k: Int, a: [Float], b: [Float], aIsTransposed: Bool = false) {
    (self.m, self.n, self.k, self.a, self.b, gap) = (m, n, k, a, b, 0)
    self.aIsTransposed = aIsTransposed
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
    convert: (Float) -> Scalar, epilogue: GEMMEpilogue<Scalar> = .store(), aSource: SourceRows? = nil
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
              aSource: aSource.map {
                (aIsTransposed ? $0.from(0, rows.lowerBound) : $0.from(rows.lowerBound, 0), aIsTransposed)
              },
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
    epilogue: GEMMEpilogue<Float> = .store(), aSource: SourceRows? = nil
  ) -> [Float] {
    run(
      table, c: c ?? sentinels, rows: rows, columns: columns, convert: { $0 }, epilogue: epilogue, aSource: aSource)
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
