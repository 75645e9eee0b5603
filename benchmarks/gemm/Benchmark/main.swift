// Speed of the matrix product on one core, beside the speed of a bare loop of multiply-adds:
//
//     swift run -c release martlet-gemm-benchmark [avx512|avx2|baseline [beginning of the shapes' names]]
//
// Each row is the best of several runs; shapes are those of training steps, with the transposes that they have.

import CFMAPeak
import Glibc
import MartletKernelInterface
import MartletKernels

#if arch(x86_64)
  import MartletKernelsAVX2
  import MartletKernelsAVX512
#endif

/// Processor time of this thread, so that other programs on the machine count only by the caches they take.
func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Seconds of one call in the fastest of several runs that take about `budget` seconds altogether. A run is as many
/// calls as take 0.2 ms, which makes the time of asking for the time small.
func fastest(budget: Double = 0.5, _ body: () -> Void) -> Double {
  let first = seconds()
  body()
  let calls = max(1, Int(2e-4 / (seconds() - first)))
  var best = Double.infinity
  let end = seconds() + budget
  var runs = 0
  while runs < 3 || seconds() < end {
    let start = seconds()
    for _ in 0..<calls { body() }
    best = min(best, (seconds() - start) / Double(calls))
    runs += 1
  }
  return best
}

struct Shape {
  var purpose: String
  var m: Int
  var n: Int
  var k: Int
  var aIsTransposed = false
  var bIsTransposed = false
  /// Apply this to the weights instead of storing the product.
  var update: UpdateRule?
}

let gradientDescent = UpdateRule(.gradientDescent, rate: 1e-9)
let momentum = UpdateRule(.momentum, rate: 1e-9, momentum: 0.9)
let adam = UpdateRule(.adam, rate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-7)
let adamW = {
  var rule = adam
  rule.weightDecay = 1e-9
  return rule
}()
let rmsprop = UpdateRule(.rmsprop, rate: 1e-9, rho: 0.9, epsilon: 1e-7)
let shapes = [
  Shape(purpose: "square", m: 256, n: 256, k: 256),
  Shape(purpose: "square", m: 1024, n: 1024, k: 1024),
  Shape(purpose: "square, A^T", m: 1024, n: 1024, k: 1024, aIsTransposed: true),
  Shape(purpose: "square, B^T", m: 1024, n: 1024, k: 1024, bIsTransposed: true),
  Shape(purpose: "square", m: 2000, n: 2000, k: 2000),
  Shape(purpose: "predict 1 row", m: 1, n: 360, k: 784),
  Shape(purpose: "forward, batch 32", m: 32, n: 360, k: 784),
  Shape(purpose: "forward, batch 32", m: 32, n: 10, k: 360),
  Shape(purpose: "dX, batch 32", m: 32, n: 360, k: 10, bIsTransposed: true),
  Shape(purpose: "dW, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true),
  Shape(purpose: "dW + SGD, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, update: gradientDescent),
  Shape(purpose: "dW + momentum, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, update: momentum),
  Shape(purpose: "dW + Adam, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, update: adam),
  Shape(purpose: "dW + AdamW, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, update: adamW),
  Shape(purpose: "dW + RMSprop, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, update: rmsprop),
  Shape(purpose: "dW + SGD, batch 8", m: 3072, n: 256, k: 8, aIsTransposed: true, update: gradientDescent),
  Shape(purpose: "dW + momentum, batch 8", m: 3072, n: 100, k: 8, aIsTransposed: true, update: momentum),
  Shape(purpose: "dW + Adam, batch 8", m: 3072, n: 100, k: 8, aIsTransposed: true, update: adam),
  Shape(purpose: "dW + Adam, batch 256", m: 784, n: 2048, k: 256, aIsTransposed: true, update: adam),
  Shape(purpose: "forward, batch 100", m: 100, n: 392, k: 784),
  Shape(purpose: "dX, batch 100", m: 100, n: 392, k: 128, bIsTransposed: true),
  Shape(purpose: "dW, batch 100", m: 784, n: 392, k: 100, aIsTransposed: true),
  Shape(purpose: "forward, batch 1000", m: 1000, n: 900, k: 3072),
  Shape(purpose: "dW, batch 1000", m: 3072, n: 900, k: 1000, aIsTransposed: true),
]

func measure(_ shape: Shape, _ table: KernelTable<Float>) -> Double {
  let (m, n, k) = (shape.m, shape.n, shape.k)
  func array(_ count: Int) -> UnsafeMutablePointer<Float> {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    let array = raw.bindMemory(to: Float.self, capacity: max(count, 1))
    for i in 0..<count { array[i] = Float(i % 17) - 8 }
    return array
  }
  let (a, b, c, workspace) = (array(m * k), array(k * n), array(m * n), array(table.gemmWorkspaceCount))
  let (slot0, slot1) = (array(m * n), array(m * n))
  slot1.update(repeating: 1, count: m * n)
  defer { for p in [a, b, c, workspace, slot0, slot1] { p.deallocate() } }
  let target = UpdateTarget(weights: c, slot0: slot0, slot1: slot1, slot2: nil, l1: 0, l2: 0)
  let rule = UnsafeMutablePointer<UpdateRule>.allocate(capacity: 1)
  rule.initialize(to: shape.update ?? gradientDescent)
  defer { rule.deallocate() }
  let arguments = GEMMArguments<Float>(
    m: m, n: n, k: k,
    a: a, aRowStride: shape.aIsTransposed ? 1 : k, aColumnStride: shape.aIsTransposed ? m : 1,
    b: b, bRowStride: shape.bIsTransposed ? 1 : n, bColumnStride: shape.bIsTransposed ? k : 1,
    c: shape.update == nil ? c : nil, cRowStride: n, epilogue: shape.update == nil ? .store() : .update(rule, target),
    workspace: workspace)
  return 2e-9 * Double(m * n * k) / fastest { table.gemm(arguments) }
}

let wanted = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : InstructionSet.best.rawValue
guard let set = InstructionSet(rawValue: wanted), InstructionSet.available.contains(set) else {
  print("no instruction set \(wanted) here: \(InstructionSet.available.map(\.rawValue).joined(separator: ", "))")
  exit(2)
}
let chosen: (kernels: KernelTable<Float>, lanes: Int32, peak: (Int) -> Float) =
  switch set {
  #if arch(x86_64)
    case .avx512: (MartletKernelsAVX512.kernels, 16, fma_peak_avx512)
    case .avx2: (MartletKernelsAVX2.kernels, 8, fma_peak_avx2)
  #endif
  default: (MartletKernels.kernels, 4, fma_peak_of_four)
  }

var unused: Float = 0
let rounds = 200_000
let peak = fma_peak_flops(rounds, chosen.lanes) * 1e-9 / fastest(budget: 1) { unused += chosen.peak(rounds) }

func padded(_ text: String, _ size: Int, left: Bool = false) -> String {
  let gap = String(repeating: " ", count: max(0, size - text.utf8.count))
  return left ? gap + text : text + gap
}
func tenths(_ x: Double) -> String { "\(Int(x * 10) / 10).\(Int(x * 10) % 10)" }

print("\(wanted), one core, multiply-add peak \(tenths(peak)) GFLOP/s")
print(
  padded("shape", 24) + padded("m", 6, left: true) + padded("n", 6, left: true) + padded("k", 6, left: true)
    + padded("GFLOP/s", 10, left: true) + padded("of peak", 9, left: true))
let beginning = CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : ""
for shape in shapes where shape.purpose.hasPrefix(beginning) {
  let speed = measure(shape, chosen.kernels)
  print(
    padded(shape.purpose, 24) + padded("\(shape.m)", 6, left: true) + padded("\(shape.n)", 6, left: true)
      + padded("\(shape.k)", 6, left: true) + padded(tenths(speed), 10, left: true)
      + padded("\(Int(100 * speed / peak)) %", 9, left: true))
}
