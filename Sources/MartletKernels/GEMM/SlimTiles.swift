// Up to four columns at the right edge of a product with a long k and several tiles of rows. A tile would compute a
// whole vector of each row for them. Here the vectors run down the columns: a panel of A is a vector for each k
// already. Two panels at a time, as each sum waits for the one before it. The chains are those of the microkernel, and
// so are the bits.

import CMartletCPU
import MartletKernelInterface

#if MARTLET_AVX512
  /// How many columns are slim: with more of them tiles are as fast.
  @inline(always) var slimColumns: Int { 4 }

  private typealias SlimSums = InlineArray<4, Vector>

  /// Compute rows x columns of C at (row, column), from B where it lies or from a packed panel.
  ///
  /// - Parameter buffer: of 50 rows of NR.
  func computeSlimTiles(
    _ g: GEMMArguments<Float>, _ chunk: Chunk, _ panels: Panels, row: Int, column: Int, rows: Int, columns: Int,
    _ buffer: UnsafeMutablePointer<Float>
  ) {
    var panels = panels
    for ir in stride(from: 0, to: rows, by: 2 * MR) {
      let rows = min(2 * MR, rows - ir)
      rows > MR ? slimTiles(panels, columns, buffer) : slimTile(panels, columns, buffer)
      finishTile(g, chunk, buffer, row: row + ir, column: column, rows: rows, columns: columns)
      panels.a += 2 * MR * panels.kc
    }
  }

  @inline(never)
  private func slimTile(_ panels: Panels, _ columns: Int, _ buffer: UnsafeMutablePointer<Float>) {
    compute([[.zero, .zero, .zero, .zero]], panels, columns, buffer)
  }

  @inline(never)
  private func slimTiles(_ panels: Panels, _ columns: Int, _ buffer: UnsafeMutablePointer<Float>) {
    compute([[.zero, .zero, .zero, .zero], [.zero, .zero, .zero, .zero]], panels, columns, buffer)
  }

  /// The product of some panels of A, one after the other, and the columns, in a buffer with row stride NR.
  @inline(always)
  private func compute<let count: Int>(
    _ zeros: InlineArray<count, SlimSums>, _ panels: Panels, _ columns: Int, _ buffer: UnsafeMutablePointer<Float>
  ) {
    var (sums, a, b) = (zeros, panels.a, panels.b)
    // Columns that are missing are the last one once more: nothing beyond it is read.
    let (second, third, fourth) = (min(1, columns - 1), min(2, columns - 1), min(3, columns - 1))
    for _ in 0..<panels.kc {
      let elements: SlimSums = [
        Vector(repeating: b[0]), Vector(repeating: b[second]), Vector(repeating: b[third]),
        Vector(repeating: b[fourth]),
      ]
      for p in 0..<count {
        let rows = load(a + p * MR * panels.kc, MR)
        for j in 0..<4 { sums[p][j] = multiplyAdd(rows, elements[j], sums[p][j]) }
      }
      a += MR
      b += panels.bStride
    }
    // Each writes 16 rows, of which the next one, if there is one, overwrites the last four.
    let lines = buffer + (count + 1) * 16 * NR
    for p in 0..<count {
      for j in 0..<4 { store(sums[p][j], lines + j * width) }
      martlet_transpose16(lines, width, buffer + p * MR * NR, NR)
    }
  }
#endif
