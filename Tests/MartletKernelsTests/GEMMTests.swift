// The matrix product: order of summation bit by bit, accuracy, edges, pieces.

import MartletKernelInterface
import MartletKernels
import Testing

/// Sizes around the tiles 4 x 8, 4 x 24 and 12 x 32, vectors, cache lines, the chunk, which also decides the order of
/// the loops, and then around their blocks of 96 rows, with terms that are and are not too few to pack A.
private let shapes: [(m: Int, n: Int, k: Int)] = {
  let ms = [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 17, 24, 25, 48, 49, 50]
  let ns = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65]
  let ks = [0, 1, 2, 3, 4, 5, 10, 15, 16, 17, 31, 255, 256, 257, 511, 512, 513]
  return ms.map { ($0, 37, 31) } + ms.map { ($0, 70, 300) } + ms.map { ($0, 35, 300) }
    + (33...36).map { (61, $0, 520) } + ns.map { (14, $0, 31) } + ns.map { (50, $0, 5) }
    + ns.map { (14, $0, 260) } + ks.map { (5, 17, $0) } + ks.map { (50, 9, $0) } + ks.map { (14, 65, $0) }
    + ks.map { (1, 41, $0) } + ns.map { (1, $0, 266) } + [4095, 4096, 4097].map { (1, $0, 9) }
    + [95, 96, 97, 98, 108, 193].flatMap { m in [12, 13, 31].map { (m, 37, $0) } }
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
    // In the three before the last, rows of A are read where they lie: in several blocks and in one, of the last width.
    for (m, n, k) in [
      (503, 40, 300), (1010, 40, 300), (20, 1300, 300), (60, 1300, 200), (1012, 40, 600), (1009, 40, 300),
      (60, 512, 300), (204, 1300, 200),
    ] {
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
