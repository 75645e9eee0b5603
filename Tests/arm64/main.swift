// Runs the kernels of one instruction set over all that they offer and reports the bits of what they compute. NEON
// fuses multiply and add like AVX2, and the contract of the kernels says in which order sums are added; so the two must
// agree to the last bit, though not a tile or vector of theirs has the same size; but for sums along a row, which are a
// tree over the lanes. Scripts/check-arm64 compares them.
//
// It is Embedded Swift, for which the compiler brings its own library for arm64 along, and so it is made of few things.

import MartletKernelInterface
import Runtime

#if arch(arm64)
  import MartletKernels
#else
  import MartletKernelsAVX2
#endif

extension SeededNumbers {
  /// The next numbers in memory of their own.
  mutating func allocated(_ count: Int, _ low: Float = -1, _ high: Float = 1) -> Floats {
    let values = Floats.allocate(capacity: max(count, 1))
    for i in 0..<count { values[i] = float(low, high) }
    return values
  }
}

func free(_ all: Floats...) { for values in all { values.deallocate() } }

typealias Floats = UnsafeMutablePointer<Float>

/// FNV-1a over the bits of everything that is added.
struct Hash {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ x: UnsafePointer<Float>, _ count: Int) {
    for i in 0..<count { value = (value ^ UInt64(x[i].bitPattern)) &* 0x100_0000_01b3 }
  }

  mutating func add(_ x: Double) { value = (value ^ x.bitPattern) &* 0x100_0000_01b3 }
}

nonisolated(unsafe) let workspace: Floats = {
  let raw = UnsafeMutableRawPointer.allocate(byteCount: 4 * kernels.gemmWorkspaceCount, alignment: 64)
  return raw.bindMemory(to: Float.self, capacity: kernels.gemmWorkspaceCount)
}()

let activations = ActivationKind.allCases.map { ActivationFunction($0, alpha: 0.25) }

/// Edges around the tiles of both sets, few rows and columns, and sums of several chunks.
let shapes: [(m: Int, n: Int, k: Int)] = {
  let ms = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 17, 24, 25, 50]
  let ns = [1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 23, 24, 25, 35, 36, 37, 70]
  let ks = [0, 1, 2, 3, 15, 16, 17, 255, 256, 257, 513]
  var all: [(m: Int, n: Int, k: Int)] = []
  for m in ms { all += [(m, 37, 31), (m, 70, 300)] }
  for n in ns { all += [(14, n, 31), (50, n, 5), (9, n, 260), (1, n, 266)] }
  for k in ks { all += [(5, 17, k), (50, 9, k), (27, 65, k), (1, 41, k)] }
  return all
}()

func multiply(
  _ shape: (m: Int, n: Int, k: Int), _ transposes: Int, _ hash: inout Hash, _ epilogue: GEMMEpilogue<Float> = .store(),
  c: Floats? = nil
) {
  let (m, n, k) = shape
  var numbers = SeededNumbers(m * 10007 + n * 101 + k)
  let (a, b) = (numbers.allocated(m * k), numbers.allocated(k * n))
  let result = c ?? numbers.allocated(m * n)
  kernels.gemm(
    GEMMArguments(
      m: m, n: n, k: k, a: a, aRowStride: transposes & 1 == 0 ? k : 1, aColumnStride: transposes & 1 == 0 ? 1 : m, b: b,
      bRowStride: transposes & 2 == 0 ? n : 1, bColumnStride: transposes & 2 == 0 ? 1 : k, c: result, cRowStride: n,
      epilogue: epilogue, workspace: workspace))
  hash.add(result, m * n)
  if c == nil { free(result) }
  free(a, b)
}

func products() {
  for transposes in 0..<4 {
    var hash = Hash()
    for shape in shapes { multiply(shape, transposes, &hash) }
    for shape in [(503, 40, 300), (60, 1300, 200)] { multiply(shape, transposes, &hash) }
    report("product, transposes", Int64(transposes), hash.value)
  }
  var hash = Hash()
  for shape in shapes { multiply(shape, 0, &hash, .store(alpha: 0.3, beta: 0.7)) }
  for shape in shapes { multiply(shape, 2, &hash, .store(beta: 1)) }
  report("alpha and beta", 0, hash.value)
}

func epilogues() {
  for f in activations {
    var hash = Hash()
    for shape in shapes {
      var numbers = SeededNumbers(shape.n)
      let (bias, v) = (numbers.allocated(shape.n), numbers.allocated(shape.m * shape.n))
      multiply(shape, 0, &hash, .biasActivation(bias: bias, activation: f))
      let affine = AffineArguments<Float>(
        scale: UnsafePointer(bias), offset: UnsafePointer(bias), residual: UnsafePointer(v), activation: f)
      withUnsafePointer(to: affine) { multiply(shape, 0, &hash, .affine($0)) }
      multiply(shape, 2, &hash, .activationGradient(v: v, vRowStride: shape.n, activation: f))
      free(bias, v)
    }
    report("epilogues, activation", Int64(f.kind.rawValue), hash.value)
  }
}

func updates() {
  for (index, rule) in updateRules.enumerated() {
    var hash = Hash()
    for (l1, l2) in [(Float(0), Float(0)), (0.01, 0.1)] {
      for shape in shapes {
        let count = shape.m * shape.n
        var numbers = SeededNumbers(count)
        let weights = numbers.allocated(count)
        let slots = (0..<3).map { _ in numbers.allocated(count, 0.5, 1) }
        let target = UpdateTarget<Float>(
          weights: weights, slot0: rule.slotCount > 0 ? slots[0] : nil, slot1: rule.slotCount > 1 ? slots[1] : nil,
          slot2: rule.slotCount > 2 ? slots[2] : nil, l1: l1, l2: l2)
        var unused = Hash()
        let (scratch, gradient) = (numbers.allocated(count), numbers.allocated(count))
        withUnsafePointer(to: rule) { multiply(shape, 1, &unused, .update($0, target), c: scratch) }
        kernels.update(rule, target, gradient, count)
        for values in [weights] + slots {
          hash.add(values, count)
          free(values)
        }
        free(scratch, gradient)
      }
    }
    report("update, rule", Int64(index), hash.value)
  }
}

/// Numbers of both signs from 2^-120 to 2^10.
let magnitudes: [Float] = {
  var numbers = SeededNumbers(1)
  return (0..<(1 << 15)).map { _ in
    let bits = numbers.bits()
    let exponent = Float(sign: .plus, exponent: Int((bits >> 8) % 130) - 120, significand: 1)
    return (1 + Float(bits >> 40) * 0x1p-24) * exponent * (bits & 1 == 0 ? 1 : -1)
  }
}()

func functions() {
  let count = magnitudes.count - 3
  let (x, y) = (Floats.allocate(capacity: count), Floats.allocate(capacity: count))
  for f in activations {
    for i in 0..<count { x[i] = magnitudes[i] }
    var hash = Hash()
    kernels.activation(f, x, y, count)
    hash.add(y, count)
    for i in 0..<count where !(abs(x[i]) < 80) { (x[i], y[i]) = (1, 0.5) }
    var dX = SeededNumbers(2).seeded(count)
    kernels.activationGradient(f, f.gradientNeedsInput ? x : y, dX, &dX, count)
    hash.add(dX, count)
    report("function", Int64(f.kind.rawValue), hash.value)
  }
}

/// Sums over the lanes of a vector are a tree that depends on its width; for rows that fit into the smaller of the two
/// vectors it is the same.
let narrowRows = 1...4

func losses() {
  for kind in LossKind.allCases {
    var hash = Hash()
    for columns in narrowRows {
      var numbers = SeededNumbers(columns)
      let rows = 7
      let (x, t) = (numbers.allocated(rows * columns, 0.01, 0.99), numbers.allocated(rows * columns, 0, 1))
      let gradient = numbers.allocated(rows * columns)
      let rowLosses = UnsafeMutablePointer<Double>.allocate(capacity: rows)
      kernels.loss(
        LossArguments(
          kind: kind, rows: rows, columns: columns, predictions: x, targets: .values(t), rowLosses: rowLosses,
          gradient: gradient, gradientScale: 0.125))
      hash.add(gradient, rows * columns)
    }
    report("gradient of loss", Int64(kind.rawValue), hash.value)
  }
}

func softmaxes() {
  var hash = Hash()
  for columns in narrowRows {
    var numbers = SeededNumbers(columns)
    let count = 6 * columns
    let (x, y) = (numbers.allocated(count), numbers.allocated(count))
    kernels.softmax(x, y, 6, columns)
    hash.add(y, count)
    kernels.softmaxGradient(y, x, x, 6, columns)
    hash.add(x, count)
  }
  report("softmax", 0, hash.value)

  // In longer rows each of the sums, of n terms that add up to 1, is within n u of it, and so is the sum of the
  // quotients.
  var isOne = true
  for columns in [5, 8, 9, 17, 33, 100] {
    var numbers = SeededNumbers(columns)
    let x = numbers.allocated(6 * columns)
    kernels.softmax(x, x, 6, columns)
    for row in 0..<6 {
      let sum = (0..<columns).reduce(0.0) { $0 + Double(x[row * columns + $1]) }
      if !(abs(sum - 1) <= 2 * Double(columns) * 0x1p-24) { isOne = false }
    }
  }
  report("softmax of long rows adds up to 1", 0, isOne ? 1 : 0)
}

func others() {
  var (hash, norms) = (Hash(), true)
  for columns in [1, 3, 4, 5, 8, 10, 17, 33, 100] {
    var numbers = SeededNumbers(columns)
    let (rows, count) = (6, 6 * columns)
    let (x, y, z) = (numbers.allocated(count), numbers.allocated(count), numbers.allocated(count))
    kernels.columnSums(x, columns, rows, columns, y)
    hash.add(y, count)
    kernels.standardizeColumns(x, y, z, z, rows, columns)
    kernels.addRegularizationGradient(0.1, 0.2, x, z, count)
    kernels.movingAverage(x, 0.9, z, count)
    hash.add(z, count)
    kernels.constrain(WeightConstraint(.maximumNorm, limit: 0.5), z, columns, rows, columns)
    hash.add(z, count)
    for combination in [Combination.add, .subtract, .multiply, .maximum] {
      kernels.combine(combination, x, y, y, count)
    }
    kernels.scale(y, 0.3, 0.1, y, count)
    kernels.gate(x, y, false, y, y, count)
    kernels.swapAxes(y, z, 2, 3, columns, 1)
    hash.add(z, count)
    hash.add(kernels.allFinite(z, count) ? 1 : 0)
    // Sums in double, in whatever order: a relative error of count 2^-53 each.
    let squared = (0..<count).reduce(0.0) { $0 + Double(x[$1]) * Double(x[$1]) }
    if !(abs(kernels.norms(x, count).squared - squared) <= 2 * Double(count) * 0x1p-53 * squared) { norms = false }
  }
  report("other kernels", 0, hash.value)
  report("sums of squares", 0, norms ? 1 : 0)
}

func rowsOfBytes() {
  var hash = Hash()
  for shape in shapes {
    let (m, n, k) = shape
    var numbers = SeededNumbers(m + n + k)
    let bytes = (0..<(2 * m * k + 1)).map { _ in UInt8(truncatingIfNeeded: numbers.bits()) }
    let order = (0..<max(m, k)).map { 2 * $0 + 1 }
    let (b, c) = (numbers.allocated(k * n), numbers.allocated(m * n))
    for isTransposed in [false, true] {
      bytes.withUnsafeBytes { bytes in
        order.withUnsafeBufferPointer { order in
          guard let base = bytes.baseAddress, let rows = order.baseAddress else { return }
          for rows in [rows, nil] {
            let source = SourceRows(
              base + 1, .uint8, columns: isTransposed ? m : k, rows: rows, scale: 1 / 255, offset: -0.5)
            kernels.gemm(
              GEMMArguments(
                m: m, n: n, k: k, a: c, aRowStride: 0, aColumnStride: 0, aSource: (source, isTransposed), b: b,
                bRowStride: n, bColumnStride: 1, c: c, cRowStride: n, epilogue: .store(), workspace: workspace))
            hash.add(c, m * n)
          }
        }
      }
    }
  }
  report("rows of bytes", 0, hash.value)
}

@main
struct Comparison {
  static func main() {
    products()
    epilogues()
    updates()
    functions()
    losses()
    softmaxes()
    others()
    rowsOfBytes()
  }
}
