// The one thing this module exports: its kernels as a table. The baseline module exports the reference kernels besides.

import MartletKernelInterface

#if MARTLET_AVX512
  private let name = "avx512"
#elseif MARTLET_AVX2
  private let name = "avx2"
#elseif arch(arm64)
  private let name = "neon"
#else
  private let name = "baseline"
#endif

package let kernels = KernelTable<Float>(
  name: name,
  gemmWorkspaceCount: GEMMWorkspace.count,
  gemm: gemm,
  activation: activation,
  activationGradient: activationGradient,
  softmax: softmax,
  softmaxGradient: softmaxGradient,
  loss: loss,
  columnSums: columnSums,
  update: update,
  addRegularizationGradient: addRegularizationGradient,
  constrain: constrain,
  norms: norms,
  standardizeColumns: standardizeColumns,
  scale: scale,
  combine: combine,
  gate: gate,
  copyColumns: copyColumns,
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
  movingAverage: movingAverage,
  allFinite: allFinite
)
