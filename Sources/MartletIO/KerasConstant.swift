// Numbers among the operands of Keras' operations, and in the configuration of Rescaling.

import MartletCore

/// One number, or a vector of one for each channel. A vector lies along the last axis; axes of size 1 may be before it.
struct KerasConstant: Equatable {
  static let zero = KerasConstant(0)
  static let one = KerasConstant(1)

  private(set) var values: [Double]
  /// 0 for a number.
  private(set) var rank = 0

  init(_ number: Double) { values = [number] }

  /// Nil if it is something else than `2.5`, `[1, 2, 3]`, `[[[1, 2, 3]]]`, or an array of Keras 3,
  /// `{"class_name": "__numpy__", "config": {"value": [1, 2, 3], "dtype": "float32"}}`, or `__tensor__`.
  init?(_ json: JSON) {
    var json = json
    if let name = json["class_name"]?.stringValue, ["__numpy__", "__tensor__"].contains(name) {
      json = json["config"]?["value"] ?? .null
    }
    while let elements = json.arrayValue {
      rank += 1
      guard elements.count == 1 else {
        values = elements.compactMap(\.doubleValue)
        guard !elements.isEmpty, values.count == elements.count else { return nil }
        return
      }
      json = elements[0]
    }
    guard let number = json.doubleValue else { return nil }
    values = [number]
  }

  func map(_ transform: (Double) -> Double) -> KerasConstant {
    var result = self
    result.values = values.map(transform)
    return result
  }

  var shape: [Int] { rank == 0 ? [] : [Int](repeating: 1, count: rank - 1) + [values.count] }

  var json: JSON {
    guard rank > 0 else { return .number(values[0]) }
    return (1..<rank).reduce(.array(values.map { .number($0) })) { inner, _ in .array([inner]) }
  }
}
