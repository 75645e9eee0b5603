// The reference kernels: every function of the kernel table as the plainest loop that states it, generic over the
// scalar. They are the oracle of the kernel tests, and in Double they run a whole plan for gradient checks. Nothing
// here is used in production. Activations, losses, GEMM and updates are in the files beside this one.

import Glibc
import MartletKernelInterface

/// A scalar the reference kernels can run in.
package protocol ReferenceScalar: BinaryFloatingPoint, Sendable {
  static func exp(_ x: Self) -> Self
  /// exp(x) - 1, accurate near 0.
  static func expm1(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  /// log(1 + x), accurate near 0.
  static func log1p(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  /// The complementary error function.
  static func erfc(_ x: Self) -> Self
  static func pow(_ x: Self, _ y: Self) -> Self

  /// The table for this scalar. A requirement, so that each conformance compiles the generic loops for its own type.
  static var referenceKernels: KernelTable<Self> { get }
}

extension Float: ReferenceScalar {
  package static func exp(_ x: Float) -> Float { Glibc.expf(x) }
  package static func expm1(_ x: Float) -> Float { Glibc.expm1f(x) }
  package static func log(_ x: Float) -> Float { Glibc.logf(x) }
  package static func log1p(_ x: Float) -> Float { Glibc.log1pf(x) }
  package static func tanh(_ x: Float) -> Float { Glibc.tanhf(x) }
  package static func erfc(_ x: Float) -> Float { Glibc.erfcf(x) }
  package static func pow(_ x: Float, _ y: Float) -> Float { Glibc.powf(x, y) }
  package static let referenceKernels = Reference<Float>.table
}

extension Double: ReferenceScalar {
  package static func exp(_ x: Double) -> Double { Glibc.exp(x) }
  package static func expm1(_ x: Double) -> Double { Glibc.expm1(x) }
  package static func log(_ x: Double) -> Double { Glibc.log(x) }
  package static func log1p(_ x: Double) -> Double { Glibc.log1p(x) }
  package static func tanh(_ x: Double) -> Double { Glibc.tanh(x) }
  package static func erfc(_ x: Double) -> Double { Glibc.erfc(x) }
  package static func pow(_ x: Double, _ y: Double) -> Double { Glibc.pow(x, y) }
  package static let referenceKernels = Reference<Double>.table
}

extension KernelTable where Scalar: ReferenceScalar {
  /// The reference kernels in this scalar.
  package static var reference: KernelTable<Scalar> { Scalar.referenceKernels }
}

/// Namespace of the reference loops for one scalar.
enum Reference<Scalar: ReferenceScalar> {
  static var table: KernelTable<Scalar> {
    KernelTable(
      name: "reference",
      gemmWorkspaceCount: 0,
      gemm: gemm,
      activation: activation,
      activationGradient: activationGradient,
      softmax: softmax,
      softmaxGradient: softmaxGradient,
      loss: loss,
      columnSums: columnSums,
      update: { rule, target, gradient, count in
        for i in 0..<count { update(rule, target, at: i, gradient: gradient[i]) }
      },
      addRegularizationGradient: { l1, l2, weights, gradient, count in
        for i in 0..<count { gradient[i] += regularizationGradient(l1, l2, weights[i]) }
      },
      constrain: constrain,
      norms: norms,
      standardizeColumns: { x, mean, factor, y, rows, columns in
        for r in 0..<rows {
          for j in 0..<columns { y[r * columns + j] = (x[r * columns + j] - mean[j]) * factor[j] }
        }
      },
      scale: { x, scale, offset, y, count in
        for i in 0..<count { y[i] = x[i] * Scalar(scale) + Scalar(offset) }
      },
      combine: { combination, a, b, y, count in
        for i in 0..<count { y[i] = combine(combination, a[i], b[i]) }
      },
      gate: { a, b, whereEqual, x, y, count in
        for i in 0..<count { y[i] = (a[i] == b[i]) == whereEqual ? x[i] : 0 }
      },
      copyColumns: { x, xStride, y, yStride, rows, columns in
        for r in 0..<rows {
          for j in 0..<columns { y[r * yStride + j] = x[r * xStride + j] }
        }
      },
      swapAxes: swapAxes,
      depthwise: depthwise,
      depthwiseInputGradient: depthwiseInputGradient,
      depthwiseWeightGradient: depthwiseWeightGradient,
      winogradWeights: winogradWeights,
      winogradInput: winogradInput,
      winogradOutput: winogradOutput,
      columnMoments: columnMoments,
      normalizationScale: normalizationScale,
      normalizationOffset: normalizationOffset,
      normalizeColumns: normalizeColumns,
      normalizationSums: normalizationSums,
      normalizationGradient: normalizationGradient,
      groupNormalization: groupNormalization,
      groupNormalizationSums: groupNormalizationSums,
      groupNormalizationGradient: groupNormalizationGradient,
      maxPooling: maxPooling,
      maxPoolingGradient: maxPoolingGradient,
      averagePooling: averagePooling,
      averagePoolingGradient: averagePoolingGradient,
      resize: resize,
      resizeGradient: resizeGradient,
      sample: sample,
      sampleGradient: sampleGradient,
      gather: gather,
      movingAverage: { x, momentum, average, count in
        for i in 0..<count { average[i] = Scalar(momentum) * average[i] + Scalar(1 - momentum) * x[i] }
      },
      allFinite: { x, count in (0..<count).allSatisfy { x[$0].isFinite } }
    )
  }

  // MARK: Softmax

  static func softmax(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ rows: Int, _ columns: Int
  ) {
    for r in 0..<rows {
      let (x, y) = (x + r * columns, y + r * columns)
      let greatest = maximum(x, columns)
      var sum: Scalar = 0
      for j in 0..<columns {
        y[j] = Scalar.exp(x[j] - greatest)
        sum += y[j]
      }
      for j in 0..<columns { y[j] /= sum }
    }
  }

  static func softmaxGradient(
    _ y: UnsafePointer<Scalar>, _ dY: UnsafePointer<Scalar>, _ dX: UnsafeMutablePointer<Scalar>, _ rows: Int,
    _ columns: Int
  ) {
    for r in 0..<rows {
      let (y, dY, dX) = (y + r * columns, dY + r * columns, dX + r * columns)
      var dot: Scalar = 0
      for j in 0..<columns { dot += dY[j] * y[j] }
      for j in 0..<columns { dX[j] = y[j] * (dY[j] - dot) }
    }
  }

  static func combine(_ combination: Combination, _ a: Scalar, _ b: Scalar) -> Scalar {
    switch combination {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .maximum: a.isNaN || b.isNaN ? .nan : Swift.max(a, b)
    }
  }

  static func maximum(_ x: UnsafePointer<Scalar>, _ count: Int) -> Scalar {
    var greatest = -Scalar.infinity
    for j in 0..<count where x[j] > greatest { greatest = x[j] }
    return greatest
  }

  // MARK: Reductions

  static func columnSums(
    _ x: UnsafePointer<Scalar>, _ rowStride: Int, _ rows: Int, _ columns: Int, _ sums: UnsafeMutablePointer<Scalar>
  ) {
    for j in 0..<columns {
      var sum: Scalar = 0
      for r in 0..<rows { sum += x[r * rowStride + j] }
      sums[j] = sum
    }
  }

  static func norms(_ weights: UnsafePointer<Scalar>, _ count: Int) -> (absolute: Double, squared: Double) {
    var sums = (absolute: 0.0, squared: 0.0)
    for i in 0..<count {
      let w = Double(weights[i])
      sums.absolute += abs(w)
      sums.squared += w * w
    }
    return sums
  }

  // MARK: Rearrangement

  static func swapAxes(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ blocks: Int, _ first: Int, _ second: Int,
    _ inner: Int
  ) {
    for block in 0..<blocks {
      for i in 0..<first {
        for j in 0..<second {
          for k in 0..<inner {
            y[((block * second + j) * first + i) * inner + k] = x[((block * first + i) * second + j) * inner + k]
          }
        }
      }
    }
  }

  // MARK: Gather

  static func gather(_ source: SourceRows, _ rowCount: Int, _ destination: UnsafeMutablePointer<Scalar>) -> Bool {
    var finite = true
    for r in 0..<rowCount {
      for j in 0..<source.columns {
        let value = element(r, j, of: source)
        destination[r * source.columns + j] = value
        finite = finite && value.isFinite
      }
    }
    return finite
  }

  static func element(_ r: Int, _ j: Int, of source: SourceRows) -> Scalar {
    let index = (source.rows.map { $0[r] } ?? r) * source.columns + j
    func load<T>(_: T.Type) -> T where T: BitwiseCopyable {
      source.base.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.stride, as: T.self)
    }
    let value =
      switch source.type {
      case .uint8: Scalar(load(UInt8.self))
      case .int32: Scalar(load(Int32.self))
      case .int64: Scalar(load(Int64.self))
      case .float32: Scalar(load(Float.self))
      case .float64: Scalar(load(Double.self))
      }
    return value * Scalar(source.scale) + Scalar(source.offset)
  }
}
