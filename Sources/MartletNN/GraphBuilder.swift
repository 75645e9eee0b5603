// How a graph grows: layers and applications of layers, checked one by one.

import MartletCore

package struct GraphBuilder {
  package let name: String
  /// As `Graph.className`.
  private let className: String?
  package internal(set) var layers: [GraphLayer] = []
  package internal(set) var nodes: [GraphNode] = []
  package internal(set) var submodels: [Submodel] = []
  /// Of layers and submodels.
  private var names: Set<String> = []
  /// For each base of a name, the number to try next.
  private var nextNumbers: [String: Int] = [:]

  /// Layers, and applications of layers, that a model may have, as a file may: deep networks have some hundred.
  package static let maximumLayerCount = 4096
  package static let maximumNodeCount = 1 << 16

  /// Submodels inside one another: each is several levels of a file's JSON, which may have 64.
  package static let maximumNesting = 16

  /// Bytes a name may have: it becomes an HDF5 link name.
  package static let maximumNameLength = 255

  /// - Parameter className: as in `Graph.init`.
  /// - Throws: `invalidArgument` if the name cannot be used in a file.
  package init(name: String, className: String? = nil) throws(MartletError) {
    try GraphBuilder.check(name, "model name")
    self.name = name
    self.className = className
  }

  /// Apply a new layer to nodes.
  ///
  /// - Parameters:
  ///   - name: nil for the Keras class in snake case, numbered from the second on.
  ///   - path: of the submodel that the layer is in, with a "/" at its end; empty for none.
  ///   - isInference: as in `GraphNode`.
  /// - Returns: the new node.
  /// - Throws: `invalidArgument` naming the layer: unknown node, name in use, shapes that do not fit; `unsupported` for
  ///   more layers or nodes than the maximum.
  package mutating func add(
    _ layer: any Layer, name: String?, in path: String = "", inputs: [Int], isTrainable: Bool = true,
    isInference: Bool = false
  ) throws(MartletError) -> Int {
    let shapes = try rowShapes(of: inputs)
    try checkRoom(layers.count, GraphBuilder.maximumLayerCount, "layers")
    try checkRoom(nodes.count, GraphBuilder.maximumNodeCount, "nodes")
    let name =
      path
      + (try checked(
        name ?? unusedName(layer is InputLayer ? "input" : GraphBuilder.snakeCase(layer.className)), in: path))
    do {
      let shape = try layer.outputShape(of: shapes)
      let weights = try layer.weights(of: shapes)
      layers.append(GraphLayer(name: name, layer: layer, weights: weights, isTrainable: isTrainable))
      names.insert(name)
      nodes.append(GraphNode(layer: layers.count - 1, inputs: inputs, shape: shape, isInference: isInference))
      return nodes.count - 1
    } catch {
      throw MartletError(error.code, "layer '\(name)': \(error.message)")
    }
  }

  /// Apply a layer once more, with the weights it has.
  ///
  /// - Parameter layer: index of the layer.
  /// - Returns: the new node.
  /// - Throws: `invalidArgument` for an unknown node, an input layer, shapes that do not fit the layer or its weights;
  ///   `unsupported` for more than `maximumNodeCount` nodes.
  package mutating func apply(
    layer index: Int, inputs: [Int], isInference: Bool = false
  ) throws(MartletError) -> Int {
    let shapes = try rowShapes(of: inputs)
    try checkRoom(nodes.count, GraphBuilder.maximumNodeCount, "nodes")
    let shared = layers[index]
    // Those of submodels read something.
    guard Submodel.place(shared.name) != "" || !(shared.layer is InputLayer) else {
      throw MartletError(.invalidArgument, "layer '\(shared.name)' is an input; it reads nothing")
    }
    do throws(MartletError) {
      let shape = try shared.layer.outputShape(of: shapes)
      for (old, new) in zip(shared.weights, try shared.layer.weights(of: shapes)) where old.shape != new.shape {
        throw MartletError(
          .invalidArgument, "its weight '\(old.name)' has shape \(old.shape); these inputs need \(new.shape)")
      }
      nodes.append(GraphNode(layer: index, inputs: inputs, shape: shape, isInference: isInference))
      return nodes.count - 1
    } catch {
      throw MartletError(error.code, "layer '\(shared.name)': \(error.message)")
    }
  }

  /// - Throws: `invalidArgument` if an output is unknown or given twice, or a layer leads to no output.
  package func build(outputs: [Int]) throws(MartletError) -> Graph {
    guard !outputs.isEmpty else { throw MartletError(.invalidArgument, "a model needs an output") }
    for (position, output) in outputs.enumerated() {
      guard nodes.indices.contains(output) else {
        throw MartletError(
          .invalidArgument, "output node \(output) is not a node of model '\(name)', which has \(nodes.count)")
      }
      guard !outputs[..<position].contains(output) else {
        throw MartletError(.invalidArgument, "output node \(output) is given twice")
      }
    }
    var isNeeded = nodes.indices.map { outputs.contains($0) }
    for index in nodes.indices.reversed() where isNeeded[index] {
      for input in nodes[index].inputs { isNeeded[input] = true }
    }
    if let unused = isNeeded.firstIndex(of: false) {
      throw MartletError(
        .invalidArgument, "layer '\(layers[nodes[unused].layer].name)' does not lead to an output")
    }
    // Those of submodels read something.
    let inputs = nodes.indices.filter { nodes[$0].inputs.isEmpty && layers[nodes[$0].layer].layer is InputLayer }
    return Graph(
      name: name, layers: layers, nodes: nodes, inputs: inputs, outputs: outputs, submodels: submodels,
      className: className)
  }

  /// A name that nothing at this place has.
  ///
  /// - Throws: `invalidArgument` if it cannot be used, or something has it.
  func checked(_ name: String, in path: String = "") throws(MartletError) -> String {
    try GraphBuilder.check(name, "layer name", after: path)
    guard !names.contains(path + name) else {
      throw MartletError(.invalidArgument, "model '\(self.name)' has a layer named '\(path + name)' already")
    }
    return name
  }

  mutating func take(name: String) { names.insert(name) }

  func rowShapes(of inputs: [Int]) throws(MartletError) -> [Shape] {
    for input in inputs where !nodes.indices.contains(input) {
      throw MartletError(
        .invalidArgument, "input node \(input) is not a node of model '\(name)', which has \(nodes.count)")
    }
    return inputs.map { nodes[$0].shape }
  }

  private static func check(_ name: String, _ what: String, after path: String = "") throws(MartletError) {
    guard !name.isEmpty, path.utf8.count + name.utf8.count <= maximumNameLength, name != ".",
      name.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 >= 0x20 && $0 != 0x7F })
    else {
      throw MartletError(
        .invalidArgument,
        "\(what) '\(name.prefix(40))' must have 1 to \(maximumNameLength) bytes, no '/' and no control character, and not be '.'"
      )
    }
  }

  /// - Throws: `unsupported` if there is no room for one more than `count`.
  func checkRoom(_ count: Int, _ maximum: Int, _ things: String) throws(MartletError) {
    guard count < maximum else {
      throw MartletError(.unsupported, "model '\(name)' has \(count) \(things); more than \(maximum) are not supported")
    }
  }

  /// - Parameter base: the name, if nothing has it; otherwise a number follows it.
  mutating func unusedName(_ base: String) -> String {
    var number = nextNumbers[base] ?? 0
    var name = number == 0 ? base : "\(base)_\(number)"
    while names.contains(name) {
      number += 1
      name = "\(base)_\(number)"
    }
    nextNumbers[base] = number
    return name
  }

  /// Keras' rule: a word begins at a capital before a small letter, or after one. `Conv2D` is `conv2d`.
  package static func snakeCase(_ className: String) -> String {
    let characters = Array(className)
    var result = ""
    for (index, character) in characters.enumerated() {
      let neighbours = [index - 1, index + 1].filter { characters.indices.contains($0) }
      if character.isUppercase, index > 0, neighbours.contains(where: { characters[$0].isLowercase }) { result += "_" }
      result += character.lowercased()
    }
    return result
  }
}
