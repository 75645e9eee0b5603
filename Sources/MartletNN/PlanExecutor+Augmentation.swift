// Operations that change images at random: how they are cut into tasks, by images, and what each task computes. What is
// drawn for an image depends on the seed, the step, the node and its position in the batch only.

import MartletCore
import MartletKernelInterface

extension PlanExecutor {
  /// How many tasks an operation is worth.
  func workOnAugmentation(_ operation: Operation) -> Int {
    switch operation {
    case .sample(let geometry, _, _, _), .sampleGradient(let geometry, _, _, _):
      return min(rows, rows * max(geometry.sizes.imageSize, geometry.sizes.resultSize) / (Self.elementGrain / 4))
    case .adjustContrast(_, _, _, _, let places, let channels, _):
      return min(rows, rows * places * channels / Self.elementGrain)
    case .clip(_, _, _, _, let count): return count.count(rows: rows) / Self.elementGrain
    case .erase(let boxes, _, _):
      return min(rows, rows * boxes.height * boxes.width * boxes.channels / (Self.elementGrain / 8))
    default: return 1
    }
  }

  func runAugmentationTask(_ task: Int) {
    switch operation {
    case .randomMaps(let map, let sizes, let maps, let stream):
      let source = source(stream)
      for row in 0..<rows {
        let coefficients = map.coefficients(source.words(at: UInt64(row)), sizes)
        for index in 0..<SampleGeometry.mapCount {
          pointers[maps][row * SampleGeometry.mapCount + index] = Scalar(coefficients[index])
        }
      }
    case .sample(let geometry, let maps, let x, let y):
      let images = part(of: rows, task: task)
      kernels.sample(
        geometry, images.count, pointers[maps] + images.lowerBound * SampleGeometry.mapCount,
        pointers[x] + images.lowerBound * geometry.sizes.imageSize,
        pointers[y] + images.lowerBound * geometry.sizes.resultSize)
    case .sampleGradient(let geometry, let maps, let dY, let dX):
      let images = part(of: rows, task: task)
      kernels.sampleGradient(
        geometry, images.count, pointers[maps] + images.lowerBound * SampleGeometry.mapCount,
        pointers[dY] + images.lowerBound * geometry.sizes.resultSize,
        pointers[dX] + images.lowerBound * geometry.sizes.imageSize)
    case .adjustContrast(let factor, let x, let statistics, let y, let places, let channels, let stream):
      let source = source(stream)
      for row in part(of: rows, task: task) {
        let offset = row * places * channels
        let contrast = 1 - factor.lower + (factor.lower + factor.upper) * unit(source.words(at: UInt64(row))[0])
        adjustContrast(
          pointers[x] + offset, Scalar(contrast), pointers[statistics] + row * 3 * channels, pointers[y] + offset,
          places, channels)
      }
    case .clip(let x, let low, let high, let y, let count):
      let (low, high) = (Scalar(low), Scalar(high))
      for index in part(of: count.count(rows: rows), task: task, multiple: 16) {
        pointers[y][index] = max(low, min(pointers[x][index], high))
      }
    case .erase(let boxes, let x, let stream):
      let source = source(stream)
      for row in part(of: rows, task: task) { erase(boxes, pointers[x], row, source) }
    default: break
    }
  }

  /// y = (x - mean) contrast + mean, with the mean of each channel.
  private func adjustContrast(
    _ x: UnsafePointer<Scalar>, _ contrast: Scalar, _ statistics: UnsafeMutablePointer<Scalar>,
    _ y: UnsafeMutablePointer<Scalar>, _ places: Int, _ channels: Int
  ) {
    let (mean, scale) = (statistics, statistics + 2 * channels)
    kernels.columnMoments(x, channels, places, channels, mean, statistics + channels)
    scale.update(repeating: contrast, count: channels)
    kernels.normalizeColumns(
      NormalizationArguments(
        rows: places, totalRows: places, columns: channels, rowStride: channels, x: x, mean: mean, deviation: scale,
        scale: scale), mean, y)
  }

  /// Fill the box of an image, if it has one.
  private func erase(_ boxes: ErasedBoxes, _ x: UnsafeMutablePointer<Scalar>, _ row: Int, _ source: RandomSource) {
    let (shape, decision) = (source.words(at: UInt64(2 * row)), source.words(at: UInt64(2 * row + 1)))
    guard unit(decision[1]) < boxes.factor.value(decision[0]) else { return }
    let across = boxes.span(boxes.width, scale: shape[0], place: shape[2])
    let down = boxes.span(boxes.height, scale: shape[1], place: shape[3])
    // Far from the words above: there are not so many rows.
    let firstNormal = UInt64(1) << 60
    func clipped(_ value: Float) -> Scalar { Scalar(max(boxes.low, min(value, boxes.high))) }
    for i in down {
      let line = (row * boxes.height + i) * boxes.width
      for element in ((line + across.lowerBound) * boxes.channels)..<((line + across.upperBound) * boxes.channels) {
        switch boxes.fill {
        case .noise: x[element] = clipped(Float(source.normal(at: firstNormal + UInt64(element)) * Double(boxes.high)))
        case .value(let value): x[element] = clipped(value)
        case .values(let values): x[element] = clipped(values[element % boxes.channels])
        }
      }
    }
  }
}
