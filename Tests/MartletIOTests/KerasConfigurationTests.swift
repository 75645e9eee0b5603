// Configurations as Keras 2 and Keras 3 write them, and everything that is refused with its reason.

import MartletCore
import MartletNN
import Testing

@testable import MartletIO

struct KerasConfigurationTests {
  private static let input =
    #"{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 4, 3], "name": "in"}}"#

  private func sequential(_ layers: String...) -> String {
    #"{"class_name": "Sequential", "config": {"name": "m", "layers": ["# + layers.joined(separator: ", ") + "]}}"
  }

  private func layer(_ className: String, _ config: String = "") -> String {
    #"{"class_name": "\#(className)", "config": {"name": "l"\#(config.isEmpty ? "" : ", " + config)}}"#
  }

  private func graph(_ text: String) throws -> Graph { try KerasConfiguration(text).graph([:]) }

  // MARK: Read

  @Test func aSequentialModelOfKeras3() throws {
    let dtype =
      #""dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null}"#
    let graph = try graph(
      """
      {"class_name": "Sequential", "config": {"name": "digits", "trainable": true, \(dtype), "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 8], "dtype": "float32", "sparse": false,
          "ragged": false, "name": "input_layer", "optional": false}},
        {"class_name": "Dense", "config": {"name": "d", "trainable": false, \(dtype), "units": 5, "activation": "relu",
          "use_bias": false, "kernel_initializer": {"module": "keras.initializers", "class_name": "HeNormal",
          "config": {"seed": null}, "registered_name": null}, "bias_initializer": {"module": "keras.initializers",
          "class_name": "Zeros", "config": {}, "registered_name": null}, "kernel_regularizer": {
          "module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.01}, "registered_name": null},
          "bias_regularizer": null, "kernel_constraint": null, "bias_constraint": null,
          "quantization_config": null}}], "build_input_shape": [null, 8]}}
      """)
    #expect(graph.name == "digits")
    #expect(graph.layers.map(\.name) == ["input_layer", "d"])
    let dense = try #require(graph.layers[1].layer as? Dense)
    #expect(dense.units == 5 && dense.activation == .relu && !dense.useBias)
    #expect(dense.kernelInitializer == .heNormal)
    #expect(dense.kernelRegularizer == Regularizer(l2: 0.01))
    #expect(!graph.layers[1].isTrainable)
  }

  /// The layers come in another order than they are computed; both forms of `inbound_nodes`.
  @Test func aFunctionalModelOfKeras2And3() throws {
    let ends = #""input_layers": [["in", 0, 0]], "output_layers": ["out", 0, 0]"#
    let tensor =
      #"{"class_name": "__keras_tensor__", "config": {"shape": [null, 12], "dtype": "float32", "keras_history": ["flat", 0, 0]}}"#
    let graph = try graph(
      """
      {"class_name": "Functional", "config": {"name": "f", "layers": [
        {"class_name": "Dense", "name": "out", "config": {"name": "out", "units": 2, "activation": "softmax"},
          "inbound_nodes": [{"args": [\(tensor)], "kwargs": {"training": false, "mask": null}}]},
        {"class_name": "InputLayer", "name": "in", "config": {"batch_input_shape": [null, 4, 3], "name": "in"},
          "inbound_nodes": []},
        {"class_name": "Flatten", "name": "flat", "config": {"name": "flat"}, "inbound_nodes": [[["in", 0, 0, {}]]]}],
        \(ends)}}
      """)
    #expect(graph.layers.map(\.name) == ["in", "flat", "out"])
    #expect(graph.outputShapes.map(\.dimensions) == [[2]])
  }

  @Test func theFirstLayerTellsTheInput() throws {
    let graph = try graph(sequential(layer("Dense", #""units": 2, "batch_input_shape": [null, 7]"#)))
    #expect(graph.inputShapes.map(\.dimensions) == [[7]])
    #expect(graph.layers.map(\.name) == ["l_input", "l"])
  }

  @Test func activationsInAllTheirForms() throws {
    let cases: [(String, Activation)] = [
      (layer("Activation", #""activation": "tanh""#), .tanh),
      (layer("Activation", #""activation": {"class_name": "function", "config": "sigmoid"}"#), .sigmoid),
      (layer("ReLU"), .relu), (layer("ReLU", #""negative_slope": 0.1, "max_value": null"#), .leakyReLU(slope: 0.1)),
      (layer("LeakyReLU"), .leakyReLU(slope: 0.3)), (layer("LeakyReLU", #""alpha": 0.2"#), .leakyReLU(slope: 0.2)),
      (layer("LeakyReLU", #""negative_slope": 0.05"#), .leakyReLU(slope: 0.05)),
      (layer("ELU"), .elu(alpha: 1)), (layer("ELU", #""alpha": 0.5"#), .elu(alpha: 0.5)),
      (layer("Activation", #""activation": "elu""#), .elu(alpha: 1)),
      (layer("Activation", #""activation": "swish""#), .silu), (layer("Activation", #""activation": "gelu""#), .gelu),
      (
        layer(
          "Activation",
          #""activation": {"class_name": "function", "config": "keras_hub>gelu_approximate", "module": "builtins"}"#),
        .geluTanh
      ),
      (layer("Softmax", #""axis": -1"#), .softmax), (layer("Softmax", #""axis": [2]"#), .softmax),
    ]
    for (text, expected) in cases {
      let found = try graph(sequential(Self.input, text)).layers[1].layer as? ActivationLayer
      #expect(found?.activation == expected, "\(text)")
    }
  }

  private func initializer(_ json: String, of weight: String = "kernel") throws -> Initializer? {
    let dense = layer("Dense", #""units": 2, "\#(weight)_initializer": \#(json)"#)
    let found = try graph(sequential(Self.input, dense)).layers[1].layer as? Dense
    return weight == "kernel" ? found?.kernelInitializer : found?.biasInitializer
  }

  @Test func initialisersInAllTheirForms() throws {
    let cases: [(String, Initializer)] = [
      (#""glorot_normal""#, .glorotNormal), (#""lecun_uniform""#, .lecunUniform), (#""zero""#, .zeros),
      (#""uniform""#, .randomUniform(minimum: -0.05, maximum: 0.05)),
      (#""normal""#, .randomNormal(mean: 0, standardDeviation: 0.05)), (#""orthogonal""#, .orthogonal(gain: 1)),
      // Keras 2.0 to 2.2 wrote Glorot and He initialisers like this, and called the truncated normal "normal".
      (
        #"{"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_in", "distribution": "normal"}}"#,
        .varianceScaling(.init(scale: 2, mode: .fanIn, distribution: .truncatedNormal))
      ),
      (
        #"{"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform"}}"#,
        .varianceScaling(.init(scale: 1, mode: .fanAverage, distribution: .uniform))
      ),
      (
        #"{"class_name": "VarianceScaling", "config": {"seed": null}}"#,
        .varianceScaling(.init(scale: 1, mode: .fanIn, distribution: .truncatedNormal))
      ),
      (
        #"{"class_name": "RandomNormal", "config": {"mean": 0.5, "stddev": 0.25, "seed": 3}}"#,
        .randomNormal(mean: 0.5, standardDeviation: 0.25)
      ),
      (
        #"{"module": "keras.initializers", "class_name": "LecunNormal", "config": {"seed": null, "input_axes": null}}"#,
        .lecunNormal
      ),
      (#"{"class_name": "Ones", "config": {}}"#, .ones),
      (#"{"class_name": "IdentityInitializer", "config": {"gain": 2}}"#, .identity(gain: 2)),
    ]
    for (text, expected) in cases {
      #expect(try initializer(text) == expected, "\(text)")
    }
  }

  /// The weights are in the file: a way to draw them that is unknown or makes no sense does not matter.
  @Test func initialisersThatAreNotUnderstood() throws {
    for text in [
      #"{"class_name": "STFT", "config": {}}"#, #"{"class_name": "Constant", "config": {"value": [1, 2]}}"#,
      #"{"class_name": "RandomNormal", "config": {"stddev": -1}}"#,
      #"{"class_name": "RandomUniform", "config": {"minval": 1, "maxval": 0}}"#,
      #"{"class_name": "RandomUniform", "config": {"minval": -3e38, "maxval": 3e38}}"#,
      #"{"class_name": "VarianceScaling", "config": {"scale": 0}}"#,
      #"{"class_name": "VarianceScaling", "config": {"mode": "fan"}}"#,
      #"{"class_name": "VarianceScaling", "config": {"distribution": "cauchy"}}"#,
      #"{"class_name": "HeNormal", "config": {"input_axes": [0], "output_axes": [1]}}"#,
      #"{"class_name": "Orthogonal", "config": {"gain": 1e300}}"#, "3", "[]",
    ] {
      #expect(try initializer(text) == .glorotUniform, "\(text)")
    }
    #expect(try initializer(#""orthogonal""#, of: "bias") == .zeros)
    #expect(try initializer(#""identity""#, of: "bias") == .zeros)
  }

  /// Every class is written so that it is read as what it was.
  @Test func initialisersComeBack() throws {
    let scaling = Initializer.VarianceScaling(scale: 0.3, mode: .fanOut, distribution: .untruncatedNormal)
    for initializer: Initializer in [
      .zeros, .ones, .constant(0.1), .randomNormal(mean: 0.1, standardDeviation: 0.2),
      .truncatedNormal(mean: -0.1, standardDeviation: 0.7), .randomUniform(minimum: -0.3, maximum: 0.1),
      .varianceScaling(scaling), .glorotUniform, .glorotNormal, .heUniform, .heNormal, .lecunUniform, .lecunNormal,
      .orthogonal(gain: 1.1), .identity(gain: 0.9),
    ] {
      #expect(Initializer(keras: try JSON(text: initializer.kerasJSON.text()), rank: 2) == initializer)
    }
  }

  @Test func regularisersInAllTheirForms() throws {
    let cases: [(String, Regularizer)] = [
      (#""l1""#, Regularizer(l1: 0.01)), (#""l2""#, Regularizer(l2: 0.01)), (#""L2""#, Regularizer(l2: 0.01)),
      (#""l1_l2""#, Regularizer(l1: 0.01, l2: 0.01)), (#""l1l2""#, .none),
      (#"{"class_name": "L1", "config": {"l1": 0.5}}"#, Regularizer(l1: 0.5)),
      (#"{"class_name": "L2", "config": {}}"#, Regularizer(l2: 0.01)),
      (#"{"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.25}}"#, Regularizer(l2: 0.25)),
    ]
    for (text, expected) in cases {
      let dense = layer("Dense", #""units": 2, "kernel_regularizer": \#(text)"#)
      let found = try graph(sequential(Self.input, dense)).layers[1].layer as? Dense
      #expect(found?.kernelRegularizer == expected, "\(text)")
    }
  }

  @Test func constraintsInAllTheirForms() throws {
    let cases: [(String, Constraint?)] = [
      ("null", nil), (#""max_norm""#, .maximumNorm(2, .rows)), (#""NonNeg""#, .nonNegative),
      (#"{"class_name": "NonNeg", "config": {}}"#, .nonNegative), (#""unit_norm""#, .unitNorm(.rows)),
      (#"{"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 1}}"#, .maximumNorm(3, .init(1, 1))),
      (#"{"class_name": "UnitNorm", "config": {"axis": -1}}"#, .unitNorm(.init(-1, -1))),
      (#"{"class_name": "UnitNorm", "config": {"axis": [0, 1]}}"#, .unitNorm(.init(0, 1))),
    ]
    for (text, expected) in cases {
      let dense = layer("Dense", #""units": 2, "kernel_constraint": \#(text)"#)
      let found = try #require(graph(sequential(Self.input, dense)).layers[1].layer as? Dense)
      #expect(found.kernelConstraint == expected, "\(text)")
      guard let constraint = found.kernelConstraint else { continue }
      let again = layer("Dense", #""units": 2, "bias_constraint": \#(try constraint.kerasJSON(rank: 2).text())"#)
      if constraint.axes?.last ?? 0 < 1 {  // a bias has one axis
        #expect((try graph(sequential(Self.input, again)).layers[1].layer as? Dense)?.biasConstraint == expected)
      }
    }
  }

  @Test func normalisationOverNoneTheLastAndAllAxes() throws {
    let image = "[[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]"
    let cases: [(String, Int)] = [
      (#""axis": null, "mean": 2, "variance": 3"#, 1), (#""axis": -1, "mean": [1, 2, 3], "variance": [1, 1, 1]"#, 3),
      (#""axis": [2], "mean": 1.5, "variance": 2"#, 1), (#""axis": -1, "mean": [1, 2, 3], "variance": 1"#, 3),
      (#""axis": [1, 2], "mean": \#(image), "variance": \#(image)"#, 12),
    ]
    for (config, count) in cases {
      let found = try graph(sequential(Self.input, layer("Normalization", config))).layers[1].layer as? Normalization
      #expect(found?.mean.count == count && found?.variance.count == count, "\(config)")
    }
  }

  /// A number is not spread over a shape that costs the file nothing.
  @Test func normalisationOfAHugeShapeByOneNumber() throws {
    let input =
      #"{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 1125899906842624], "name": "in"}}"#
    let graph = try graph(sequential(input, layer("Normalization", #""axis": -1, "mean": 1, "variance": 1"#)))
    #expect((graph.layers[1].layer as? Normalization)?.mean == [1])
  }

  // MARK: Refused

  @Test func whatIsRefused() {
    let cases: [(String, ErrorCode, String)] = [
      (layer("Lambda"), .unsupported, "layer 'l' (Lambda) holds code"),
      (layer("LSTM"), .unsupported, "layer 'l' is of class 'LSTM'"),
      (layer("ReLU", #""max_value": -6"#), .unsupported, "max_value"),
      (layer("ReLU", #""threshold": -1"#), .unsupported, "threshold"),
      (layer("Softmax", #""axis": "last""#), .formatError, "axis"),
      (layer("Dropout", #""rate": 1"#), .unsupported, "rate"), (layer("Dropout"), .formatError, "'rate'"),
      (layer("Flatten", #""data_format": "channels_first""#), .unsupported, "channels_first"),
      (layer("Reshape"), .formatError, "no 'target_shape' that is a list"),
      (layer("Reshape", #""target_shape": [3, "x"]"#), .formatError, "has the target_shape"),
      (layer("Reshape", #""target_shape": [5, 2]"#), .formatError, "rows of shape [4, 3] have 12 elements"),
      (layer("Permute", #""dims": [1, 1]"#), .formatError, "rows of shape [4, 3] take each of 1 to 2 once"),
      (layer("Permute", #""dims": [1, 2, 3, 4, 5, 6, 7, 8, 9]"#), .formatError, "no 'dims' that is a list"),
      (layer("GaussianNoise"), .formatError, "'stddev'"),
      (layer("GaussianNoise", #""stddev": -1"#), .formatError, "the stddev -1.0; it must be finite and at least 0"),
      (layer("ActivityRegularization", #""l1": -1"#), .formatError, "the l1 -1.0"),
      (
        layer("Rescaling", #""scale": [1, 2]"#), .unsupported,
        "numbers of shape [2] as 'scale'; rows of shape [4, 3] take a number, or 3, one for each channel"
      ),
      (layer("Rescaling", #""scale": [[[[1, 2, 3]]]]"#), .unsupported, "numbers of shape [1, 1, 1, 3] as 'scale'"),
      (layer("Rescaling", #""scale": [[1], [2], [3]]"#), .unsupported, "as 'scale' neither a number nor a list"),
      (layer("Rescaling", #""scale": []"#), .unsupported, "as 'scale' neither a number nor a list"),
      (layer("Rescaling", #""scale": 1, "offset": [0, 1e39, 0]"#), .formatError, "the offset 1e+39"),
      (layer("Rescaling"), .formatError, "'scale'"),
      (layer("Dense"), .formatError, "units"), (layer("Dense", #""units": -3"#), .formatError, "-3 units"),
      (layer("Dense", #""units": 4611686018427387904"#), .formatError, "units"),
      (layer("Dense", #""units": 2, "activation": "softsign""#), .unsupported, "'softsign'"),
      (
        layer("Dense", #""units": 2, "kernel_constraint": {"class_name": "MinMaxNorm"}"#), .unsupported,
        "'kernel_constraint' other than MaxNorm, NonNeg and UnitNorm"
      ),
      (
        layer("Dense", #""units": 2, "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": -1}}"#),
        .formatError, "'kernel_constraint' of at most -1"
      ),
      (
        layer("Dense", #""units": 2, "kernel_constraint": {"class_name": "UnitNorm", "config": {"axis": [0, 2]}}"#),
        .unsupported, "'kernel_constraint' over axes that are not adjacent"
      ),
      (
        layer("Dense", #""units": 2, "kernel_constraint": {"class_name": "UnitNorm", "config": {"axis": "all"}}"#),
        .formatError, "'kernel_constraint' over the axis"
      ),
      (
        layer("Dense", #""units": 2, "kernel_constraint": {"class_name": "UnitNorm", "config": {"axis": 4e18}}"#),
        .formatError, "'kernel_constraint' over the axis"
      ),
      (
        layer("Dense", #""units": 2, "bias_constraint": {"class_name": "UnitNorm", "config": {"axis": 1}}"#),
        .formatError, "the constraint of weight 'bias' is over axis 1"
      ),
      (
        layer("Dense", #""units": 2, "kernel_regularizer": {"class_name": "OrthogonalRegularizer"}"#), .unsupported,
        "kernel_regularizer"
      ),
      (
        layer("Dense", #""units": 2, "kernel_regularizer": {"class_name": "L2", "config": {"l2": -1}}"#),
        .formatError, "-1"
      ),
      (layer("Normalization", #""axis": 1, "mean": [1, 2, 3, 4], "variance": [1, 2, 3, 4]"#), .unsupported, "axis"),
      (layer("Normalization", #""axis": -1, "mean": [1, 2], "variance": [1, 2]"#), .formatError, "2 means"),
      (layer("Normalization", #""axis": -1, "mean": [1, 2, 3], "variance": [1, 2, -3]"#), .formatError, "negative"),
      (layer("Normalization", #""mean": 1, "variance": 1, "invert": true"#), .unsupported, "invert"),
      (Self.input, .formatError, "'in'"),
    ]
    for (text, code, message) in cases {
      expectError(code, message) { try graph(sequential(Self.input, text)) }
    }
    let models: [(String, ErrorCode, String)] = [
      ("", .formatError, "JSON"), ("[1, 2", .formatError, "JSON"), ("{\"a\": NaN}", .formatError, "JSON"),
      ("{}", .formatError, "class_name"), (sequential(), .formatError, "output"),
      (sequential(layer("Dense", #""units": 2"#)), .formatError, "input shape"),
      (#"{"class_name": "MyModel", "config": {}}"#, .unsupported, "MyModel"),
      (String(repeating: "[", count: 1_000_000), .formatError, "nested deeper than 64"),
      (
        sequential(#"{"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, null]}}"#),
        .unsupported, "unspecified"
      ),
    ]
    for (text, code, message) in models { expectError(code, message) { try graph(text) } }
  }

  @Test func graphsThatAreNone() {
    func functional(_ inbound: String, outputs: String = #"[["d", 0, 0]]"#) -> String {
      """
      {"class_name": "Functional", "config": {"name": "f", "layers": [
        {"class_name": "InputLayer", "name": "in", "config": {"batch_shape": [null, 4], "name": "in"}, "inbound_nodes": []},
        {"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 2}, "inbound_nodes": \(inbound)}],
        "input_layers": [["in", 0, 0]], "output_layers": \(outputs)}}
      """
    }
    let good = #"[[["in", 0, 0, {}]]]"#
    let cases: [(String, ErrorCode, String)] = [
      (functional(#"[[["d", 0, 0, {}]]]"#), .formatError, "in turn"),
      (functional(#"[[["nobody", 0, 0, {}]]]"#), .formatError, "layer 'nobody', which is not in the model"),
      (functional("[]"), .formatError, "no input"),
      (functional(#"[[["in", 0, 0, {}]], [["in", 0, 0, {}]]]"#), .formatError, "'d' does not lead to an output"),
      (functional(#"[[["in", 1, 0, {}]]]"#), .formatError, "call 1 of layer 'in', which is called 1 times"),
      (functional(#"[[[3]]]"#), .formatError, "inbound_nodes"),
      (functional(#"[[["in", 0, 0, {"mask": true}]]]"#), .unsupported, "mask=true"),
      (functional(good, outputs: #"[["x", 0, 0]]"#), .formatError, "output"),
      (functional(good, outputs: #"["in", 0, 0]"#), .formatError, "'d'"),
    ]
    for (text, code, message) in cases { expectError(code, message) { try graph(text) } }
  }

  /// Inputs in the order of `input_layers`, a layer with two calls, and outputs of which one is read: as Keras 2 writes it,
  /// and written again as it was.
  @Test func aGraphIsReadAndWritten() throws {
    let text = """
      {"class_name":"Functional","config":{"input_layers":[["b",0,0],["a",0,0]],"layers":[\
      {"class_name":"InputLayer","config":{"batch_input_shape":[null,2],"dtype":"float32","name":"b","ragged":false,\
      "sparse":false},"inbound_nodes":[],"name":"b"},\
      {"class_name":"InputLayer","config":{"batch_input_shape":[null,2],"dtype":"float32","name":"a","ragged":false,\
      "sparse":false},"inbound_nodes":[],"name":"a"},\
      {"class_name":"Flatten","config":{"data_format":"channels_last","dtype":"float32","name":"f","trainable":true},\
      "inbound_nodes":[[["a",0,0,{}]],[["s",0,0,{}]]],"name":"f"},\
      {"class_name":"Add","config":{"dtype":"float32","name":"s","trainable":true},\
      "inbound_nodes":[[["f",0,0,{}],["b",0,0,{}]]],"name":"s"}],\
      "name":"g","output_layers":[["f",1,0],["s",0,0]]}}
      """
    let graph = try graph(text)
    #expect(graph.layers.map(\.name) == ["b", "a", "f", "s"])
    #expect(graph.nodes.map(\.layer) == [0, 1, 2, 3, 2])
    #expect(graph.nodes.map(\.inputs) == [[], [], [1], [2, 0], [3]])
    #expect(graph.inputs == [0, 1] && graph.outputs == [4, 3])
    #expect(try KerasConfiguration.text(graph) == text)
    // Keras lists layers by depth: f is called at depths 0 and 2, s is at 1; b, which s reads, is at 2.
    #expect(graph.kerasLayerOrder.map { graph.layers[$0].name } == ["a", "f", "b", "s"])
  }
}
