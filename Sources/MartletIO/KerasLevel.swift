// One level of a graph as Keras has it: what `model.layers` lists, layers and submodels, and how each is called. Files
// of weights rely on the order of that list: arrays are found by the place of their layer among those with weights, and
// Keras sorts the layers of a graph anew when it makes a model of a configuration.

import MartletNN

struct KerasLevel {
  enum Member: Hashable {
    /// Index of a layer of the graph.
    case layer(Int)
    case submodel(Int)
  }

  /// One of the results of a call.
  struct Tensor {
    let call: Int
    let output: Int
  }

  struct Call {
    /// Index into `members`.
    let member: Int
    /// Which of the member's calls it is.
    let number: Int
    let inputs: [Tensor]
    let isInference: Bool
  }

  private(set) var members: [Member] = []
  private(set) var calls: [Call] = []
  let inputs: [Tensor]
  let outputs: [Tensor]

  init(_ graph: Graph) {
    var places: [Member: Int] = [:]
    var callCounts: [Int] = []
    var members: [Member] = []
    var calls: [Call] = []
    var tensors = [Tensor](repeating: Tensor(call: 0, output: 0), count: graph.nodes.count)
    func append(_ member: Member, _ inputs: [Int], _ isInference: Bool) -> Int {
      let place = places[member] ?? members.count
      if place == members.count {
        places[member] = place
        members.append(member)
        callCounts.append(0)
      }
      calls.append(
        Call(
          member: place, number: callCounts[place], inputs: inputs.map { tensors[$0] }, isInference: isInference))
      callCounts[place] += 1
      return calls.count - 1
    }

    // Of submodels inside others only the outermost are on this level.
    var starts: [Int: (submodel: Int, call: Submodel.Call)] = [:]
    for (index, submodel) in graph.submodels.enumerated() where submodel.name == submodel.path {
      for call in submodel.calls { starts[call.nodes.lowerBound] = (index, call) }
    }
    var node = 0
    while node < graph.nodes.count {
      if let (submodel, call) = starts[node] {
        let number = append(
          .submodel(submodel), call.inputs.flatMap { graph.nodes[$0].inputs }, call.isInference)
        for (output, node) in call.outputs.enumerated() { tensors[node] = Tensor(call: number, output: output) }
        node = call.nodes.upperBound
      } else {
        let number = append(.layer(graph.nodes[node].layer), graph.nodes[node].inputs, graph.nodes[node].isInference)
        tensors[node] = Tensor(call: number, output: 0)
        node += 1
      }
    }
    self.members = members
    self.calls = calls
    inputs = graph.inputs.map { tensors[$0] }
    outputs = graph.outputs.map { tensors[$0] }
  }

  /// Indices of `members` by falling depth, which is the longest way to an output; those of one depth in the order in
  /// which a search from the outputs finds them first (Keras' `map_graph`).
  var order: [Int] {
    let (callsInOrder, discovery) = searchedFromOutputs()
    var callDepth = [Int](repeating: 0, count: calls.count)
    var memberDepth = [Int](repeating: 0, count: members.count)
    for call in callsInOrder.reversed() {
      // What is called several times has the depth of its deepest call, and so have those it reads from.
      let depth = max(callDepth[call], memberDepth[calls[call].member])
      memberDepth[calls[call].member] = depth
      for input in calls[call].inputs { callDepth[input.call] = max(callDepth[input.call], depth + 1) }
    }
    return members.indices.sorted { (-memberDepth[$0], discovery[$0]) < (-memberDepth[$1], discovery[$1]) }
  }

  /// A depth-first search, without recursion: networks may be deeper than a thread's stack.
  ///
  /// - Returns: the calls, each after its inputs; and for each member its number in the order of first visits.
  private func searchedFromOutputs() -> (calls: [Int], discovery: [Int]) {
    var finished: [Int] = []
    var discovery = [Int](repeating: .max, count: members.count)
    var discovered = 0
    var isVisited = [Bool](repeating: false, count: calls.count)
    for output in outputs {
      /// Calls on the way from the output, with the number of inputs that have been looked at.
      var path: [(call: Int, position: Int)] = []
      func enter(_ call: Int) {
        guard !isVisited[call] else { return }
        isVisited[call] = true
        if discovery[calls[call].member] == .max {
          discovery[calls[call].member] = discovered
          discovered += 1
        }
        path.append((call, 0))
      }
      enter(output.call)
      while let (call, position) = path.last {
        if position < calls[call].inputs.count {
          path[path.count - 1].position += 1
          enter(calls[call].inputs[position].call)
        } else {
          finished.append(call)
          path.removeLast()
        }
      }
    }
    return (finished, discovery)
  }
}

extension Graph {
  /// The members of the outermost level in Keras' order.
  var kerasMembers: [KerasLevel.Member] {
    let level = KerasLevel(self)
    return level.order.map { level.members[$0] }
  }

  /// Indices of all layers in Keras' order, those of a submodel in its place.
  var kerasLayerOrder: [Int] {
    kerasMembers.flatMap { member -> [Int] in
      switch member {
      case .layer(let index): return [index]
      case .submodel(let index):
        let (part, layers) = graph(ofSubmodel: index)
        return part.kerasLayerOrder.map { layers[$0] }
      }
    }
  }

  /// Keras 3's names of the layers' groups, such as `dense`, `dense_1`, `functional/layers/dense`.
  var kerasGroupNames: [String] {
    var names = [String](repeating: "", count: layers.count)
    var counts: [String: Int] = [:]
    func numbered(_ className: String) -> String {
      let base = GraphBuilder.snakeCase(className)
      let count = counts[base, default: 0]
      counts[base] = count + 1
      return count == 0 ? base : "\(base)_\(count)"
    }
    for member in kerasMembers {
      switch member {
      case .layer(let index): names[index] = numbered(layers[index].layer.className)
      case .submodel(let index):
        let group = numbered(submodels[index].className)
        let (part, inner) = graph(ofSubmodel: index)
        for (number, name) in part.kerasGroupNames.enumerated() { names[inner[number]] = "\(group)/layers/\(name)" }
      }
    }
    return names
  }

  /// The weights of a model in Keras' order of `model.weights` where it is a layer: those that are trained first.
  var kerasWeightOrder: [(layer: Int, weight: Int)] {
    let all = kerasLayerOrder.flatMap { layer in layers[layer].weights.indices.map { (layer: layer, weight: $0) } }
    func isTrained(_ place: (layer: Int, weight: Int)) -> Bool {
      layers[place.layer].isTrainable && layers[place.layer].weights[place.weight].isTrainable
    }
    return all.filter(isTrained) + all.filter { !isTrained($0) }
  }
}
