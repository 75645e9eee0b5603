// Inputs with targets: two row sources, and which of their rows count in which order. Datasets made from one another share
// the sources.

import MartletCore

package struct Dataset: Sendable {
  package let x: any RowSource
  package let y: (any RowSource)?

  /// Training feeds x * scale + offset.
  package var scale: Float = 1
  package var offset: Float = 0

  /// What labels 0, 1, … stand for; empty if not known.
  package var classNames: [String] = []

  /// The order of the source rows; nil for as they are. Shared by the datasets made from this one.
  private var order: TensorStorage?

  /// Positions in that order which belong to this dataset.
  private var range: Range<Int>

  /// - Throws: `invalidArgument` if there are no rows, or x and y differ in their number.
  package init(x: any RowSource, y: (any RowSource)?) throws(MartletError) {
    guard x.rowCount > 0 else { throw MartletError(.invalidArgument, "x has no rows") }
    if let y, y.rowCount != x.rowCount {
      throw MartletError(.invalidArgument, "x has \(x.rowCount) rows and y has \(y.rowCount)")
    }
    self.x = x
    self.y = y
    range = 0..<x.rowCount
  }

  package var count: Int { range.count }

  /// The source row that is row `index` here.
  package func sourceRow(_ index: Int) -> Int {
    let position = range.lowerBound + index
    return order?.pointer(as: Int.self)[position] ?? position
  }

  /// - Throws: `invalidArgument` unless 0 <= begin < end <= count.
  package func rows(_ begin: Int, _ end: Int) throws(MartletError) -> Dataset {
    guard begin >= 0, begin < end, end <= count else {
      throw MartletError(
        .invalidArgument, "rows \(begin) to \(end) are not a range of a dataset with \(count) rows")
    }
    return selecting(begin..<end)
  }

  /// The rows before the last `round(count * fraction)`, and those.
  ///
  /// - Throws: `invalidArgument` if the fraction is outside (0, 1) or a part would be empty.
  package func split(
    fraction: Double, shuffle: Bool, seed: UInt64
  ) throws(MartletError) -> (first: Dataset, second: Dataset) {
    guard fraction > 0, fraction < 1 else {
      throw MartletError(.invalidArgument, "fraction is \(fraction); it must be between 0 and 1")
    }
    let secondCount = Int((Double(count) * fraction).rounded())
    guard secondCount > 0, secondCount < count else {
      throw MartletError(
        .invalidArgument, "a fraction of \(fraction) of \(count) rows leaves one part empty")
    }
    var source = self
    if shuffle {
      let order = try TensorStorage(count: count, of: Int.self, purpose: "the order of \(count) rows")
      let rows = order.pointer(as: Int.self)
      RandomSource(seed: seed, stream: RandomStream.split).permutation(into: rows, count: count)
      for index in 0..<count { rows[index] = sourceRow(rows[index]) }
      source.order = order
      source.range = 0..<count
    }
    let border = count - secondCount
    return (source.selecting(0..<border), source.selecting(border..<count))
  }

  private func selecting(_ positions: Range<Int>) -> Dataset {
    var result = self
    result.range = (range.lowerBound + positions.lowerBound)..<(range.lowerBound + positions.upperBound)
    return result
  }
}

/// Streams of random numbers that training draws from, beside those of the initialisers and dropout.
package enum RandomStream {
  package static let split: UInt64 = 1 << 62
  package static let shuffle: UInt64 = 1 << 63
}
