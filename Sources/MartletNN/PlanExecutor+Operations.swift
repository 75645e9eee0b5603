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
    case .winograd(let convolution): return work(of: convolution)
    case .transformKernel(_, let count, _):
      return min(count / 16, WinogradBlock.elementCount * count / Self.elementGrain)
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
    case .depthwise, .depthwiseInputGradient, .depthwiseWeightGradient, .columnMoments, .normalizationScale,
      .normalizationOffset, .normalizeColumns, .normalizationSums, .normalizationGradient, .groupNormalization,
      .groupNormalizationSums, .groupNormalizationGradient, .moveTowards, .maxPooling, .maxPoolingGradient,
      .averagePooling, .averagePoolingGradient, .spreadPixels, .resize, .resizeGradient:
      return workOnImages(operation)
    case .randomMaps, .sample, .sampleGradient, .adjustContrast, .clip, .erase: return workOnAugmentation(operation)
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
    case .winograd(let convolution): run(convolution, task)
    case .transformKernel(let x, let count, let y):
      let part = part(of: count, task: task, multiple: 16)
      kernels.winogradWeights(pointers[x] + part.lowerBound, count, part.count, pointers[y] + part.lowerBound)
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
    case .depthwise, .depthwiseInputGradient, .depthwiseWeightGradient, .columnMoments, .normalizationScale,
      .normalizationOffset, .normalizeColumns, .normalizationSums, .normalizationGradient, .groupNormalization,
      .groupNormalizationSums, .groupNormalizationGradient, .moveTowards, .maxPooling, .maxPoolingGradient,
      .averagePooling, .averagePoolingGradient, .spreadPixels, .resize, .resizeGradient:
      runImageTask(task)
    case .randomMaps, .sample, .sampleGradient, .adjustContrast, .clip, .erase: runAugmentationTask(task)
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
