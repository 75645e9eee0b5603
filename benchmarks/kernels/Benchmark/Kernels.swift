// All other kernels, on as many elements as a layer's output has in training, which are in the L2 cache.

import MartletKernelInterface

/// A kernel on `count` elements.
struct Kernel {
  var name: String
  var count: Int
  var run: (KernelTable<Float>) -> Void
}

private let (rows, columns, classes) = (100, 392, 10)
private let count = rows * columns

func allKernels() -> [Kernel] {
  let x = array(count) { Float($0 % 97) / 97 - 0.5 }
  let (y, z) = (array(count) { Float($0 % 89) / 89 + 0.01 }, array(count) { _ in 0.5 })
  return activations(x, y, z) + losses(x, y, z) + updates(x, y, z) + others(x, y, z) + images(x, y, z)
    + gathers(z)
}

private func activations(
  _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ z: UnsafeMutablePointer<Float>
) -> [Kernel] {
  ActivationKind.allCases.flatMap { kind in
    let f = ActivationFunction(kind, alpha: 0.25)
    return [
      Kernel(name: "\(kind)", count: count) { $0.activation(f, x, z, count) },
      Kernel(name: "\(kind), gradient", count: count) { $0.activationGradient(f, x, y, z, count) },
    ]
  } + [
    Kernel(name: "softmax of 10", count: rows * classes) { $0.softmax(x, z, rows, classes) },
    Kernel(name: "softmax of 392", count: count) { $0.softmax(x, z, rows, columns) },
    Kernel(name: "softmax of 10, gradient", count: rows * classes) { $0.softmaxGradient(x, y, z, rows, classes) },
  ]
}

private func losses(
  _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ z: UnsafeMutablePointer<Float>
) -> [Kernel] {
  let rowLosses = UnsafeMutablePointer<Double>.allocate(capacity: rows)
  let labels = UnsafeMutablePointer<Int32>.allocate(capacity: rows)
  for row in 0..<rows { labels[row] = Int32(row % classes) }
  func kernel(_ name: String, _ kind: LossKind, _ targets: LossTargets<Float>) -> Kernel {
    Kernel(name: name, count: rows * classes) {
      $0.loss(
        LossArguments(
          kind: kind, rows: rows, columns: classes, predictions: y, targets: targets, rowLosses: rowLosses,
          gradient: x + rows * classes, gradientScale: 0.01))
    }
  }
  return [kernel("softmaxCrossEntropy of labels", .softmaxCrossEntropy, .labels(labels))]
    + LossKind.allCases.map { kernel("\($0)", $0, .values(z)) }
}

private func updates(
  _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ z: UnsafeMutablePointer<Float>
) -> [Kernel] {
  let slots = (0..<3).map { _ in array(count) { _ in 1 } }
  let rules = [
    gradientDescent, momentum, UpdateRule(.nesterov, rate: 1e-9, momentum: 0.9), adam, adamW,
    UpdateRule(.amsgrad, rate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
    UpdateRule(.adamax, rate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-7),
    UpdateRule(.nadam, rate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, gradientRate: 1e-9), rmsprop,
    UpdateRule(.centeredRMSprop, rate: 1e-9, rho: 0.9, epsilon: 1e-7),
    UpdateRule(.adagrad, rate: 1e-9, epsilon: 1e-7), UpdateRule(.adadelta, rate: 1e-9, rho: 0.95, epsilon: 1e-7),
    UpdateRule(.lion, rate: 1e-9, beta1: 0.9, beta2: 0.99),
  ]
  return rules.map { rule in
    let target = UpdateTarget(
      weights: z, slot0: rule.slotCount > 0 ? slots[0] : nil, slot1: rule.slotCount > 1 ? slots[1] : nil,
      slot2: rule.slotCount > 2 ? slots[2] : nil, l1: 0, l2: 0)
    let name = "update, \(rule.kind)" + (rule.weightDecay > 0 ? " with decay" : "")
    return Kernel(name: name, count: count) { $0.update(rule, target, x, count) }
  }
}

private func others(
  _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ z: UnsafeMutablePointer<Float>
) -> [Kernel] {
  let constraints: [WeightConstraint] = [
    WeightConstraint(.maximumNorm, limit: 1), WeightConstraint(.nonNegative), WeightConstraint(.unitNorm),
  ]
  let combinations: [Combination] = [.add, .subtract, .multiply, .maximum]
  return constraints.map { constraint in
    Kernel(name: "constraint, \(constraint.kind)", count: count) { $0.constrain(constraint, z, columns, rows, columns) }
  }
    + combinations.map { combination in
      Kernel(name: "combine, \(combination)", count: count) { $0.combine(combination, x, y, z, count) }
    } + [
      Kernel(name: "columnSums", count: count) { $0.columnSums(x, columns, rows, columns, z) },
      Kernel(name: "addRegularizationGradient", count: count) { $0.addRegularizationGradient(0, 1e-9, x, z, count) },
      Kernel(name: "norms", count: count) { _ = $0.norms(x, count) },
      Kernel(name: "standardizeColumns", count: count) { $0.standardizeColumns(x, y, y, z, rows, columns) },
      Kernel(name: "scale", count: count) { $0.scale(x, 0.5, 0.1, z, count) },
      Kernel(name: "gate", count: count) { $0.gate(x, y, false, x, z, count) },
      Kernel(name: "copyColumns", count: count / 2) { $0.copyColumns(x, columns, z, columns, rows, columns / 2) },
      Kernel(name: "swapAxes", count: count) { $0.swapAxes(x, z, 1, rows, columns, 1) },
      Kernel(name: "movingAverage", count: count) { $0.movingAverage(x, 0.9, z, count) },
      Kernel(name: "allFinite", count: count) { _ = $0.allFinite(x, count) },
    ]
}

/// Of images of 14 x 14 pixels with 100 channels, half as many elements, with windows of 3 x 3.
private func images(
  _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ z: UnsafeMutablePointer<Float>
) -> [Kernel] {
  let (side, channels) = (14, 100)
  let count = side * side * channels
  let g = UnsafeMutablePointer<PatchGeometry>.allocate(capacity: 1)
  g.initialize(
    to: PatchGeometry(
      height: side, width: side, channels: channels, depth: channels, patchesDown: side, patchesAcross: side,
      kernelHeight: 3, kernelWidth: 3))
  (g.pointee.top, g.pointee.left) = (1, 1)
  let depthwise = DepthwiseArguments(
    geometry: g.pointee, imageCount: 1, channels: 0..<channels, multiplier: 1, weights: UnsafePointer(y))
  let bias = AffineArguments(offset: UnsafePointer(y), activation: ActivationFunction(.linear))
  // A convolution to as many channels; its 49 tiles, and its kernel, take more room than x and z have.
  let tiles = WinogradBlock(
    geometry: g.pointee, filterCount: channels, filters: 0..<channels, tiles: 0..<g.pointee.winogradTileCount)
  let (kernel, transformed) = (array(9 * channels * channels), array(16 * channels * channels))
  let (v, m) = (array(16 * tiles.inputStride), array(16 * tiles.outputStride))
  let larger = ResizeGeometry(
    height: side / 2, width: side / 2, channels: channels, resultHeight: side, resultWidth: side,
    interpolation: .bilinear)
  var turned = SampleGeometry(larger, .reflect, fillValue: 0)
  (turned.sizes.height, turned.sizes.width) = (side, side)
  let map = array(SampleGeometry.mapCount)
  for (index, value) in ([0.96, -0.28, 2.1, 0.28, 0.96, -1.6] as [Float]).enumerated() { map[index] = value }
  let (rows, statistics) = (side * side, array(9 * channels))  // as many as a kernel of 3 x 3 has weights
  let columns = NormalizationArguments(
    rows: rows, totalRows: rows, columns: channels, rowStride: channels, x: UnsafePointer(x), mean: UnsafePointer(y),
    deviation: UnsafePointer(y), scale: UnsafePointer(y))
  let sums = (UnsafePointer(y), UnsafePointer(y))
  let groups = GroupNormalizationArguments(
    rows: 1, places: rows, channels: channels, groups: 2, x: UnsafePointer(x), mean: statistics + 2 * channels,
    deviation: statistics + 3 * channels, gamma: UnsafePointer(y))
  return [
    Kernel(name: "tiles of 3 x 3, weights", count: 16 * channels * channels) {
      $0.winogradWeights(kernel, channels * channels, channels * channels, transformed)
    },
    Kernel(name: "tiles of 3 x 3, input", count: count) { $0.winogradInput(tiles, x, v) },
    Kernel(name: "tiles of 3 x 3, output", count: count) { $0.winogradOutput(tiles, m, bias, z) },
    Kernel(name: "depthwise 3 x 3", count: count) { $0.depthwise(depthwise, x, bias, z) },
    Kernel(name: "depthwise 3 x 3, dX", count: count) { $0.depthwiseInputGradient(depthwise, x, z) },
    Kernel(name: "depthwise 3 x 3, dW", count: count) { $0.depthwiseWeightGradient(depthwise, x, y, statistics) },
    Kernel(name: "maxPooling 3 x 3", count: count) { $0.maxPooling(g, 1, x, z) },
    Kernel(name: "maxPooling 3 x 3, gradient", count: count) { $0.maxPoolingGradient(g, 1, x, y, y, z) },
    Kernel(name: "averagePooling 3 x 3", count: count) { $0.averagePooling(g, 1, x, z) },
    Kernel(name: "averagePooling 3 x 3, gradient", count: count) { $0.averagePoolingGradient(g, 1, x, z) },
    Kernel(name: "resize", count: count) { $0.resize(larger, 1, x, z) },
    Kernel(name: "resize, gradient", count: count) { $0.resizeGradient(larger, 1, x, z) },
    Kernel(name: "sample", count: count) { $0.sample(turned, 1, map, x, z) },
    Kernel(name: "sample, gradient", count: count) { $0.sampleGradient(turned, 1, map, x, z) },
    Kernel(name: "columnMoments", count: count) {
      $0.columnMoments(x, channels, rows, channels, statistics, statistics + channels)
    },
    Kernel(name: "normalizationScale", count: channels) {
      $0.normalizationScale(y, 1e-3, y, statistics, statistics + channels, channels)
    },
    Kernel(name: "normalizationOffset", count: channels) {
      $0.normalizationOffset(y, y, y, y, statistics, channels)
    },
    Kernel(name: "normalizeColumns", count: count) { $0.normalizeColumns(columns, y, z) },
    Kernel(name: "normalizationSums", count: count) {
      $0.normalizationSums(columns, x, statistics, statistics + channels)
    },
    Kernel(name: "groupNormalization", count: count) { $0.groupNormalization(groups, 1e-3, y, z) },
    Kernel(name: "groupNormalizationSums", count: count) {
      $0.groupNormalizationSums(groups, 0..<channels, x, statistics, statistics + channels)
    },
    Kernel(name: "groupNormalizationGradient", count: count) { $0.groupNormalizationGradient(groups, x, z) },
    Kernel(name: "normalizationGradient", count: count) { $0.normalizationGradient(columns, sums, x, z) },
  ]
}

private func gathers(_ z: UnsafeMutablePointer<Float>) -> [Kernel] {
  let order = UnsafeMutablePointer<Int>.allocate(capacity: rows)
  for r in 0..<rows { order[r] = r * 37 % rows }
  let bytes = UnsafeMutableRawPointer.allocate(byteCount: 8 * count, alignment: 64)
  bytes.initializeMemory(as: UInt8.self, repeating: 0, count: 8 * count)
  let types: [SourceType] = [.uint8, .int32, .int64, .float32, .float64]
  return types.map { type in
    let source = SourceRows(bytes, type, columns: columns, rows: order, scale: 0.5, offset: 1)
    return Kernel(name: "gather, \(type)", count: count) { _ = $0.gather(source, rows, z) }
  }
}
