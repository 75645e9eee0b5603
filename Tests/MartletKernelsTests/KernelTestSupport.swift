// What the kernel tests share: the tables this processor can run, the oracle, and how results are compared.
//
// The oracle is the reference kernels in Double on the same inputs, so its own error is negligible beside a float's
// ulp. Bounds are stated in units of u = 2^-24, the relative error of one rounding to float.

import MartletKernelInterface
import MartletKernels
import Testing

#if arch(x86_64)
  import MartletKernelsAVX2
  import MartletKernelsAVX512
#endif

extension KernelTable: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// The fast tables that can run here.
let tables: [KernelTable<Float>] = InstructionSet.available.map { set in
  switch set {
  #if arch(x86_64)
    case .avx512: MartletKernelsAVX512.kernels
    case .avx2: MartletKernelsAVX2.kernels
  #endif
  default: MartletKernels.kernels
  }
}

let oracle = KernelTable<Double>.reference

/// One rounding to float.
let u = 0x1p-24

/// Counts around the vector widths 4, 8 and 16 and multiples of them.
let counts = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]

func doubles(_ x: [Float]) -> [Double] { x.map(Double.init) }

/// Whether both are the same numbers bit by bit (NaN equals NaN, -0 does not equal 0).
func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
  a.map(\.bitPattern) == b.map(\.bitPattern)
}

/// Activations that epilogues treat in ways of their own, and one of the others.
let affineFunctions = [
  ActivationFunction(.linear), ActivationFunction(.relu), ActivationFunction(.clippedReLU, maximum: 0.5),
  ActivationFunction(.clippedReLU, alpha: 0.25, maximum: 0.5, threshold: 0.125), ActivationFunction(.sigmoid),
]

/// Call `body` with the arguments of an epilogue.
func withAffine<Scalar, Result>(
  _ scale: [Scalar]?, _ offset: [Scalar]?, _ residual: [Scalar]?, _ f: ActivationFunction,
  _ body: (UnsafePointer<AffineArguments<Scalar>>) -> Result
) -> Result {
  (scale ?? []).withUnsafeBufferPointer { s in
    (offset ?? []).withUnsafeBufferPointer { o in
      (residual ?? []).withUnsafeBufferPointer { r in
        let arguments = AffineArguments(
          scale: scale == nil ? nil : s.baseAddress, offset: offset == nil ? nil : o.baseAddress,
          residual: residual == nil ? nil : r.baseAddress, activation: f)
        return withUnsafePointer(to: arguments, body)
      }
    }
  }
}

/// The worst |value - expected| / bound and where it is; a value that is not finite where it should be counts as
/// infinite.
func worstError(_ values: [Float], _ expected: [Double], bound: (Int) -> Double) -> (ratio: Double, index: Int) {
  var worst = (ratio: 0.0, index: -1)
  for i in values.indices {
    let value = Double(values[i])
    if value == expected[i] || (value.isNaN && expected[i].isNaN) { continue }
    let ratio = abs(value - expected[i]) / bound(i)
    if !(ratio <= worst.ratio) { worst = (ratio.isNaN ? .infinity : ratio, i) }
  }
  return worst
}

/// Floats of both signs and all magnitudes from `low` to `high`: a fixed number in each binade.
func stratified(from low: Float, to high: Float, perBinade: Int = 64) -> [Float] {
  var numbers = SeededNumbers(7)
  var result: [Float] = []
  var binade = low
  while binade < high {
    for _ in 0..<perBinade {
      let x = binade * (1 + Float(numbers.bits() >> 41) * 0x1p-23)
      if x <= high { result += [x, -x] }
    }
    binade *= 2
  }
  return result
}
