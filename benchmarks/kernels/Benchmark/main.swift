// Speed of the kernels on one core: the matrix product beside a bare loop of multiply-adds, all others beside their
// plain twins.
//
//     swift run -c release martlet-kernel-benchmark [INSTRUCTION_SET [BEGINNING_OF_NAMES]]
//
// Each row is the best of several runs. The clock of a processor changes: the peak is measured anew before each product.

import CFMAPeak
import Glibc
import MartletKernelInterface
import MartletKernels

#if arch(x86_64)
  import MartletKernelsAVX2
  import MartletKernelsAVX512
#endif

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
let beginning = CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : ""

var unused: Float = 0
let rounds = 200_000
let kernels = allKernels()
guard (shapes.map(\.purpose) + kernels.map(\.name)).contains(where: { $0.hasPrefix(beginning) }) else {
  print("no product or kernel whose name begins with \(beginning)")
  exit(2)
}
print("\(wanted), one core\n")
let productWidths = [28, 6, 6, 6, 10, 8, 9]
print(line(["matrix product", "m", "n", "k", "GFLOP/s", "peak", "of peak"], productWidths))
for shape in shapes where shape.purpose.hasPrefix(beginning) {
  let peak = fma_peak_flops(rounds, chosen.lanes) * 1e-9 / fastest(budget: 0.2) { unused += chosen.peak(rounds) }
  let speed = measure(shape, chosen.kernels)
  let sizes = [shape.m, shape.n, shape.k].map(String.init)
  print(line([shape.purpose] + sizes + [tenths(speed), tenths(peak), "\(Int(100 * speed / peak)) %"], productWidths))
}

let kernelWidths = [34, 10, 16, 14]
print("\n" + line(["kernel", "elements", "million/s", "x plain twin"], kernelWidths))
for kernel in kernels where kernel.name.hasPrefix(beginning) {
  let (ours, plain) = (
    fastest(budget: 0.05) { kernel.run(chosen.kernels) }, fastest(budget: 0.05) { kernel.run(.reference) }
  )
  print(
    line(
      [kernel.name, "\(kernel.count)", "\(Int(1e-6 * Double(kernel.count) / ours))", tenths(plain / ours)],
      kernelWidths))
}
