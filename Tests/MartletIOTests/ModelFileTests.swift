// Model files: what is saved loads, and what is wrong is named. That Keras loads them too is tested in Tests/python.

import MartletCore
import MartletNN
import Testing

@testable import MartletIO

struct ModelFileTests {
  @Test func aChainOfAllLayersComesBack() throws {
    let folder = try TemporaryFolder()
    var builder = try GraphBuilder(name: "everything")
    var node = try builder.add(InputLayer(shape: Shape([4, 4, 2], of: "x")), name: "image", inputs: [])
    let layers: [any Layer] = [
      Rescaling(scale: 1 / 255, offset: -0.5),
      Normalization(mean: [0.25], variance: [4]),
      Normalization(mean: [0.1, 0.2], variance: [1, 2]),
      Normalization(mean: (0..<32).map { Float($0) / 7 }, variance: (0..<32).map { Float($0) / 3 }),
      Flatten(),
      Dense(
        units: 5, activation: .tanh, useBias: false, kernelInitializer: .randomNormal(standardDeviation: 0.1),
        kernelRegularizer: Regularizer(l1: 1e-5, l2: 1e-4)),
      ActivationLayer(.leakyReLU(slope: 0.3)),
      Dropout(rate: 0.25),
      Dense(units: 3, activation: .softmax, kernelInitializer: .heNormal, biasInitializer: .constant(0.5)),
    ]
    for layer in layers { node = try builder.add(layer, name: nil, inputs: [node]) }
    let model = try Model(graph: try builder.build(outputs: [node]), seed: 1 << 63 + 5)
    model.classNames = ["null", "eins", "zwölf"]

    let path = folder.path("model.h5")
    try ModelFile.save(model, path: path)
    let loaded = try ModelFile.load(path: path)

    #expect(loaded.graph.name == "everything")
    #expect(loaded.seed == model.seed)
    #expect(loaded.classNames == model.classNames)
    #expect(loaded.graph.layers.map(\.name) == model.graph.layers.map(\.name))
    for (one, other) in zip(loaded.graph.layers, model.graph.layers) {
      // Layers are plain values without an operator ==; their text holds every member.
      #expect("\(one.layer)" == "\(other.layer)")
    }
    #expect(loaded.flatWeights == model.flatWeights)

    // Same model, same bytes; and saving what was loaded changes nothing.
    let again = folder.path("again.h5")
    try ModelFile.save(loaded, path: again)
    #expect(try bytes(of: path) == bytes(of: again))
  }
}

extension Model {
  var flatWeights: [Float] {
    layout.parameters.flatMap { Array(UnsafeBufferPointer(start: values + $0.offset, count: $0.count)) }
  }
}
