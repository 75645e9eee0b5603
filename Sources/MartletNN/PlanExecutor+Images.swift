// Operations of layers over images: how they are cut into tasks, and what each task computes. Most are cut by images;
// what is summed over all rows, by channels, and so are depthwise convolutions of fewer images than tasks.

import MartletCore
import MartletKernelInterface

extension PlanExecutor {
  /// How many tasks an operation on images is worth.
  func workOnImages(_ operation: Operation) -> Int {
    switch operation {
    case .depthwise(let product, _, _, _), .depthwiseInputGradient(let product, _, _):
      return workOnWindows(product.geometry, most: max(rows, product.geometry.channels / 16))
    case .depthwiseWeightGradient(let product, _, _, _, _):
      return workOnWindows(product.geometry, most: product.geometry.channels / 16)
    case .columnMoments(_, let extent, let columns, _, _):
      return min(columns / 16, extent.count(rows: rows) * columns / Self.elementGrain)
    case .normalizationSums(let normalized, _, _, _):
      return min(normalized.columns / 16, normalized.rows.count(rows: rows) * normalized.columns / Self.elementGrain)
    case .normalizeColumns(let normalized, _, _), .normalizationGradient(let normalized, _, _, _):
      return normalized.rows.count(rows: rows) * normalized.columns / Self.elementGrain
    case .groupNormalization(let normalized, _, _, _), .groupNormalizationGradient(let normalized, _, _):
      let count = normalized.rows.count(rows: rows)
      return min(count, count * normalized.places * normalized.channels / Self.elementGrain)
    case .groupNormalizationSums(let normalized, _, _, _):
      let count = normalized.rows.count(rows: rows)
      return min(normalized.channels / 16, count * normalized.places * normalized.channels / Self.elementGrain)
    case .normalizationScale, .normalizationOffset, .moveTowards: return 1
    case .maxPooling(let geometry, _, _), .averagePooling(let geometry, _, _),
      .maxPoolingGradient(let geometry, _, _, _, _), .averagePoolingGradient(let geometry, _, _):
      return workOnWindows(geometry, most: rows)
    case .spreadPixels(let geometry, _, _, _): return min(rows, rows * geometry.imageSize / Self.elementGrain)
    case .resize(let geometry, _, _), .resizeGradient(let geometry, _, _):
      return min(rows, rows * max(geometry.imageSize, geometry.resultSize) / Self.elementGrain)
    default: return 1
    }
  }

  /// The same where each element is made from a window, which counts as far as it can lie in the image. Windows are not
  /// in memory, which would keep this number within the integers.
  private func workOnWindows(_ g: PatchGeometry, most: Int) -> Int {
    let window = Double(min(g.kernelHeight, g.height)) * Double(min(g.kernelWidth, g.width))
    return Int(min(Double(rows) * Double(g.pooledSize) * window / Double(Self.elementGrain), Double(most)))
  }

  func runImageTask(_ task: Int) {
    switch operation {
    case .depthwise(let product, let x, let epilogue, let y):
      let (images, channels) = partOfDepthwise(product, task)
      let offset = images.lowerBound * product.geometry.patchCount * product.outputs
      kernels.depthwise(
        arguments(product, images: images.count, channels),
        pointers[x] + images.lowerBound * product.geometry.imageSize, arguments(epilogue, column: 0, offset: offset),
        pointers[y] + offset)
    case .depthwiseInputGradient(let product, let dY, let dX):
      let (images, channels) = partOfDepthwise(product, task)
      kernels.depthwiseInputGradient(
        arguments(product, images: images.count, channels),
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
    case .normalizationOffset(let mean, let scale, let bias, let beta, let offset, let columns):
      kernels.normalizationOffset(
        pointers[mean], pointers[scale], bias.map { UnsafePointer(pointers[$0]) },
        beta.map { UnsafePointer(pointers[$0]) }, pointers[offset], columns)
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
    case .groupNormalization(let normalized, let epsilon, let beta, let y):
      let part = part(of: normalized.rows.count(rows: rows), task: task)
      kernels.groupNormalization(
        arguments(normalized, part), epsilon, beta.map { UnsafePointer(pointers[$0]) },
        pointers[y] + part.lowerBound * normalized.places * normalized.channels)
    case .groupNormalizationSums(let normalized, let dY, let dBeta, let dGamma):
      kernels.groupNormalizationSums(
        arguments(normalized, 0..<normalized.rows.count(rows: rows)),
        part(of: normalized.channels, task: task, multiple: 16), pointers[dY], pointers[dBeta], pointers[dGamma])
    case .groupNormalizationGradient(let normalized, let dY, let dX):
      let part = part(of: normalized.rows.count(rows: rows), task: task)
      let offset = part.lowerBound * normalized.places * normalized.channels
      kernels.groupNormalizationGradient(arguments(normalized, part), pointers[dY] + offset, pointers[dX] + offset)
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
    case .spreadPixels(let geometry, let x, let y, let adds):
      for image in part(of: rows, task: task) {
        spreadPixels(
          geometry, pointers[x] + image * geometry.pooledSize, pointers[y] + image * geometry.imageSize, adds: adds)
      }
    case .resize(let geometry, let x, let y):
      let images = part(of: rows, task: task)
      kernels.resize(
        geometry, images.count, pointers[x] + images.lowerBound * geometry.imageSize,
        pointers[y] + images.lowerBound * geometry.resultSize)
    case .resizeGradient(let geometry, let dY, let dX):
      let images = part(of: rows, task: task)
      kernels.resizeGradient(
        geometry, images.count, pointers[dY] + images.lowerBound * geometry.resultSize,
        pointers[dX] + images.lowerBound * geometry.imageSize)
    default: break
    }
  }

  /// The images and channels of a task of a depthwise convolution: all of one of the two.
  private func partOfDepthwise(_ product: DepthwiseProduct, _ task: Int) -> (images: Range<Int>, channels: Range<Int>) {
    let channels = product.geometry.channels
    return rows < taskCount
      ? (0..<rows, part(of: channels, task: task, multiple: 16)) : (part(of: rows, task: task), 0..<channels)
  }

  private func arguments(
    _ product: DepthwiseProduct, images: Int, _ channels: Range<Int>
  ) -> DepthwiseArguments<Scalar> {
    DepthwiseArguments(
      geometry: product.geometry, imageCount: images, channels: channels, multiplier: product.multiplier,
      weights: pointers[product.weights])
  }

  private func arguments(_ n: NormalizedGroups, _ rows: Range<Int>) -> GroupNormalizationArguments<Scalar> {
    GroupNormalizationArguments(
      rows: rows.count, places: n.places, channels: n.channels, groups: n.groups,
      x: pointers[n.x] + rows.lowerBound * n.places * n.channels, mean: pointers[n.mean] + rows.lowerBound * n.groups,
      deviation: pointers[n.deviation] + rows.lowerBound * n.groups, gamma: n.gamma.map { UnsafePointer(pointers[$0]) })
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

  private func spreadPixels(
    _ g: PatchGeometry, _ x: UnsafePointer<Scalar>, _ image: UnsafeMutablePointer<Scalar>, adds: Bool
  ) {
    if !adds { image.update(repeating: 0, count: g.imageSize) }
    for i in 0..<g.patchesDown {
      for j in 0..<g.patchesAcross {
        let pixel = image + (i * g.strideY * g.width + j * g.strideX) * g.channels
        let source = x + (i * g.patchesAcross + j) * g.channels
        if adds {
          kernels.combine(.add, pixel, source, pixel, g.channels)
        } else {
          pixel.update(from: source, count: g.channels)
        }
      }
    }
  }
}
