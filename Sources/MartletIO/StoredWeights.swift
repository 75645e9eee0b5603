// Where a file keeps the weights of its layers, and which of them belong to which layer of a model:
//
//     Keras 1, 2   /LAYER, or /model_weights/LAYER in the file of a whole model; the attribute layer_names has the order.
//                  The group of a submodel has the arrays of all its layers, those that are trained first
//     Keras 3      /layers/CLASS_NUMBER/vars, by the layer's class and how many of it come before; vars has the
//                  attribute name, which Keras itself does not read. The group of a submodel has a group layers itself

import MartletCore
import MartletNN

struct StoredWeights: ~Copyable {
  /// The arrays of one layer.
  struct Place {
    let layer: Int
    let group: String
    /// nil: all of the group.
    var names: [String]?
  }

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

  /// The weights in the file of a whole model, whose layers are found by their names.
  ///
  /// - Parameter groups: `/model_weights`.
  init(ofModel groups: consuming HDF5Object) {
    layout = .named([])
    base = groups
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

  func weights(_ place: Place) throws(MartletError) -> KerasWeights {
    switch layout {
    case .named: return try KerasWeights(place.group, in: base, names: place.names)
    case .numbered:
      guard let variables = try base.object(at: place.group + "/vars"), variables.isGroup else {
        throw base.error(.formatError, "has no '\(place.group)/vars'; \(base.contents())")
      }
      return try KerasWeights(variables: variables)
    }
  }

  // MARK: Which belong to which layer

  /// Those of all layers that have weights, by their names.
  ///
  /// - Throws: `formatError` if there is no group of that name.
  func placesInModel(_ graph: Graph) throws(MartletError) -> [Place] {
    var places: [Place] = []
    for member in graph.kerasMembers where graph.hasWeights(member) {
      places += try self.places(of: member, in: graph.name(of: member), graph)
    }
    return places
  }

  /// Those of all layers that have weights, by their order.
  ///
  /// - Throws: `formatError` if there are not as many.
  func placesByOrder(_ graph: Graph) throws(MartletError) -> [Place] {
    switch layout {
    case .named(let names):
      let members = graph.kerasMembers.filter { graph.hasWeights($0) }
      var groups: [String] = []
      for name in names where !(try KerasWeights(name, in: base).isEmpty) { groups.append(name) }
      guard groups.count == members.count else {
        throw base.error(
          .formatError,
          "holds \(groups.count) layers with weights (\(quotedList(groups))); model '\(graph.name)' has \(members.count) "
            + "(\(quotedList(members.map { graph.name(of: $0) })))")
      }
      var places: [Place] = []
      for (member, group) in zip(members, groups) { places += try self.places(of: member, in: group, graph) }
      return places
    case .numbered:
      let groups = graph.kerasGroupNames
      let places = graph.kerasLayerOrder.filter { !graph.layers[$0].weights.isEmpty }
        .map { Place(layer: $0, group: groups[$0]) }
      for place in places { _ = try weights(place) }
      // The statistics of a Normalization layer are in its configuration here.
      let others = graph.layers.indices.filter { graph.layers[$0].layer is Normalization }.map { groups[$0] }
      try refuseOthers(than: Set(places.map(\.group) + others), in: "", graph)
      return places
    }
  }

  /// Those of the layers with weights whose name the file knows.
  ///
  /// - Throws: `formatError` if there is none.
  func placesByName(_ graph: Graph) throws(MartletError) -> [Place] {
    var known: [String] = []
    var places: [Place] = []
    switch layout {
    case .named(let names):
      known = names
      let groups = Set(names)
      for member in graph.kerasMembers where graph.hasWeights(member) && groups.contains(graph.name(of: member)) {
        places += try self.places(of: member, in: graph.name(of: member), graph)
      }
    case .numbered: places = try numberedPlacesByName(graph, in: "", &known)
    }
    guard !places.isEmpty else {
      throw base.error(
        .formatError,
        "has no layer of a name that a layer with weights of model '\(graph.name)' has; it names "
          + quotedList(known.sorted()))
    }
    return places
  }

  /// - Parameters:
  ///   - path: of the group of a submodel's layers, with a "/" at its end; empty for those of the model.
  ///   - known: gets the names of what the file has there.
  private func numberedPlacesByName(
    _ graph: Graph, in path: String, _ known: inout [String]
  ) throws(MartletError) -> [Place] {
    var groups: [String: String] = [:]
    for group in try children(of: path) {
      guard let variables = try base.object(at: path + group + "/vars"), let name = try variables.string("name") else {
        continue
      }
      groups[name] = path + group
      known.append(name)
    }
    var places: [Place] = []
    for member in graph.kerasMembers {
      guard let group = groups[graph.name(of: member)] else { continue }
      switch member {
      case .layer(let index):
        if !graph.layers[index].weights.isEmpty { places.append(Place(layer: index, group: group)) }
      case .submodel(let index):
        let (part, layers) = graph.graph(ofSubmodel: index)
        places += try numberedPlacesByName(part, in: group + "/layers/", &known)
          .map { Place(layer: layers[$0.layer], group: $0.group) }
      }
    }
    return places
  }

  private func children(of path: String) throws(MartletError) -> [String] {
    if path.isEmpty { return try base.childNames(limit: Self.maximumLayerCount) }
    guard let group = try base.object(at: String(path.dropLast())), group.isGroup else { return [] }
    return try group.childNames(limit: Self.maximumLayerCount)
  }

  /// - Parameters:
  ///   - expected: groups of layers.
  ///   - path: as in `numberedPlacesByName`; what is looked into is on the way to an expected group.
  /// - Throws: `formatError` if there are weights that the model has no layer for.
  private func refuseOthers(than expected: Set<String>, in path: String, _ graph: Graph) throws(MartletError) {
    for name in try children(of: path) where !expected.contains(path + name) {
      let group = path + name
      if expected.contains(where: { $0.hasPrefix(group + "/layers/") }) {
        try refuseOthers(than: expected, in: group + "/layers/", graph)
        guard try !hasVariables(group) else { throw unexpected(group, expected, graph) }
      } else {
        guard try !holdsVariables(group, nesting: 1) else { throw unexpected(group, expected, graph) }
      }
    }
  }

  private func unexpected(_ group: String, _ expected: Set<String>, _ graph: Graph) -> MartletError {
    base.error(
      .formatError,
      "holds weights in '\(group)', for which model '\(graph.name)' has no layer: it expects "
        + quotedList(expected.sorted()))
  }

  private func hasVariables(_ group: String) throws(MartletError) -> Bool {
    guard let variables = try base.object(at: group + "/vars"), variables.isGroup else { return false }
    return try variables.childCount() > 0
  }

  /// Whether there are variables in a group or in the layers of the submodel that it is.
  private func holdsVariables(_ group: String, nesting: Int) throws(MartletError) -> Bool {
    // Deeper than models may be is what no model can have a layer for.
    if try hasVariables(group) || nesting > GraphBuilder.maximumNesting { return true }
    for name in try children(of: group + "/layers/") {
      if try holdsVariables(group + "/layers/" + name, nesting: nesting + 1) { return true }
    }
    return false
  }

  // MARK: Submodels in the layout of Keras 1 and 2

  private func places(
    of member: KerasLevel.Member, in group: String, _ graph: Graph
  ) throws(MartletError) -> [Place] {
    switch member {
    case .layer(let index): return [Place(layer: index, group: group)]
    case .submodel(let index):
      let (part, layers) = graph.graph(ofSubmodel: index)
      return try places(inSubmodel: part, group).map { Place(layer: layers[$0.layer], group: group, names: $0.names) }
    }
  }

  /// The arrays of a submodel's layers, found by the names of layer and array, or by Keras' order if they do not tell.
  ///
  /// - Throws: `formatError` if there are not as many.
  private func places(inSubmodel graph: Graph, _ group: String) throws(MartletError) -> [Place] {
    // A Normalization layer has its statistics in its configuration here.
    let weightless = Set(graph.layers.filter(\.weights.isEmpty).map { Submodel.name($0.name) })
    let names = try KerasWeights(group, in: base).names.filter { name in
      !weightless.contains(Submodel.name(String(Submodel.place(name).dropLast())))
    }
    let order = graph.kerasWeightOrder
    guard names.count == order.count else {
      throw base.error(
        .formatError, "holds \(names.count) weights in '\(group)'; submodel '\(graph.name)' has \(order.count)")
    }
    var found = Self.namesByLayer(graph, names)
    if found.isEmpty {
      found = graph.layers.map { $0.weights.map(\.name) }
      for (name, place) in zip(names, order) { found[place.layer][place.weight] = name }
    }
    return graph.layers.indices.filter { !found[$0].isEmpty }.map { Place(layer: $0, group: group, names: found[$0]) }
  }

  /// For each layer the name of each of its arrays; empty if names are missing or mean several.
  private static func namesByLayer(_ graph: Graph, _ names: [String]) -> [[String]] {
    var named: [String: [String]] = [:]
    for name in names {
      let parts = KerasWeights.withoutNumber(name).split(separator: "/")
      named[parts.suffix(2).joined(separator: "/"), default: []].append(name)
    }
    var taken: Set<String> = []
    var found: [[String]] = []
    for layer in graph.layers {
      found.append([])
      for weight in layer.weights {
        var candidates = named["\(Submodel.name(layer.name))/\(weight.name)"] ?? []
        if candidates.count > 1 {
          candidates.removeAll { KerasWeights.withoutNumber($0) != "\(layer.name)/\(weight.name)" }
        }
        guard candidates.count == 1, taken.insert(candidates[0]).inserted else { return [] }
        found[found.count - 1].append(candidates[0])
      }
    }
    return found
  }
}

extension Graph {
  fileprivate func name(of member: KerasLevel.Member) -> String {
    switch member {
    case .layer(let index): layers[index].name
    case .submodel(let index): submodels[index].path
    }
  }

  fileprivate func hasWeights(_ member: KerasLevel.Member) -> Bool {
    switch member {
    case .layer(let index): !layers[index].weights.isEmpty
    case .submodel(let index): layers(inSubmodel: submodels[index].path).contains { !layers[$0].weights.isEmpty }
    }
  }
}
