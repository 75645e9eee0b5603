// The matrix product: shapes of training steps, with the transposes that they have.

import MartletKernelInterface

/// What becomes of the sums.
enum Finish {
  case stored
  /// Added to what is there.
  case added
  case biasReLU
  /// With a scale and a residual, too.
  case affineReLU
  case reluGradient
  /// Applied to the weights.
  case update(UpdateRule)
}

struct Shape {
  var purpose: String
  var m: Int
  var n: Int
  var k: Int
  var aIsTransposed = false
  var bIsTransposed = false
  /// A are bytes in the order of a shuffle, which packing converts.
  var aIsBytes = false
  var finish = Finish.stored
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
  Shape(purpose: "square, A^T B^T", m: 1024, n: 1024, k: 1024, aIsTransposed: true, bIsTransposed: true),
  Shape(purpose: "square, added to C", m: 1024, n: 1024, k: 1024, finish: .added),
  Shape(purpose: "square", m: 2000, n: 2000, k: 2000),
  Shape(purpose: "predict 1 row", m: 1, n: 360, k: 784, finish: .biasReLU),
  Shape(purpose: "forward, batch 32", m: 32, n: 360, k: 784, finish: .biasReLU),
  Shape(purpose: "forward, batch 32", m: 32, n: 10, k: 360, finish: .biasReLU),
  Shape(purpose: "dX, 1 row", m: 1, n: 1024, k: 256, bIsTransposed: true, finish: .reluGradient),
  Shape(purpose: "dX, batch 8", m: 8, n: 1024, k: 256, bIsTransposed: true, finish: .reluGradient),
  Shape(purpose: "dX, batch 32", m: 32, n: 360, k: 10, bIsTransposed: true, finish: .reluGradient),
  Shape(purpose: "dW, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true),
  Shape(purpose: "dW + SGD, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, finish: .update(gradientDescent)),
  Shape(purpose: "dW + momentum, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, finish: .update(momentum)),
  Shape(purpose: "dW + Adam, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, finish: .update(adam)),
  Shape(purpose: "dW + AdamW, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, finish: .update(adamW)),
  Shape(purpose: "dW + RMSprop, batch 32", m: 784, n: 360, k: 32, aIsTransposed: true, finish: .update(rmsprop)),
  Shape(purpose: "dW, batch 8", m: 3072, n: 256, k: 8, aIsTransposed: true),
  Shape(purpose: "dW + SGD, batch 8", m: 3072, n: 256, k: 8, aIsTransposed: true, finish: .update(gradientDescent)),
  Shape(purpose: "dW + SGD, batch 8", m: 384, n: 256, k: 8, aIsTransposed: true, finish: .update(gradientDescent)),
  Shape(purpose: "dW + momentum, batch 8", m: 3072, n: 96, k: 8, aIsTransposed: true, finish: .update(momentum)),
  Shape(purpose: "dW + momentum, batch 8", m: 384, n: 96, k: 8, aIsTransposed: true, finish: .update(momentum)),
  Shape(purpose: "dW + momentum, batch 8", m: 3072, n: 100, k: 8, aIsTransposed: true, finish: .update(momentum)),
  Shape(purpose: "dW + Adam, batch 8", m: 3072, n: 100, k: 8, aIsTransposed: true, finish: .update(adam)),
  Shape(purpose: "dW + SGD, 1 row", m: 784, n: 1024, k: 1, aIsTransposed: true, finish: .update(gradientDescent)),
  Shape(purpose: "dW + Adam, batch 256", m: 784, n: 2048, k: 256, aIsTransposed: true, finish: .update(adam)),
  Shape(purpose: "forward, batch 100", m: 100, n: 392, k: 784, finish: .biasReLU),
  Shape(purpose: "forward, 100 rows of bytes", m: 100, n: 392, k: 784, aIsBytes: true, finish: .biasReLU),
  Shape(purpose: "dX, batch 100", m: 100, n: 392, k: 128, bIsTransposed: true, finish: .reluGradient),
  Shape(purpose: "dW, batch 100", m: 784, n: 392, k: 100, aIsTransposed: true),
  Shape(purpose: "dW, 100 rows of bytes", m: 784, n: 392, k: 100, aIsTransposed: true, aIsBytes: true),
  Shape(purpose: "pixels of ResNet50", m: 3136, n: 256, k: 64, finish: .biasReLU),
  Shape(purpose: "the same, scaled, residual", m: 3136, n: 256, k: 64, finish: .affineReLU),
  Shape(purpose: "forward, batch 1000", m: 1000, n: 900, k: 3072, finish: .biasReLU),
  Shape(purpose: "dW, batch 1000", m: 3072, n: 900, k: 1000, aIsTransposed: true),
]

/// GFLOP/s.
func measure(_ shape: Shape, _ table: KernelTable<Float>) -> Double {
  let (m, n, k) = (shape.m, shape.n, shape.k)
  let (a, b, c, workspace) = (array(m * k), array(k * n), array(m * n), array(table.gemmWorkspaceCount))
  let (slot0, slot1) = (array(m * n) { _ in 0 }, array(m * n) { _ in 1 })
  let (rows, columns) = shape.aIsTransposed ? (k, m) : (m, k)
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: m * k)
  let order = UnsafeMutablePointer<Int>.allocate(capacity: rows)
  for i in 0..<(m * k) { bytes[i] = UInt8(truncatingIfNeeded: i) }
  for r in 0..<rows { order[r] = r * 37 % rows }
  defer {
    for p in [a, b, c, workspace, slot0, slot1] { p.deallocate() }
    bytes.deallocate()
    order.deallocate()
  }
  let source = SourceRows(bytes, .uint8, columns: columns, rows: order, scale: 1 / 255, offset: 0)
  let target = UpdateTarget(weights: c, slot0: slot0, slot1: slot1, slot2: nil, l1: 0, l2: 0)
  var rule = gradientDescent
  if case .update(let updateRule) = shape.finish { rule = updateRule }
  let affine = AffineArguments<Float>(
    scale: UnsafePointer(slot1), offset: UnsafePointer(slot1), residual: UnsafePointer(slot0),
    activation: ActivationFunction(.relu))
  return withUnsafePointer(to: rule) { rule in
    withUnsafePointer(to: affine) { affine in
      let epilogue: GEMMEpilogue<Float> =
        switch shape.finish {
        case .stored: .store()
        case .added: .store(beta: 1)
        case .biasReLU: .biasActivation(bias: slot1, activation: ActivationFunction(.relu))
        case .affineReLU: .affine(affine)
        case .reluGradient: .activationGradient(v: slot1, vRowStride: n, activation: ActivationFunction(.relu))
        case .update: .update(rule, target)
        }
      let isUpdate = if case .update = shape.finish { true } else { false }
      let arguments = GEMMArguments<Float>(
        m: m, n: n, k: k, a: a, aRowStride: shape.aIsTransposed ? 1 : k, aColumnStride: shape.aIsTransposed ? m : 1,
        aSource: shape.aIsBytes ? (source, shape.aIsTransposed) : nil, b: b, bRowStride: shape.bIsTransposed ? 1 : n,
        bColumnStride: shape.bIsTransposed ? k : 1, c: isUpdate ? nil : c, cRowStride: n, epilogue: epilogue,
        workspace: workspace)
      return 2e-9 * Double(m * n * k) / fastest { table.gemm(arguments) }
    }
  }
}
