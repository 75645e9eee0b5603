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
