// Graphs made from others: what the C tests (Tests/c/test_editing.c) do not reach, which are layers with several nodes.

import MartletCore
import Testing

@testable import MartletNN

struct GraphEditingTests {
  /// x -> a -> f -> b -> f -> sum with a; outputs sum and the second f. Both applications of f are of one layer.
  private func sharing() throws -> Graph {
    var builder = try GraphBuilder(name: "shared")
    let x = try builder.add(InputLayer(shape: Shape([4], of: "x")), name: "x", inputs: [])
    let a = try builder.add(Dense(units: 4), name: "a", inputs: [x])
    let first = try builder.add(ActivationLayer(.tanh), name: "f", inputs: [a])
    let b = try builder.add(Dense(units: 4), name: "b", inputs: [first])
    let second = try builder.apply(layer: 2, inputs: [b])
    let sum = try builder.add(Merge(.add), name: "sum", inputs: [second, a])
    return try builder.build(outputs: [sum, second])
  }

  @Test func aSharedLayerIsRemovedEverywhere() throws {
    let graph = try sharing()
    let edit = try graph.removing(layer: 2)
    #expect(edit.graph.layers.map(\.name) == ["x", "a", "b", "sum"])
    #expect(edit.graph.nodes.map(\.inputs) == [[], [0], [1], [2, 1]])
    #expect(edit.graph.outputs == [3, 2])
    #expect(edit.kept == [0: 0, 1: 1, 2: 3, 3: 4])
  }

  @Test func aSharedLayerIsReplacedEverywhere() throws {
    let graph = try sharing()
    let edit = try graph.replacing(layer: 2, with: Dense(units: 4), name: "d", isTrainable: false)
    #expect(edit.graph.layers.map(\.name) == ["x", "a", "d", "b", "sum"])
    #expect(edit.graph.nodes.map(\.layer) == [0, 1, 2, 3, 2, 4])
    #expect(edit.graph.layers[2].weights.count == 2 && !edit.graph.layers[2].isTrainable)
    #expect(edit.kept == [0: 0, 1: 1, 3: 3, 4: 4])
    // 4 -> 5 fits the first place, the second reads 4: one layer cannot be both.
    #expect(throws: MartletError.self) {
      try graph.replacing(layer: 2, with: Dense(units: 5), name: "d", isTrainable: true)
    }
  }

  @Test func weightsThatStayAreThoseOfTheirLayers() throws {
    let model = try Model(graph: try sharing(), seed: 3)
    let edited = try model.edited(
      try model.graph.replacing(layer: 1, with: Dense(units: 4), name: "a", isTrainable: true))
    func values(_ model: Model, _ layer: String) throws -> [Float] {
      let parameter = model.layout.parameters[try model.parameterIndex(layer: layer, weight: "kernel")]
      return Array(UnsafeBufferPointer(start: model.values + parameter.offset, count: parameter.count))
    }
    #expect(try values(edited, "b") == values(model, "b"))
    // The seed and the place are the same, so the new weights are those that the old ones began as.
    #expect(try values(edited, "a") == values(model, "a"))
    for index in 0..<16 { (model.valuesToChange() + index).pointee = 7 }
    #expect(try values(try model.copy(), "a") == [Float](repeating: 7, count: 16))
    #expect(try values(try model.clone(seed: 3), "a") == values(edited, "a"))
    #expect(try values(try model.clone(seed: 4), "a") != values(edited, "a"))
  }
}
