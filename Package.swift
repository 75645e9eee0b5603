// swift-tools-version: 6.0
import PackageDescription

// Modules from the bottom up; imports go one way (docs/developer.md). The Makefile adds what only the shared library
// needs at link time (static Swift runtime, version script): as settings here they would reach the test bundle too.

/// One instruction set's kernels. The sources are the same: Sources/MartletKernelsAVX2 and -AVX512 are symbolic links.
func kernels(_ name: String, flags: [String] = [], defines: [String] = []) -> Target {
  .target(
    name: name,
    dependencies: ["MartletKernelInterface", "CMartletCPU"],
    // The reference kernels are plain Swift for tests and gradient checks: once is enough.
    exclude: name == "MartletKernels" ? ["README.md"] : ["README.md", "Reference"],
    swiftSettings: defines.map { .define($0) } + [
      // -Ounchecked: kernels run on counts that their callers have checked; a check per element would stop
      // vectorisation. The rest makes a debug build compile kernels like a release build: in whole modules, or nothing
      // would be inlined.
      .unsafeFlags(
        ["-Ounchecked", "-disable-batch-mode", "-whole-module-optimization", "-num-threads", "2"]
          + flags.flatMap { ["-Xcc", $0] })
    ])
}

#if arch(x86_64)
  let kernelModules = [
    kernels("MartletKernels"),
    kernels("MartletKernelsAVX2", flags: ["-march=x86-64-v3"], defines: ["MARTLET_AVX2"]),
    kernels("MartletKernelsAVX512", flags: ["-march=x86-64-v4"], defines: ["MARTLET_AVX512"]),
  ]
#else
  // NEON, which every arm64 processor has; plain vectors elsewhere.
  let kernelModules = [kernels("MartletKernels")]
#endif
let kernelNames = kernelModules.map(\.name)

func module(_ name: String, _ dependencies: [String], flags: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, swiftSettings: flags)
}

/// Of what runs once per file, call or epoch, size counts.
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

func program(_ name: String, _ dependencies: [String], path: String) -> Target {
  .executableTarget(name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: path)
}

func tests(_ name: String, _ dependencies: [String]) -> Target {
  .testTarget(name: name, dependencies: dependencies.map { .init(stringLiteral: $0) })
}

let package = Package(
  name: "martlet",
  products: [
    .library(name: "martlet", type: .dynamic, targets: ["MartletC"])
  ],
  targets: kernelModules + [
    .systemLibrary(name: "CMartlet", path: "include"),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),

    .systemLibrary(name: "CMartletCPU"),
    module("MartletKernelInterface", ["CMartletCPU"]),

    module("MartletCore", []),
    module("MartletNN", ["MartletCore", "MartletKernelInterface"]),
    module("MartletTraining", ["MartletNN", "MartletCore", "MartletKernelInterface"], flags: small),
    module("MartletIO", ["CHDF5", "MartletTraining", "MartletNN", "MartletCore"], flags: small),
    module(
      "MartletC",
      ["CMartlet", "MartletIO", "MartletTraining", "MartletNN", "MartletCore", "MartletKernelInterface"] + kernelNames,
      // An export that differs from martlet.h does not compile.
      flags: small + [.enableExperimentalFeature("CImplementation")]),

    .target(name: "CFMAPeak", path: "benchmarks/kernels/CFMAPeak"),
    program(
      "martlet-kernel-benchmark", ["CFMAPeak", "MartletKernelInterface"] + kernelNames,
      path: "benchmarks/kernels/Benchmark"),
    program(
      "martlet-gemm-server", ["MartletCore", "MartletKernelInterface"] + kernelNames, path: "benchmarks/kernels/Server"),

    tests("MartletKernelsTests", ["MartletKernelInterface"] + kernelNames),
    tests("MartletCoreTests", ["MartletCore"]),
    tests("MartletNNTests", ["MartletNN", "MartletCore", "MartletKernelInterface", "MartletKernels"]),
    tests(
      "MartletTrainingTests",
      ["MartletTraining", "MartletNN", "MartletCore", "MartletKernelInterface", "MartletKernels"]),
    tests("MartletIOTests", ["MartletIO", "MartletTraining", "MartletNN", "MartletCore", "MartletKernels", "CHDF5"]),
  ],
  swiftLanguageModes: [.v6]
)
