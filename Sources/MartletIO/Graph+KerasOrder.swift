// The order of Keras' `model.layers`. Files of weights rely on it: arrays are found by the place of their layer among
// those with weights, and Keras sorts the layers of a graph anew when it makes a model of a configuration.

import MartletNN

extension Graph {
  /// Indices of the layers by falling depth, which is the longest way to an output; layers of one depth in the order in
  /// which a search from the outputs finds them first (Keras' `map_graph`).
  var kerasLayerOrder: [Int] {
    let (nodesInOrder, discovery) = searchedFromOutputs()
    var nodeDepth = [Int](repeating: 0, count: nodes.count)
    var layerDepth = [Int](repeating: 0, count: layers.count)
    for node in nodesInOrder.reversed() {
      // A layer that is applied several times has the depth of its deepest node, and so have those it reads from.
      let depth = max(nodeDepth[node], layerDepth[nodes[node].layer])
      layerDepth[nodes[node].layer] = depth
      for input in nodes[node].inputs { nodeDepth[input] = max(nodeDepth[input], depth + 1) }
    }
    return layers.indices.sorted { (-layerDepth[$0], discovery[$0]) < (-layerDepth[$1], discovery[$1]) }
  }

  /// A depth-first search, without recursion: networks may be deeper than a thread's stack.
  ///
  /// - Returns: the nodes, each after its inputs; and for each layer its number in the order of first visits.
  private func searchedFromOutputs() -> (nodes: [Int], discovery: [Int]) {
    var finished: [Int] = []
    var discovery = [Int](repeating: .max, count: layers.count)
    var discovered = 0
    var isVisited = [Bool](repeating: false, count: nodes.count)
    for output in outputs {
      /// Nodes on the way from the output, with the number of inputs that have been looked at.
      var path: [(node: Int, position: Int)] = []
      func enter(_ node: Int) {
        guard !isVisited[node] else { return }
        isVisited[node] = true
        if discovery[nodes[node].layer] == .max {
          discovery[nodes[node].layer] = discovered
          discovered += 1
        }
        path.append((node, 0))
      }
      enter(output)
      while let (node, position) = path.last {
        if position < nodes[node].inputs.count {
          path[path.count - 1].position += 1
          enter(nodes[node].inputs[position])
        } else {
          finished.append(node)
          path.removeLast()
        }
      }
    }
    return (finished, discovery)
  }
}
