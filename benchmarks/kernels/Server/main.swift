// Products and convolutions of the engine's kernels, for the comparison with other libraries: `martlet-gemm-server
// THREADS`.
//
// Answers the requests `gemm`, `convolution` and `run` as benchmarks/worker.py describes them. With several
// threads a product is cut as the engine cuts it (PlanExecutor+Operations.swift): along its longer side, a task for
// each thread, which end on multiples of 32.

import Glibc
import MartletCore
import MartletKernelInterface
import MartletKernels

#if arch(x86_64)
  import MartletKernelsAVX2
  import MartletKernelsAVX512
#endif

let kernels: KernelTable<Float> =
  switch InstructionSet.best {
  #if arch(x86_64)
    case .avx512: MartletKernelsAVX512.kernels
    case .avx2: MartletKernelsAVX2.kernels
  #endif
  default: MartletKernels.kernels
  }

/// Row-major, or the transpose of what lies row-major in memory.
struct Matrix {
  let data: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int
  var isTransposed = false

  /// Element i is i mod `modulus`, minus the middle; 0 without a modulus.
  init(_ rows: Int, _ columns: Int, modulus: Int? = nil) {
    (self.rows, self.columns) = (rows, columns)
    data = allocated(rows * columns)
    for i in 0..<(rows * columns) { data[i] = modulus.map { Float(i % $0 - $0 / 2) } ?? 0 }
  }

  var transposed: Matrix {
    var other = self
    other.isTransposed.toggle()
    return other
  }

  /// First and last element and the sum, which the driver compares.
  var values: [Double] {
    let count = rows * columns
    return [Double(data[0]), Double(data[count - 1]), (0..<count).reduce(0) { $0 + Double(data[$1]) }]
  }

  var m: Int { isTransposed ? columns : rows }
  var n: Int { isTransposed ? rows : columns }
  var rowStride: Int { isTransposed ? 1 : columns }
  var columnStride: Int { isTransposed ? columns : 1 }
}

func allocated(_ count: Int) -> UnsafeMutablePointer<Float> {
  UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    .bindMemory(to: Float.self, capacity: max(count, 1))
}

/// What `run` repeats.
protocol Prepared {
  func compute()
  var values: [Double] { get }
  func deallocate()
}

/// C = A B, cut into tasks.
struct Product: Prepared {
  let a: Matrix
  let b: Matrix
  let c: Matrix
  let workspaces: [UnsafeMutablePointer<Float>]

  init(_ a: Matrix, _ b: Matrix, threads: Int) {
    (self.a, self.b) = (a, b)
    c = Matrix(a.m, b.n)
    let tasks = max(1, min(threads, max(c.m, c.n) / 32))
    workspaces = (0..<tasks).map { _ in allocated(kernels.gemmWorkspaceCount) }
  }

  func compute() {
    withUnsafePointer(to: self) { product in
      ThreadPool.shared.run(
        taskCount: workspaces.count, threads: workspaces.count, UnsafeRawPointer(product)
      ) { product, task in
        product?.assumingMemoryBound(to: Product.self).pointee.computePart(task)
      }
    }
  }

  func computePart(_ task: Int) {
    let cutsRows = c.m >= c.n
    let rows = cutsRows ? part(of: c.m, task) : 0..<c.m
    let columns = cutsRows ? 0..<c.n : part(of: c.n, task)
    kernels.gemm(
      GEMMArguments(
        m: rows.count, n: columns.count, k: a.n,
        a: a.data + rows.lowerBound * a.rowStride, aRowStride: a.rowStride, aColumnStride: a.columnStride,
        b: b.data + columns.lowerBound * b.columnStride, bRowStride: b.rowStride, bColumnStride: b.columnStride,
        c: c.data + rows.lowerBound * c.n + columns.lowerBound, cRowStride: c.n, epilogue: .store(),
        workspace: workspaces[task]))
  }

  private func part(of count: Int, _ task: Int) -> Range<Int> {
    let units = (count + 31) / 32
    return min(count, units * task / workspaces.count * 32)..<min(count, units * (task + 1) / workspaces.count * 32)
  }

  var values: [Double] { c.values }

  func deallocate() {
    for pointer in [a.data, b.data, c.data] + workspaces { pointer.deallocate() }
  }
}

func seconds(_ clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

func answer(_ words: [Any]) {
  print(words.map { "\($0)" }.joined(separator: " "))
  fflush(nil)
}

/// X [M, K], W [K, N] and dY [M, N] hold what benchmarks/workloads.py says; each product needs two of them.
func product(_ operation: Substring, m: Int, n: Int, k: Int, threads: Int) -> Product? {
  switch operation {
  case "fwd": Product(Matrix(m, k, modulus: 13), Matrix(k, n, modulus: 7), threads: threads)
  case "dw": Product(Matrix(m, k, modulus: 13).transposed, Matrix(m, n, modulus: 11), threads: threads)
  case "dx": Product(Matrix(m, n, modulus: 11), Matrix(k, n, modulus: 7).transposed, threads: threads)
  default: nil
  }
}

let threads = CommandLine.arguments.count == 2 ? Int(CommandLine.arguments[1]) ?? 0 : 0
guard threads > 0 else {
  answer(["missing", "usage: martlet-gemm-server THREADS"])
  exit(2)
}
answer(["ok", "Martlet's kernels,", kernels.name])

/// nil: it is no such request.
func prepare(_ words: [Substring], _ numbers: [Int]) -> (any Prepared)? {
  switch words.first {
  case "gemm" where words.count == 5 && numbers.count == 3:
    product(words[1], m: numbers[0], n: numbers[1], k: numbers[2], threads: threads)
  case "convolution" where words.count == numbers.count + 2: Convolution(words[1], numbers)
  default: nil
  }
}

var prepared: (any Prepared)?
while let line = readLine() {
  let words = line.split(separator: " ")
  let numbers = words.dropFirst().compactMap { Int($0) }
  if let new = prepare(words, numbers) {
    prepared?.deallocate()
    prepared = new
    new.compute()
    answer(["ok"] + new.values)
  } else if words.first == "run", numbers.count == 1, let prepared {
    for _ in 0..<(numbers[0] / 10 + 1) { prepared.compute() }
    let (wall, cpu) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
    for _ in 0..<numbers[0] { prepared.compute() }
    answer(["ok", seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu])
  } else {
    answer(["error", "unknown request"])
  }
}
