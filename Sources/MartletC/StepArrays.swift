// The arrays that a step call passes for the inputs or the outputs of a model, in memory that is kept from call to
// call: a step allocates nothing.

import CMartlet
import MartletCore
import MartletTraining

struct StepArrays {
  private let argument: String
  /// "x", or "x[0]", "x[1]", …
  private let names: [String]
  /// As the trainer takes them; valid during the call.
  private(set) var rows: [RowArray] = []

  init(_ argument: String, count: Int) {
    self.argument = argument
    names = count == 1 ? [argument] : (0..<count).map { "\(argument)[\($0)]" }
    rows.reserveCapacity(count)
  }

  /// Read an array of `martlet_array`.
  ///
  /// - Parameters:
  ///   - owner: whose arrays they are, for the message about a wrong number of them: "model 'm' has 2 inputs".
  ///   - check: called with each array and its index.
  /// - Throws: `invalidArgument`.
  mutating func read(
    _ pointer: UnsafePointer<martlet_array>?, _ count: Int32, of owner: @autoclosure () -> String,
    _ check: (ArrayArgument, Int) throws(MartletError) -> Void = { _, _ throws(MartletError) in }
  ) throws(MartletError) {
    rows.removeAll(keepingCapacity: true)
    guard Int(count) == names.count else {
      throw MartletError(.invalidArgument, "\(argument)_count is \(count); \(owner())")
    }
    let first = try required(pointer, argument)
    for (index, name) in names.enumerated() {
      let array = try ArrayArgument(first + index, name)
      try check(array, index)
      rows.append(array.rows)
    }
  }
}
