// Dropout masks and noise. An element depends on the seed, the step, the node and its index in the batch only.

import MartletCore

extension PlanExecutor {
  func fillMask(_ mask: UnsafeMutablePointer<Scalar>, _ part: Range<Int>, _ rate: Double, _ stream: UInt64) {
    let source = source(stream)
    forEachChunk(of: part) { floats, start, count in
      source.fillDropoutMask(floats, from: start, count: count, rate: rate)
      for index in 0..<count { mask[start + index] = Scalar(floats[index]) }
    }
  }

  func addNoise(
    _ x: UnsafePointer<Scalar>, _ y: UnsafeMutablePointer<Scalar>, _ part: Range<Int>, _ standardDeviation: Double,
    _ stream: UInt64
  ) {
    let source = source(stream)
    forEachChunk(of: part) { floats, start, count in
      source.fillNormal(floats, from: start, count: count, stddev: Float(standardDeviation))
      for index in 0..<count { y[start + index] = x[start + index] + Scalar(floats[index]) }
    }
  }

  func source(_ stream: UInt64) -> RandomSource {
    RandomSource(seed: dropoutSeed, stream: stream << 48 | (step & 0xFFFF_FFFF_FFFF))
  }

  /// Room for the next numbers of a part, a chunk at a time.
  private func forEachChunk(
    of part: Range<Int>, _ body: (_ floats: UnsafeMutablePointer<Float>, _ start: Int, _ count: Int) -> Void
  ) {
    let chunk = 256  // 1 KiB: more than that Swift would take from the heap
    withUnsafeTemporaryAllocation(of: Float.self, capacity: chunk) { buffer in
      guard let floats = buffer.baseAddress else { return }
      for start in stride(from: part.lowerBound, to: part.upperBound, by: chunk) {
        body(floats, start, min(chunk, part.upperBound - start))
      }
    }
  }
}
