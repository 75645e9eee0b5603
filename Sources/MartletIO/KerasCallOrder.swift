// The order in which the calls of a configuration's layers can be made: that of the file, as far as each comes after
// what it reads. The time it takes is that of sorting, whatever a file says.

import MartletCore

struct KerasCallOrder {
  /// The calls of all layers in the order of the file, by number; an input layer has one, which reads nothing.
  private var calls: [(layer: Int, inputs: [(call: Int, output: Int)], isInference: Bool)] = []
  private var firstCall: [String: Int] = [:]
  private var callCount: [String: Int] = [:]
  private let layers: [KerasLayer]

  /// - Throws: `formatError` for a layer that is missing or there twice; `unsupported` for a layer that is not
  ///   supported, or too many calls.
  init(_ layers: [KerasLayer], maximumCount: Int) throws(MartletError) {
    self.layers = layers
    var tensors: [[KerasTensor]] = []
    for (index, layer) in layers.enumerated() {
      guard firstCall[layer.name] == nil else { throw layer.error(.formatError, "has the name of another layer") }
      let made = try layer.checkedCalls()
      firstCall[layer.name] = calls.count
      callCount[layer.name] = made.count
      calls += made.map { (index, [], $0.isInference) }
      tensors += made.map(\.tensors)
      guard calls.count <= maximumCount else {
        throw MartletError(.unsupported, "layers are called more than \(maximumCount) times, which is not supported")
      }
    }
    for (call, tensors) in tensors.enumerated() {
      for tensor in tensors {
        guard let source = self.call(tensor) else {
          let known = callCount[tensor.layer].map { "which is called \($0) times" } ?? "which is not in the model"
          throw layers[calls[call].layer].error(
            .formatError, "reads call \(tensor.call) of layer '\(tensor.layer)', \(known)")
        }
        calls[call].inputs.append((source, tensor.output))
      }
    }
  }

  var count: Int { calls.count }

  func layer(of call: Int) -> Int { calls[call].layer }

  func inputs(of call: Int) -> [(call: Int, output: Int)] { calls[call].inputs }

  func isInference(_ call: Int) -> Bool { calls[call].isInference }

  /// The number of the call that makes a tensor; nil if there is none.
  func call(_ tensor: KerasTensor) -> Int? {
    guard let first = firstCall[tensor.layer], let count = callCount[tensor.layer], tensor.call < count else {
      return nil
    }
    return first + tensor.call
  }

  /// Of the calls that can be made next, the first of the file is.
  ///
  /// - Throws: `formatError` if calls read from one another.
  func sorted() throws(MartletError) -> [Int] {
    var readers = [[Int]](repeating: [], count: calls.count)
    var missing = calls.map(\.inputs.count)
    for (call, entry) in calls.enumerated() {
      for input in entry.inputs { readers[input.call].append(call) }
    }
    // The next one is the last of these.
    var ready: [Int] = calls.indices.reversed().filter { missing[$0] == 0 }
    var order: [Int] = []
    while let call = ready.popLast() {
      order.append(call)
      for reader in readers[call] {
        missing[reader] -= 1
        if missing[reader] == 0 { ready.insert(reader, at: place(of: reader, in: ready)) }
      }
    }
    if order.count < calls.count, let stuck = missing.firstIndex(where: { $0 > 0 }) {
      throw layers[calls[stuck].layer].error(.formatError, "reads from a layer that reads from it in turn")
    }
    return order
  }

  /// Where a number belongs in a descending list.
  private func place(of call: Int, in list: [Int]) -> Int {
    var (low, high) = (0, list.count)
    while low < high {
      let middle = (low + high) / 2
      if list[middle] > call { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension KerasLayer {
  /// The calls of this layer; one that reads nothing for an input.
  ///
  /// - Throws: `unsupported` for a class we do not have, whatever its calls look like; what reading them threw.
  fileprivate func checkedCalls() throws(MartletError) -> [KerasCall] {
    if className == "InputLayer" { return [KerasCall()] }
    switch calls {
    case .success(let calls) where !calls.isEmpty: return calls
    case .success: throw error(.formatError, "has no input")
    case .failure(let error):
      // Layers of other classes may be called in ways of their own; then the class is what to name.
      if submodel == nil { _ = try layer(rows: [], statistics: nil) }
      throw error
    }
  }
}
