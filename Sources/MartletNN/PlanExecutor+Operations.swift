// One operation: how it is cut into tasks, and what each task computes. Every element of a result belongs to one task
// and is computed the same way whatever the cut, so the number of threads changes no bit.

import MartletCore
import MartletKernelInterface

extension PlanExecutor {
  /// Work for less than about 20 microseconds is not worth waking a thread: so many elements of an element-wise
  /// operation.
  static var elementGrain: Int { 1 << 15 }

  func run(_ operation: Operation) {
    self.operation = operation
    taskCount = max(1, min(threads, work(of: operation)))
    if case .matrixProduct(let product) = operation { return run(product) }
    runTasks(taskCount, threads: threads)
  }

  /// How many tasks an operation is worth.
  private func work(of operation: Operation) -> Int {
    switch operation {
    case .matrixProduct(let product): return work(of: product)
    case .activation(_, _, _, let count), .activationGradient(_, _, _, _, let count), .scale(_, _, _, _, let count),
      .combine(_, _, _, _, let count), .gate(_, _, _, _, _, let count), .penaltyGradient(_, _, _, _, let count),
      .clear(_, let count):
      return count.count(rows: rows) / Self.elementGrain
    case .dropoutMask(_, let count, _, _), .gaussianNoise(_, _, let count, _, _):
      return count.count(rows: rows) / (Self.elementGrain / 8)
    case .swapAxes(_, _, let blocks, let first, let second, let inner):
      return blocks.count(rows: rows) * first * second * inner / Self.elementGrain
    case .softmax(_, _, let rows, let columns), .softmaxGradient(_, _, _, let rows, let columns),
      .standardizeColumns(_, _, _, _, let rows, let columns):
      return rows.count(rows: self.rows) * columns / Self.elementGrain
    case .copyColumns(_, _, _, _, _, _, let rows, let columns):
      return rows.count(rows: self.rows) * columns / Self.elementGrain
    case .depthwise(let product, _, _, _, _), .depthwiseInputGradient(let product, _, _):
      return min(rows, rows * product.geometry.patchCount * product.geometry.patchSize / Self.elementGrain)
    case .depthwiseWeightGradient(let product, _, _, _, _):
      return min(
        product.geometry.channels / 16,
        rows * product.geometry.patchCount * product.geometry.patchSize / Self.elementGrain)
    case .columnMoments(_, let extent, let columns, _, _):
      return min(columns / 16, extent.count(rows: rows) * columns / Self.elementGrain)
    case .normalizationSums(let normalized, _, _, _):
      return min(normalized.columns / 16, normalized.rows.count(rows: rows) * normalized.columns / Self.elementGrain)
    case .normalizeColumns(let normalized, _, _), .normalizationGradient(let normalized, _, _, _):
      return normalized.rows.count(rows: rows) * normalized.columns / Self.elementGrain
    case .normalizationScale, .moveTowards: return 1
    case .maxPooling(let geometry, _, _), .averagePooling(let geometry, _, _),
      .maxPoolingGradient(let geometry, _, _, _, _), .averagePoolingGradient(let geometry, _, _):
      return min(rows, rows * geometry.patchCount * geometry.patchSize / Self.elementGrain)
    case .update(let parameter, _), .movingAverage(let parameter):
      return plan.layout.parameters[parameter].count / Self.elementGrain
    case .columnSums(_, let rows, let columns, _, _):
      return min(columns / tileMultiple, rows.count(rows: self.rows) * columns / Self.elementGrain)
    case .constrain(let constraint, _): return work(of: constraint)
    }
  }

  /// The part of `count` units that belongs to a task; all but the last part are multiples of `multiple`.
  func part(of count: Int, task: Int, multiple: Int = 1) -> Range<Int> {
    let units = (count + multiple - 1) / multiple
    let low = min(count, units * task / taskCount * multiple)
    let high = min(count, units * (task + 1) / taskCount * multiple)
    return low..<high
  }

  func runTaskOfOperation(_ task: Int) {
    switch operation {
    case .matrixProduct(let product): run(product, task)
    case .activation(let function, let x, let y, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      kernels.activation(function, pointers[x] + part.lowerBound, pointers[y] + part.lowerBound, part.count)
    case .activationGradient(let function, let v, let dY, let dX, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      kernels.activationGradient(
        function, pointers[v] + part.lowerBound, pointers[dY] + part.lowerBound, pointers[dX] + part.lowerBound,
        part.count)
    case .softmax(let x, let y, let extent, let columns):
      let part = part(of: extent.count(rows: rows), task: task)
      let offset = part.lowerBound * columns
      kernels.softmax(pointers[x] + offset, pointers[y] + offset, part.count, columns)
    case .softmaxGradient(let y, let dY, let dX, let extent, let columns):
      let part = part(of: extent.count(rows: rows), task: task)
      let offset = part.lowerBound * columns
      kernels.softmaxGradient(
        pointers[y] + offset, pointers[dY] + offset, pointers[dX] + offset, part.count, columns)
    case .scale(let x, let scale, let offset, let y, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      kernels.scale(pointers[x] + part.lowerBound, scale, offset, pointers[y] + part.lowerBound, part.count)
    case .standardizeColumns(let x, let mean, let factor, let y, let extent, let columns):
      let part = part(of: extent.count(rows: rows), task: task)
      let first = part.lowerBound * columns
      kernels.standardizeColumns(
        pointers[x] + first, pointers[mean], pointers[factor], pointers[y] + first, part.count, columns)
    case .dropoutMask(let mask, let count, let rate, let stream):
      fillMask(pointers[mask], part(of: count.count(rows: rows), task: task, multiple: 16), rate, stream)
    case .gaussianNoise(let x, let y, let count, let standardDeviation, let stream):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      addNoise(pointers[x], pointers[y], part, standardDeviation, stream)
    case .penaltyGradient(let x, let l1, let l2, let dX, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      let gradient = pointers[dX] + part.lowerBound
      gradient.update(repeating: 0, count: part.count)
      kernels.addRegularizationGradient(
        perRow(l1), perRow(l2), pointers[x] + part.lowerBound, gradient, part.count)
    case .swapAxes(let x, let y, let blocks, let first, let second, let inner):
      let part = part(of: blocks.count(rows: rows), task: task)
      let offset = part.lowerBound * first * second * inner
      kernels.swapAxes(pointers[x] + offset, pointers[y] + offset, part.count, first, second, inner)
    case .combine(let combination, let a, let b, let y, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      kernels.combine(
        combination, pointers[a] + part.lowerBound, pointers[b] + part.lowerBound, pointers[y] + part.lowerBound,
        part.count)
    case .gate(let a, let b, let whereEqual, let x, let y, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      kernels.gate(
        pointers[a] + part.lowerBound, pointers[b] + part.lowerBound, whereEqual, pointers[x] + part.lowerBound,
        pointers[y] + part.lowerBound, part.count)
    case .clear(let x, let count):
      let part = part(of: count.count(rows: rows), task: task, multiple: 16)
      (pointers[x] + part.lowerBound).update(repeating: 0, count: part.count)
    case .copyColumns(let x, let xColumn, let xStride, let y, let yColumn, let yStride, let extent, let columns):
      let part = part(of: extent.count(rows: rows), task: task)
      kernels.copyColumns(
        pointers[x] + part.lowerBound * xStride + xColumn, xStride, pointers[y] + part.lowerBound * yStride + yColumn,
        yStride, part.count, columns)
    case .depthwise(let product, let x, let bias, let function, let y):
      let images = part(of: rows, task: task)
      kernels.depthwise(
        arguments(product, images: images.count, 0..<product.geometry.channels),
        pointers[x] + images.lowerBound * product.geometry.imageSize, bias.map { UnsafePointer(pointers[$0]) },
        function, pointers[y] + images.lowerBound * product.geometry.patchCount * product.outputs)
    case .depthwiseInputGradient(let product, let dY, let dX):
      let images = part(of: rows, task: task)
      kernels.depthwiseInputGradient(
        arguments(product, images: images.count, 0..<product.geometry.channels),
        pointers[dY] + images.lowerBound * product.geometry.patchCount * product.outputs,
        pointers[dX] + images.lowerBound * product.geometry.imageSize)
    case .depthwiseWeightGradient(let product, let x, let dY, let dW, let parameter):
      let channels = part(of: product.geometry.channels, task: task, multiple: 16)
      kernels.depthwiseWeightGradient(
        arguments(product, images: rows, channels), pointers[x], pointers[dY], pointers[dW])
      guard plan.sink == .update, let rule, let parameter else { return }
      for tap in 0..<(product.geometry.kernelHeight * product.geometry.kernelWidth) {
        let offset = tap * product.outputs + channels.lowerBound * product.multiplier
        kernels.update(
          rule.pointee, target(parameter, offset: offset), pointers[dW] + offset, channels.count * product.multiplier)
      }
    case .columnMoments(let x, let extent, let columns, let mean, let variance):
      let part = part(of: columns, task: task, multiple: 16)
      kernels.columnMoments(
        pointers[x] + part.lowerBound, columns, extent.count(rows: rows), part.count,
        pointers[mean] + part.lowerBound, pointers[variance] + part.lowerBound)
    case .normalizationScale(let variance, let epsilon, let gamma, let deviation, let scale, let columns):
      kernels.normalizationScale(
        pointers[variance], epsilon, gamma.map { UnsafePointer(pointers[$0]) }, pointers[deviation], pointers[scale],
        columns)
    case .normalizeColumns(let normalized, let offset, let y):
      let part = part(of: normalized.rows.count(rows: rows), task: task)
      kernels.normalizeColumns(
        arguments(normalized, rows: part), offset.map { UnsafePointer(pointers[$0]) },
        pointers[y] + part.lowerBound * normalized.columns)
    case .normalizationSums(let normalized, let dY, let dOffset, let dGamma):
      let part = part(of: normalized.columns, task: task, multiple: 16)
      kernels.normalizationSums(
        arguments(normalized, columns: part), pointers[dY] + part.lowerBound, pointers[dOffset] + part.lowerBound,
        pointers[dGamma] + part.lowerBound)
    case .normalizationGradient(let normalized, let sums, let dY, let dX):
      let part = part(of: normalized.rows.count(rows: rows), task: task)
      let offset = part.lowerBound * normalized.columns
      kernels.normalizationGradient(
        arguments(normalized, rows: part),
        sums.map { (UnsafePointer(pointers[$0.dOffset]), UnsafePointer(pointers[$0.dGamma])) },
        pointers[dY] + offset, pointers[dX] + offset)
    case .moveTowards(let x, let momentum, let y, let count):
      kernels.movingAverage(pointers[x], momentum, pointers[y], count)
    case .maxPooling(let geometry, let x, let y):
      withImages(geometry, task) { geometry, images in
        kernels.maxPooling(
          geometry, images.count, pointers[x] + images.lowerBound * geometry.pointee.imageSize,
          pointers[y] + images.lowerBound * geometry.pointee.pooledSize)
      }
    case .averagePooling(let geometry, let x, let y):
      withImages(geometry, task) { geometry, images in
        kernels.averagePooling(
          geometry, images.count, pointers[x] + images.lowerBound * geometry.pointee.imageSize,
          pointers[y] + images.lowerBound * geometry.pointee.pooledSize)
      }
    case .maxPoolingGradient(let geometry, let x, let y, let dY, let dX):
      withImages(geometry, task) { geometry, images in
        let (pixel, patch) = (
          images.lowerBound * geometry.pointee.imageSize, images.lowerBound * geometry.pointee.pooledSize
        )
        kernels.maxPoolingGradient(
          geometry, images.count, pointers[x] + pixel, pointers[y] + patch, pointers[dY] + patch, pointers[dX] + pixel)
      }
    case .averagePoolingGradient(let geometry, let dY, let dX):
      withImages(geometry, task) { geometry, images in
        kernels.averagePoolingGradient(
          geometry, images.count, pointers[dY] + images.lowerBound * geometry.pointee.pooledSize,
          pointers[dX] + images.lowerBound * geometry.pointee.imageSize)
      }
    case .update(let parameter, let gradient):
      let part = part(of: plan.layout.parameters[parameter].count, task: task, multiple: 16)
      update(parameter, gradient, part)
    case .movingAverage(let parameter):
      average(parameter, part(of: plan.layout.parameters[parameter].count, task: task, multiple: 16))
    case .columnSums(let x, let extent, let columns, let sums, let parameter):
      let part = part(of: columns, task: task, multiple: 16)
      runColumnSums(x, extent.count(rows: rows), columns, part, sums, parameter)
    case .constrain(let constraint, let parameter): run(constraint, parameter, task)
    }
  }

  private func arguments(
    _ product: DepthwiseProduct, images: Int, _ channels: Range<Int>
  ) -> DepthwiseArguments<Scalar> {
    DepthwiseArguments(
      geometry: product.geometry, imageCount: images, channels: channels, multiplier: product.multiplier,
      weights: pointers[product.weights])
  }

  /// A part of some columns with their statistics: of the rows, or of the columns.
  private func arguments(
    _ n: NormalizedColumns, rows rowPart: Range<Int>? = nil, columns columnPart: Range<Int>? = nil
  ) -> NormalizationArguments<Scalar> {
    let total = n.rows.count(rows: rows)
    let (rowPart, columnPart) = (rowPart ?? 0..<total, columnPart ?? 0..<n.columns)
    let j = columnPart.lowerBound
    return NormalizationArguments(
      rows: rowPart.count, totalRows: total, columns: columnPart.count, rowStride: n.columns,
      x: pointers[n.x] + rowPart.lowerBound * n.columns + j, mean: pointers[n.mean] + j,
      deviation: pointers[n.deviation] + j, scale: pointers[n.scale] + j)
  }

  /// Call `body` with those rows of the batch, images, that belong to a task.
  private func withImages(
    _ geometry: PatchGeometry, _ task: Int, _ body: (UnsafePointer<PatchGeometry>, Range<Int>) -> Void
  ) {
    withUnsafePointer(to: geometry) { body($0, part(of: rows, task: task)) }
  }

  /// The strength of a penalty that is averaged over the rows of the batch.
  private func perRow(_ strength: Float) -> Float { Float(Double(strength) / Double(rows)) }

  private func runColumnSums(
    _ x: BufferID, _ rowCount: Int, _ columns: Int, _ part: Range<Int>, _ sums: BufferID, _ parameter: Int?
  ) {
    let destination = pointers[sums] + part.lowerBound
    kernels.columnSums(pointers[x] + part.lowerBound, columns, rowCount, part.count, destination)
    if plan.sink == .update, let rule, let parameter {
      kernels.update(rule.pointee, target(parameter, offset: part.lowerBound), destination, part.count)
    }
  }

  private func update(_ parameter: Int, _ gradient: BufferID?, _ part: Range<Int>) {
    guard let rule else { return }
    var target = target(parameter, offset: part.lowerBound)
    if let gradient {
      kernels.update(rule.pointee, target, pointers[gradient] + part.lowerBound, part.count)
    } else if let gradients {
      (target.l1, target.l2) = (0, 0)
      kernels.update(
        rule.pointee, target, gradients + plan.layout.parameters[parameter].offset + part.lowerBound, part.count)
    }
  }

  private func average(_ parameter: Int, _ part: Range<Int>) {
    guard let average else { return }
    let start = plan.layout.parameters[parameter].offset + part.lowerBound
    kernels.movingAverage(parameters + start, average.momentum, average.values + start, part.count)
    if average.replacesWeights { (parameters + start).update(from: average.values + start, count: part.count) }
  }

  /// The weights of a parameter with their state and regularisation, from element `offset` on.
  func target(_ index: Int, offset: Int) -> UpdateTarget<Scalar> {
    let parameter = plan.layout.parameters[index]
    let start = parameter.offset + offset
    return UpdateTarget(
      weights: parameters + start, slot0: slots.first.map { $0 + start }, slot1: slots.second.map { $0 + start },
      slot2: slots.third.map { $0 + start }, l1: parameter.regularizer.l1, l2: parameter.regularizer.l2)
  }
}
