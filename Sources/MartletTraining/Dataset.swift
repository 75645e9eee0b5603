// Inputs with targets and the weights of the rows: any number of arrays with the same number of rows. Datasets made
// from one another share the sources.

import MartletCore

package struct Dataset: Sendable {
  package private(set) var inputs: [DatasetArray]
  package private(set) var targets: [DatasetArray]

  /// What the losses of the rows are multiplied by, [N]; nil for 1.
  package private(set) var sampleWeights: DatasetArray?

  /// What labels 0, 1, … stand for; empty if not known.
  package var classNames: [String] = []

  package let count: Int

  /// - Throws: `invalidArgument` if there are neither x nor y, no rows, or x and y differ in their number.
  package init(x: (any RowSource)?, y: (any RowSource)?) throws(MartletError) {
    guard let first = x ?? y else { throw MartletError(.invalidArgument, "there is neither x nor y") }
    guard first.rowCount > 0 else { throw MartletError(.invalidArgument, "\(x == nil ? "y" : "x") has no rows") }
    if let y, y.rowCount != first.rowCount {
      throw MartletError(.invalidArgument, "x has \(first.rowCount) rows and y has \(y.rowCount)")
    }
    inputs = x.map { [DatasetArray($0)] } ?? []
    targets = y.map { [DatasetArray($0)] } ?? []
    count = first.rowCount
  }

  private init(inputs: [DatasetArray], targets: [DatasetArray], sampleWeights: DatasetArray?, count: Int) {
    self.inputs = inputs
    self.targets = targets
    self.sampleWeights = sampleWeights
    self.count = count
  }

  /// Rows of several datasets side by side: the inputs of all in order, then the targets of all. Sample weights come
  /// from the one dataset that has some, class names from the first that does.
  ///
  /// - Throws: `invalidArgument` if there is no dataset, they differ in their rows, or two have sample weights.
  package static func zip(_ datasets: [Dataset]) throws(MartletError) -> Dataset {
    guard let first = datasets.first else { throw MartletError(.invalidArgument, "there is no dataset to zip") }
    for (index, dataset) in datasets.enumerated() where dataset.count != first.count {
      throw MartletError(
        .invalidArgument, "datasets[\(index)] has \(dataset.count) rows and datasets[0] has \(first.count)")
    }
    let weighted = datasets.indices.filter { datasets[$0].sampleWeights != nil }
    guard weighted.count <= 1 else {
      throw MartletError(
        .invalidArgument,
        "datasets[\(weighted[0])] and datasets[\(weighted[1])] both have sample weights; set them after zipping")
    }
    var result = Dataset(
      inputs: datasets.flatMap(\.inputs), targets: datasets.flatMap(\.targets),
      sampleWeights: weighted.first.flatMap { datasets[$0].sampleWeights }, count: first.count)
    result.classNames = datasets.first { !$0.classNames.isEmpty }?.classNames ?? []
    return result
  }

  /// Feed x * scale + offset.
  ///
  /// - Throws: `invalidState` unless there is exactly one x.
  package mutating func setScaling(scale: Float, offset: Float) throws(MartletError) {
    _ = try onlyInput("be scaled")
    inputs[0].scale = scale
    inputs[0].offset = offset
  }

  /// The one input.
  ///
  /// - Throws: `invalidState` unless there is exactly one x.
  func onlyInput(_ purpose: String) throws(MartletError) -> DatasetArray {
    guard inputs.count == 1 else {
      throw MartletError(
        .invalidState,
        "the dataset has \(inputs.count) x; only a dataset with one can \(purpose), before it is zipped")
    }
    return inputs[0]
  }

  /// Multiply the losses of the rows; nil for not at all. Values are checked when they are used, as those of x and y.
  ///
  /// - Throws: `invalidArgument` unless there is one number for each row.
  package mutating func setSampleWeights(_ source: (any RowSource)?) throws(MartletError) {
    if let source, source.rowCount != count || source.rowShape.elementCount != 1 {
      throw MartletError(
        .invalidArgument,
        "weights has shape \(Shape.describe([source.rowCount] + source.rowShape.dimensions)); the dataset has "
          + "\(count) rows, so [\(count)] is expected")
    }
    sampleWeights = source.map { DatasetArray($0) }
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
    let source = shuffle ? try shuffled(seed: seed) : self
    let border = count - secondCount
    return (source.selecting(0..<border), source.selecting(border..<count))
  }

  // MARK: Inside

  private func shuffled(seed: UInt64) throws(MartletError) -> Dataset {
    let permutation = try TensorStorage(count: count, of: Int.self, purpose: "the order of \(count) rows")
    defer { withExtendedLifetime(permutation) {} }
    let positions = permutation.pointer(as: Int.self)
    RandomSource(seed: seed, stream: RandomStream.split).permutation(into: positions, count: count)
    return try mapSelections(count: count) { selection throws(MartletError) in
      try selection.permuted(by: positions)
    }
  }

  private func selecting(_ positions: Range<Int>) -> Dataset {
    mapSelections(count: positions.count) { $0.selecting(positions) }
  }

  /// The same arrays with other rows. Arrays that share a selection share its image.
  private func mapSelections<Failure: Error>(
    count: Int, _ transform: (RowSelection) throws(Failure) -> RowSelection
  ) throws(Failure) -> Dataset {
    var images: [(selection: RowSelection, image: RowSelection)] = []
    func mapped(_ array: DatasetArray) throws(Failure) -> DatasetArray {
      var array = array
      if let known = images.first(where: { $0.selection.isSame(as: array.selection) }) {
        array.selection = known.image
      } else {
        let image = try transform(array.selection)
        images.append((array.selection, image))
        array.selection = image
      }
      return array
    }
    var (newInputs, newTargets): ([DatasetArray], [DatasetArray]) = ([], [])
    for input in inputs { newInputs.append(try mapped(input)) }
    for target in targets { newTargets.append(try mapped(target)) }
    var weights: DatasetArray?
    if let sampleWeights { weights = try mapped(sampleWeights) }
    var result = Dataset(inputs: newInputs, targets: newTargets, sampleWeights: weights, count: count)
    result.classNames = classNames
    return result
  }
}

/// Streams of random numbers that training draws from, beside those of the initialisers and dropout.
package enum RandomStream {
  package static let gradientCheck: UInt64 = 1 << 61
  package static let split: UInt64 = 1 << 62
  package static let shuffle: UInt64 = 1 << 63
}
