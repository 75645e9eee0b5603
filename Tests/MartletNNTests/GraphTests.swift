// Building graphs: names, order, and what is refused.

import MartletCore
import MartletNN
import Testing

func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}

@Suite struct GraphTests {
  @Test func namesFollowKeras() throws {
    let model = try chain([4], [Dense(units: 3), Dense(units: 2), ActivationLayer(.relu), Flatten()])
    #expect(model.graph.layers.map(\.name) == ["input", "dense", "dense_1", "activation", "flatten"])
  }

  @Test func parametersAreCountedAndAligned() throws {
    let model = try chain([784], [Dense(units: 360), Dense(units: 10)])
    #expect(model.layout.totalCount == 784 * 360 + 360 + 360 * 10 + 10)
    #expect(model.layout.parameters.allSatisfy { $0.offset % 16 == 0 })
    #expect(model.layout.range(ofLayer: 0).isEmpty)
    #expect(model.layout.range(ofLayer: 2) == 2..<4)
  }

  @Test func summaryNamesEveryLayer() throws {
    let text = try chain([2, 3], [Flatten(), Dense(units: 4)]).summary()
    #expect(text.contains("[N, 2, 3]"))
    #expect(text.contains("dense"))
    #expect(text.contains("Parameters: 28 (28 trainable, 0 not)"))
  }

  @Test func refusals() throws {
    var builder = try GraphBuilder(name: "m")
    let input = try builder.add(InputLayer(shape: Shape(vector: 4)), name: "x", inputs: [])
    #expect(
      message { _ = try builder.add(Flatten(), name: "x", inputs: [input]) }.contains("a layer named 'x' already"))
    #expect(message { _ = try builder.add(Flatten(), name: "a/b", inputs: [input]) }.contains("no '/'"))
    #expect(
      message { _ = try builder.add(Flatten(), name: "a\0b", inputs: [input]) }.contains("no control character"))
    #expect(message { _ = try builder.add(Flatten(), name: nil, inputs: [7]) }.contains("node 7 is not a node"))
    #expect(message { _ = try builder.add(Flatten(), name: nil, inputs: [-1]) }.contains("node -1"))
    #expect(message { _ = try builder.build(outputs: []) }.contains("needs an output"))
    #expect(message { _ = try builder.build(outputs: [3]) }.contains("output node 3"))
    #expect(
      message { _ = try builder.add(Normalization(mean: [1, 2], variance: [1, 1]), name: "n", inputs: [input]) }
        == "layer 'n': Normalization has 2 statistics; rows of shape [4] take 1, 4 or 4")
    let dense = try builder.add(Dense(units: 2), name: nil, inputs: [input])
    _ = try builder.add(Dense(units: 3), name: "stray", inputs: [input])
    #expect(message { _ = try builder.build(outputs: [dense]) } == "layer 'stray' does not lead to an output")
  }

  @Test func mergesRefuse() throws {
    var builder = try GraphBuilder(name: "m")
    let x = try builder.add(InputLayer(shape: Shape(vector: 4)), name: nil, inputs: [])
    let y = try builder.add(Dense(units: 2), name: nil, inputs: [x])
    func refusal(_ layer: any Layer, _ inputs: [Int]) -> String {
      message { _ = try builder.add(layer, name: "merge", inputs: inputs) }
    }
    #expect(refusal(Merge(.add), [x]) == "layer 'merge': Add takes 2 or more inputs, 1 were given")
    #expect(refusal(Merge(.subtract), [x, x, x]) == "layer 'merge': Subtract takes 2 inputs, 3 were given")
    #expect(
      refusal(Merge(.maximum), [x, y])
        == "layer 'merge': Maximum takes inputs of one shape; input 0 has rows of shape [4], input 1 of [2]")
    #expect(refusal(Concatenate(), [x]) == "layer 'merge': Concatenate takes 2 or more inputs, 1 were given")
    for axis in [0, 2, -2] {
      #expect(
        refusal(Concatenate(axis: axis), [x, y]).contains("has axis \(axis); rows of shape [4] have axes 1 to 1"))
    }
    #expect(refusal(Dense(units: 1), [x, y]) == "layer 'merge': Dense takes 1 input, 2 were given")
  }

  @Test func sharingRefuses() throws {
    var builder = try GraphBuilder(name: "m")
    let x = try builder.add(InputLayer(shape: Shape(vector: 4)), name: "x", inputs: [])
    let y = try builder.add(Dense(units: 2), name: "d", inputs: [x])
    #expect(message { _ = try builder.apply(layer: 0, inputs: [y]) } == "layer 'x' is an input; it reads nothing")
    #expect(
      message { _ = try builder.apply(layer: 1, inputs: [y]) }
        == "layer 'd': its weight 'kernel' has shape [4, 2]; these inputs need [2, 2]")
    #expect(message { _ = try builder.apply(layer: 1, inputs: [9]) }.contains("node 9 is not a node"))
  }

  @Test func hugeLayersAreRefused() throws {
    var builder = try GraphBuilder(name: "m")
    let input = try builder.add(InputLayer(shape: Shape(vector: 1 << 30)), name: nil, inputs: [])
    #expect(
      message { _ = try builder.add(Dense(units: Int.max / 2), name: nil, inputs: [input]) }.contains("too large"))
    let dense = try builder.add(Dense(units: 1 << 25), name: nil, inputs: [input])
    #expect(
      message { _ = try Model(graph: builder.build(outputs: [dense]), seed: 0) }.contains("cannot allocate"))
  }
}
