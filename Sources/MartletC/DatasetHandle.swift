// The object behind a martlet_dataset.

import MartletCore
import MartletTraining

final class DatasetHandle: Handle {
  let usage = Usage()
  var dataset: Dataset
  private(set) var classNames: StringTable

  /// - Throws: `outOfMemory`.
  init(_ dataset: Dataset) throws(MartletError) {
    self.dataset = dataset
    classNames = try StringTable(dataset.classNames)
  }

  var description: String { "the dataset" }

  /// - Throws: `outOfMemory`.
  func setClassNames(_ names: [String]) throws(MartletError) {
    classNames = try StringTable(names)
    dataset.classNames = names
  }
}
