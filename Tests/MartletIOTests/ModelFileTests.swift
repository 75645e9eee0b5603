// Model files: what is saved loads, and what is wrong is named. That Keras loads them too is tested in Tests/python.

import CHDF5
import MartletCore
import Testing

@testable import MartletIO
@testable import MartletNN

struct ModelFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func aChainOfAllLayersComesBack() throws {
    var builder = try GraphBuilder(name: "everything")
    var node = try builder.add(InputLayer(shape: Shape([4, 4, 2], of: "x")), name: "image", inputs: [])
    let layers: [any Layer] = [
      Rescaling(scale: 1 / 255, offset: -0.5),
      Rescaling(scale: [2], offset: [0.5, -0.5]),
      Normalization(mean: [0.25], variance: [4]),
      Normalization(mean: [0.1, 0.2], variance: [1, 2]),
      Normalization(mean: (0..<32).map { Float($0) / 7 }, variance: (0..<32).map { Float($0) / 3 }),
      Reshape([8, -1]),
      Permute([2, 1]),
      GaussianNoise(standardDeviation: 0.25),
      Flatten(),
      Dense(
        units: 5, activation: .tanh, useBias: false, kernelInitializer: .randomNormal(mean: 0, standardDeviation: 0.1),
        kernelRegularizer: Regularizer(l1: 1e-5, l2: 1e-4)),
      ActivationLayer(.leakyReLU(slope: 0.3)),
      ActivationLayer(.elu(alpha: 1)), ActivationLayer(.elu(alpha: 0.5)), ActivationLayer(.selu),
      ActivationLayer(.softplus), ActivationLayer(.silu), ActivationLayer(.gelu), ActivationLayer(.geluTanh),
      ActivationLayer(.hardSigmoid), ActivationLayer(.exponential), ActivationLayer(.hardSwish),
      ActivationLayer(.clippedReLU(slope: 0.5, maximum: 3, threshold: 1)), ActivationLayer(.relu6),
      Dropout(rate: 0.25),
      ActivityRegularization(Regularizer(l1: 0.1, l2: 0.2)),
      Dense(
        units: 3, activation: .softmax, kernelInitializer: .heNormal, biasInitializer: .constant(0.5),
        kernelConstraint: .maximumNorm(1.5, .init(-1, -1)), biasConstraint: .nonNegative),
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

  @Test func aForkIsWrittenAsAFunctionalModel() throws {
    var builder = try GraphBuilder(name: "line")
    let input = try builder.add(InputLayer(shape: Shape([2], of: "x")), name: "in", inputs: [])
    let output = try builder.add(Dense(units: 2), name: "d", inputs: [input])
    let chain = try builder.build(outputs: [output])
    #expect(try KerasConfiguration.text(chain).contains("\"Sequential\""))
    // The same layers, with an output that is not the last node.
    let graph = Graph(name: "fork", layers: chain.layers, nodes: chain.nodes, inputs: [0], outputs: [0])
    let text = try KerasConfiguration.text(graph)
    #expect(text.contains("\"Functional\""))
    #expect(text.contains(#""inbound_nodes":[[["in",0,0,{}]]]"#))
    #expect(text.contains(#""output_layers":["in",0,0]"#))
  }

  /// 2,000 layers: their names do not fit into one attribute.
  @Test func longListsOfNames() throws {
    var builder = try GraphBuilder(name: "deep")
    var node = try builder.add(InputLayer(shape: Shape([2], of: "x")), name: nil, inputs: [])
    for number in 0..<2000 {
      node = try builder.add(Flatten(), name: "a_rather_long_name_of_a_layer_\(number)", inputs: [node])
    }
    let model = try Model(graph: try builder.build(outputs: [node]), seed: 0)
    let path = folder.path("deep.h5")
    try ModelFile.save(model, path: path)
    let lists = try HDF5Library.exclusively { () throws(MartletError) in
      guard let group = try HDF5File(path: path).root().object(at: "model_weights") else { return [[String]?]() }
      return [try group.strings("layer_names"), try group.strings("layer_names0"), try group.strings("layer_names1")]
    }
    #expect(lists.count == 3)
    #expect(lists[0]?.count == 2000)
    // Keras' limit: 64,512 bytes for strings as wide as the longest, which has 33.
    #expect(lists[1]?.count == 1000 && lists[2]?.count == 1000)
    #expect(try ModelFile.load(path: path).graph.layers.count == 2001)
  }

  /// What Keras 3 calls the groups of layers in a file of weights (keras.src.utils.naming.to_snake_case).
  @Test func classesInSnakeCase() {
    let names = [
      ("Dense", "dense"), ("LeakyReLU", "leaky_re_lu"), ("Conv2D", "conv2d"), ("GRU", "gru"),
      ("BatchNormalization", "batch_normalization"), ("GlobalAveragePooling2D", "global_average_pooling2d"),
      ("SeparableConv2D", "separable_conv2d"), ("PReLU", "p_re_lu"), ("InputLayer", "input_layer"),
    ]
    for (className, expected) in names { #expect(GraphBuilder.snakeCase(className) == expected) }
  }

  @Test func memoryIsReadAsFilesAre() throws {
    let model = try smallModel()
    let image = try ModelFile.bytes(of: model)
    defer { withExtendedLifetime(image.storage) {} }
    let whole = UnsafeRawBufferPointer(start: image.storage.base, count: image.byteCount)
    #expect(try ModelFile.load(memory: whole, name: "bytes").flatWeights == model.flatWeights)
    for count in stride(from: 0, to: whole.count, by: 97) {
      expectError(.formatError, "'bytes'") {
        try ModelFile.load(memory: UnsafeRawBufferPointer(rebasing: whole.prefix(count)), name: "bytes")
      }
    }
  }

  // MARK: What is wrong is named

  /// Writes the small model as another program would, with one thing changed.
  private func foreign(
    _ name: String, configuration: String? = nil, kernel: [Float] = [Float](repeating: 1, count: 12),
    kernelShape: [Int] = [4, 3], names: [String]? = ["dense/kernel:0", "dense/bias:0"], withBias: Bool = true,
    version: Double? = nil
  ) throws -> String {
    let path = folder.path(name)
    let text = try configuration ?? KerasConfiguration.text(try smallModel().graph)
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.strings("model_config", on: "/", [text], isList: false)
      for group in ["model_weights", "model_weights/dense", "model_weights/dense/dense"] { file.group(group) }
      if let names { file.strings("weight_names", on: "model_weights/dense", names) }
      file.dataset("model_weights/dense/dense/kernel:0", kernelShape, kernel, memoryType: chdf5_native_float())
      if withBias {
        file.dataset("model_weights/dense/dense/bias:0", [3], [Float]([1, 2, 3]), memoryType: chdf5_native_float())
      }
      if let version {
        file.group("martlet")
        file.number("schema_version", on: "martlet", version)
      }
    }
    return path
  }

  @Test func aForeignModelIsRead() throws {
    let model = try ModelFile.load(path: try foreign("good.h5"))
    #expect(model.flatWeights == [Float](repeating: 1, count: 12) + [1, 2, 3])
    #expect(model.seed == 0)
    #expect(model.classNames == [])
    // Names of the first Keras versions say nothing: the order counts.
    let path = folder.path("old.h5")
    let text = try KerasConfiguration.text(try smallModel().graph)
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.strings("model_config", on: "/", [text], isList: false)
      for group in ["model_weights", "model_weights/dense"] { file.group(group) }
      file.fixedStrings("weight_names", on: "model_weights/dense", ["dense_W", "dense_b"], byteCount: 7)
      file.dataset(
        "model_weights/dense/dense_W", [4, 3], (0..<12).map { Double($0) }, memoryType: chdf5_native_double())
      file.dataset("model_weights/dense/dense_b", [3], [Double]([7, 8, 9]), memoryType: chdf5_native_double())
    }
    #expect(try ModelFile.load(path: path).flatWeights == (0..<12).map { Float($0) } + [7, 8, 9])
  }

  @Test func wrongModels() throws {
    let cases: [(String, ErrorCode, [String])] = [
      (
        try foreign("shape.h5", kernel: [Float](repeating: 1, count: 8), kernelShape: [4, 2]), .formatError,
        ["/model_weights/dense/dense/kernel:0", "[4, 2]", "[4, 3]"]
      ),
      (try foreign("missing.h5", withBias: false), .formatError, ["'dense/bias:0'"]),
      (try foreign("unnamed.h5", names: ["dense/kernel:0"]), .formatError, ["'bias'"]),
      (try foreign("no names.h5", names: nil), .formatError, ["weight_names"]),
      (
        try foreign("nan.h5", kernel: [Float](repeating: .nan, count: 12)), .formatError,
        ["kernel:0", "NaN"]
      ),
      (
        try foreign("infinite.h5", kernel: [Float](repeating: 1, count: 11) + [-.infinity]), .formatError,
        ["kernel:0", "infinite"]
      ),
      (try foreign("later.h5", version: 2), .unsupported, ["schema version 2"]),
      (try foreign("json.h5", configuration: "{"), .formatError, ["JSON"]),
      (
        try foreign("deep.h5", configuration: String(repeating: "[", count: 1_000_000)), .formatError,
        ["nested deeper than 64"]
      ),
    ]
    for (path, code, texts) in cases {
      for text in texts + [path] { expectError(code, text) { try ModelFile.load(path: path) } }
    }
    let weightsOnly = folder.path("weights.h5")
    let other = folder.path("other.h5")
    try withHDF5 {
      let file = HDF5TestFile(weightsOnly)
      file.strings("layer_names", on: "/", ["dense"])
      HDF5TestFile(other).group("g")
    }
    expectError(.unsupported, "save_weights") { try ModelFile.load(path: weightsOnly) }
    expectError(.formatError, "not a Keras model") { try ModelFile.load(path: other) }
    expectError(.notFound, "no/such") { try ModelFile.save(try smallModel(), path: folder.path("no/such/m.h5")) }
  }
}

extension Model {
  var flatWeights: [Float] {
    layout.parameters.flatMap { Array(UnsafeBufferPointer(start: values + $0.offset, count: $0.count)) }
  }
}
