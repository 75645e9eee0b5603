// Reference transforms of convolutions by kernels of 3 x 3: products with the matrices as they are written.

import MartletKernelInterface

extension Reference {
  private static var inputMatrix: [[Scalar]] { [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]] }
  private static var kernelMatrix: [[Scalar]] { [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]] }
  private static var outputMatrix: [[Scalar]] { [[1, 1, 1, 0], [0, 1, -1, -1]] }

  /// T x T^T of a square x, element (i, j) of which is `x(i, j)`.
  private static func transform(_ t: [[Scalar]], _ x: (Int, Int) -> Scalar) -> [[Scalar]] {
    let size = t[0].indices
    let columns = t.map { row in size.map { j in size.reduce(0) { $0 + row[$1] * x($1, j) } } }
    return columns.map { line in t.map { row in size.reduce(0) { $0 + line[$1] * row[$1] } } }
  }

  static func winogradWeights(
    _ w: UnsafePointer<Scalar>, _ size: Int, _ count: Int, _ u: UnsafeMutablePointer<Scalar>
  ) {
    for i in 0..<count {
      let result = transform(kernelMatrix) { w[($0 * 3 + $1) * size + i] }
      for (element, value) in result.joined().enumerated() { u[element * size + i] = value }
    }
  }

  static func winogradInput(_ b: WinogradBlock, _ x: UnsafePointer<Scalar>, _ v: UnsafeMutablePointer<Scalar>) {
    let g = b.geometry
    for (row, tile) in b.tiles.enumerated() {
      let place = b.place(of: tile)
      for c in 0..<g.channels {
        let result = transform(inputMatrix) {
          let (y, column) = (place.y + $0 - g.top, place.x + $1 - g.left)
          guard y >= 0, y < g.height, column >= 0, column < g.width else { return 0 }
          return x[((place.image * g.height + y) * g.width + column) * g.channels + c]
        }
        for (element, value) in result.joined().enumerated() {
          v[element * b.inputStride + row * g.channels + c] = value
        }
      }
    }
  }

  static func winogradOutput(
    _ b: WinogradBlock, _ m: UnsafePointer<Scalar>, _ e: AffineArguments<Scalar>, _ y: UnsafeMutablePointer<Scalar>
  ) {
    let g = b.geometry
    for (row, tile) in b.tiles.enumerated() {
      let place = b.place(of: tile)
      for (column, j) in b.filters.enumerated() {
        let result = transform(outputMatrix) { m[($0 * 4 + $1) * b.outputStride + row * b.filters.count + column] }
        for (down, line) in result.enumerated() where place.y + down < g.patchesDown {
          for (across, sum) in line.enumerated() where place.x + across < g.patchesAcross {
            let pixel = (place.image * g.patchesDown + place.y + down) * g.patchesAcross + place.x + across
            let i = pixel * b.filterCount + j
            y[i] = value(of: sum, e, column: j, element: i)
          }
        }
      }
    }
  }
}
