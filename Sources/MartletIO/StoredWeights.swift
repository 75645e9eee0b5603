// Where a file keeps the weights of its layers, and which of them belong to which layer of a model:
//
//     Keras 1, 2   /LAYER, or /model_weights/LAYER in the file of a whole model; the attribute layer_names has the order
//     Keras 3      /layers/CLASS_NUMBER/vars, by the layer's class and how many of it come before; vars has the
//                  attribute name, which Keras itself does not read

import MartletCore
import MartletNN

struct StoredWeights: ~Copyable {
  private enum Layout {
    /// Groups of layers, in the model's order.
    case named([String])
    case numbered
  }

  private let base: HDF5Object
  private let layout: Layout

  /// Groups that a file may have; networks have as many layers at most.
  private static let maximumLayerCount = KerasConfiguration.maximumLayerCount

  /// - Throws: `formatError` if there are no weights of Keras in this file.
  init(_ root: consuming HDF5Object) throws(MartletError) {
    if let names = try root.strings("layer_names") {
      layout = .named(try Self.checked(names, root))
      base = root
    } else if let group = try root.object(at: "model_weights"), let names = try group.strings("layer_names") {
      layout = .named(try Self.checked(names, group))
      base = group
    } else if let group = try Self.numberedLayers(root) {
      layout = .numbered
      base = group
    } else {
      throw root.error(
        .formatError,
        "has neither an attribute 'layer_names' nor a group 'layers': there are no weights of Keras; \(root.contents())"
      )
    }
  }

  /// Whether a file without `model_config` has weights all the same.
  static func areIn(_ root: borrowing HDF5Object) throws(MartletError) -> Bool {
    if try root.strings("layer_names") != nil { return true }
    return try numberedLayers(root) != nil
  }

  /// Keras 3's group of layers, under its name of today or that of the versions before 3.
  private static func numberedLayers(_ root: borrowing HDF5Object) throws(MartletError) -> HDF5Object? {
    if let group = try root.object(at: "layers"), group.isGroup { return group }
    if let group = try root.object(at: "_layer_checkpoint_dependencies"), group.isGroup { return group }
    return nil
  }

  private static func checked(_ names: [String], _ group: borrowing HDF5Object) throws(MartletError) -> [String] {
    guard names.count <= maximumLayerCount else {
      throw group.error(.unsupported, "lists \(names.count) layers; at most \(maximumLayerCount) are supported")
    }
    guard Set(names).count == names.count else { throw group.error(.formatError, "lists a layer twice") }
    return names
  }

  /// The arrays in the group of that name.
  func weights(_ name: String) throws(MartletError) -> KerasWeights {
    switch layout {
    case .named: return try KerasWeights(name, in: base)
    case .numbered:
      guard let variables = try base.object(at: name + "/vars"), variables.isGroup else {
        throw base.error(.formatError, "has no '\(name)/vars'; \(base.contents())")
      }
      return try KerasWeights(variables: variables)
    }
  }

  // MARK: Which belong to which layer

  /// The group of each layer that has weights, by their order.
  ///
  /// - Throws: `formatError` if there are not as many.
  func groupsByOrder(_ graph: Graph) throws(MartletError) -> [(layer: Int, group: String)] {
    let order = graph.kerasLayerOrder
    let layers = order.filter { !graph.layers[$0].weights.isEmpty }
    switch layout {
    case .named(let names):
      var groups: [String] = []
      for name in names where !(try weights(name).isEmpty) { groups.append(name) }
      guard groups.count == layers.count else {
        throw base.error(
          .formatError,
          "holds \(groups.count) layers with weights (\(quotedList(groups))); model '\(graph.name)' has \(layers.count) "
            + "(\(quotedList(layers.map { graph.layers[$0].name })))")
      }
      return Array(zip(layers, groups))
    case .numbered:
      let groups = graph.kerasGroupNames
      let expected = layers.map { (layer: $0, group: groups[$0]) }
      for entry in expected { _ = try weights(entry.group) }
      try refuseOthers(than: Set(expected.map(\.group)), graph)
      return expected
    }
  }

  /// - Throws: `formatError` if there are weights that the model has no layer for.
  private func refuseOthers(than expected: Set<String>, _ graph: Graph) throws(MartletError) {
    for name in try base.childNames(limit: Self.maximumLayerCount) where !expected.contains(name) {
      var count = 0
      if let variables = try base.object(at: name + "/vars"), variables.isGroup { count = try variables.childCount() }
      // A model as a layer has layers of its own.
      if let layers = try base.object(at: name + "/layers"), layers.isGroup { count += try layers.childCount() }
      guard count == 0 else {
        throw base.error(
          .formatError,
          "holds weights in '\(name)', for which model '\(graph.name)' has no layer: it expects \(quotedList(expected.sorted()))"
        )
      }
    }
  }

  /// The group of each layer with weights whose name the file knows.
  func groupsByName(_ graph: Graph) throws(MartletError) -> [(layer: Int, group: String)] {
    var groups: [String: String] = [:]
    switch layout {
    case .named(let names): for name in names { groups[name] = name }
    case .numbered:
      for name in try base.childNames(limit: Self.maximumLayerCount) {
        guard let variables = try base.object(at: name + "/vars"), let layer = try variables.string("name") else {
          continue
        }
        groups[layer] = name
      }
    }
    let found = graph.layers.indices.compactMap { index in
      graph.layers[index].weights.isEmpty ? nil : groups[graph.layers[index].name].map { (layer: index, group: $0) }
    }
    guard !found.isEmpty else {
      throw base.error(
        .formatError,
        "has no layer of a name that a layer with weights of model '\(graph.name)' has; it names \(quotedList(groups.keys.sorted()))"
      )
    }
    return found
  }
}

extension Graph {
  /// Keras 3's names of the layers' groups, such as `dense`, `dense_1`.
  var kerasGroupNames: [String] {
    var names = [String](repeating: "", count: layers.count)
    var counts: [String: Int] = [:]
    for index in kerasLayerOrder {
      let base = GraphBuilder.snakeCase(layers[index].layer.className)
      let count = counts[base, default: 0]
      names[index] = count == 0 ? base : "\(base)_\(count)"
      counts[base] = count + 1
    }
    return names
  }
}
