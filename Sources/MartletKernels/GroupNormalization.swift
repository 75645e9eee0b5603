// Layer normalisation (Ba et al. 2016) and group normalisation (Wu and He 2018): the statistics are those of a row, or
// of a group of its channels. A row is in the cache while it is summed, summed again and written.

import MartletKernelInterface

/// The sum over a group of a row of what `term` makes of a vector of it: place by place, chunks of places added in
/// order.
@inline(always)
private func groupSum(
  _ places: Int, _ channels: Int, _ size: Int, _ term: (_ offset: Int, _ j: Int, _ lanes: Int) -> Vector
) -> Float {
  var total = Vector.zero
  var start = 0
  while start < places {
    let end = min(start + KC, places)
    var part = Vector.zero
    for place in start..<end {
      forEachVector(size) { j, lanes in part += term(place * channels + j, j, lanes) }
    }
    total += part
    start = end
  }
  return sum(total)
}

/// x - mean in the lanes that are there, 0 in the others.
@inline(always)
private func difference(_ x: UnsafePointer<Float>, _ mean: Float, _ lanes: Int) -> Vector {
  let whole = load(x, lanes) - mean
  if lanes == width { return whole }
  var part = Vector.zero
  for lane in 0..<lanes { part[lane] = whole[lane] }
  return part
}

func groupNormalization(
  _ n: GroupNormalizationArguments<Float>, _ epsilon: Float, _ beta: UnsafePointer<Float>?,
  _ y: UnsafeMutablePointer<Float>
) {
  let (size, rowSize) = (n.channels / n.groups, n.places * n.channels)
  let share = 1 / Float(n.places * size)
  for row in 0..<n.rows {
    for group in 0..<n.groups {
      let (x, y) = (n.x + row * rowSize + group * size, y + row * rowSize + group * size)
      let (gamma, beta) = (n.gamma.map { $0 + group * size }, beta.map { $0 + group * size })
      let mean = groupSum(n.places, n.channels, size) { offset, _, lanes in load(x + offset, lanes) } * share
      let squares = groupSum(n.places, n.channels, size) { offset, _, lanes in
        let d = difference(x + offset, mean, lanes)
        return d * d
      }
      let deviation = 1 / squareRoot(Vector(repeating: squares * share + epsilon))[0]
      (n.mean[row * n.groups + group], n.deviation[row * n.groups + group]) = (mean, deviation)
      for place in 0..<n.places {
        let offset = place * n.channels
        forEachVector(size) { j, lanes in
          var value = (load(x + offset + j, lanes) - mean) * deviation
          if let gamma { value *= load(gamma + j, lanes) }
          if let beta { value += load(beta + j, lanes) }
          store(value, y + offset + j, lanes)
        }
      }
    }
  }
}

func groupNormalizationSums(
  _ n: GroupNormalizationArguments<Float>, _ channels: Range<Int>, _ dY: UnsafePointer<Float>,
  _ dBeta: UnsafeMutablePointer<Float>, _ dGamma: UnsafeMutablePointer<Float>
) {
  let size = n.channels / n.groups
  for group in (channels.lowerBound / size)..<((channels.upperBound + size - 1) / size) {
    let first = max(channels.lowerBound, group * size)
    @inline(always)
    func addUp(_ j: Int, _ lanes: Int) {
      // Chunks of places, of one row after the other, added in their order.
      var (beta, gamma, partBeta, partGamma) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
      var count = 0
      for row in 0..<n.rows {
        let (mean, deviation) = (n.mean[row * n.groups + group], n.deviation[row * n.groups + group])
        for place in 0..<n.places {
          let i = (row * n.places + place) * n.channels + first + j
          let gradient = load(dY + i, lanes)
          partBeta += gradient
          partGamma += gradient * ((load(n.x + i, lanes) - mean) * deviation)
          count += 1
          if count == KC {
            (beta, gamma, partBeta, partGamma) = (beta + partBeta, gamma + partGamma, .zero, .zero)
            count = 0
          }
        }
      }
      store(beta + partBeta, dBeta + first + j, lanes)
      store(gamma + partGamma, dGamma + first + j, lanes)
    }
    forEachVector(min(channels.upperBound, (group + 1) * size) - first, addUp)
  }
}

func groupNormalizationGradient(
  _ n: GroupNormalizationArguments<Float>, _ dY: UnsafePointer<Float>, _ dX: UnsafeMutablePointer<Float>
) {
  let (size, rowSize) = (n.channels / n.groups, n.places * n.channels)
  let share = 1 / Float(n.places * size)
  for row in 0..<n.rows {
    for group in 0..<n.groups {
      let start = row * rowSize + group * size
      let (x, dY, dX) = (n.x + start, dY + start, dX + start)
      let gamma = n.gamma.map { $0 + group * size }
      let (mean, deviation) = (n.mean[row * n.groups + group], n.deviation[row * n.groups + group])
      @inline(always)
      func gradient(_ offset: Int, _ j: Int, _ lanes: Int) -> Vector {
        let gradient = load(dY + offset, lanes)
        return gamma.map { gradient * load($0 + j, lanes) } ?? gradient
      }
      let average = groupSum(n.places, n.channels, size, gradient) * share
      let slope =
        groupSum(n.places, n.channels, size) { offset, j, lanes in
          gradient(offset, j, lanes) * difference(x + offset, mean, lanes)
        } * share * deviation * deviation
      for place in 0..<n.places {
        forEachVector(size) { j, lanes in
          let offset = place * n.channels + j
          let rest = gradient(offset, j, lanes) - average - (load(x + offset, lanes) - mean) * slope
          store(rest * deviation, dX + offset, lanes)
        }
      }
    }
  }
}
