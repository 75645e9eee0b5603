// A network for images while it grows: layers in few words, each from the node that it reads to the one it makes.

import MartletCore

struct ImageNetwork {
  let options: ApplicationOptions
  private var builder: GraphBuilder
  /// What went wrong first. From then on no layer is added, and `build` throws it: so that an architecture is read
  /// without error handling at every layer.
  private var failure: MartletError?

  /// The network with its input, which is node 0.
  init(name: String, _ options: ApplicationOptions, images: Shape) throws(MartletError) {
    builder = try GraphBuilder(name: name, className: "Functional")
    self.options = options
    _ = try builder.add(InputLayer(shape: images), name: "input_layer", inputs: [])
  }

  /// - Throws: `invalidArgument` for what a layer cannot have.
  func build(_ output: Int) throws(MartletError) -> Graph {
    if let failure { throw failure }
    return try builder.build(outputs: [output])
  }

  /// Height, width and channels of a node.
  func size(of node: Int) -> [Int] { builder.nodes[node].shape.dimensions }

  /// - Parameter name: nil for Keras' automatic name.
  @inline(never)
  mutating func add(_ layer: any Layer, _ name: String?, reading inputs: [Int], isTrainable: Bool = true) -> Int {
    guard failure == nil else { return 0 }
    do {
      return try builder.add(layer, name: name, inputs: inputs, isTrainable: isTrainable)
    } catch {
      failure = error
      return 0
    }
  }

  // MARK: Layers
  // Windows are square. A network is made once: of what its many layers call, size counts.

  @inline(never)
  mutating func convolution(
    _ x: Int, _ filters: Int, _ side: Int, stride: Int = 1, padding: SlidingWindow.Padding = .valid,
    activation: Activation = .linear, useBias: Bool = true, _ name: String?
  ) -> Int {
    let window = window(side, stride, padding)
    return add(
      Convolution(rank: 2, filters: filters, window: window, activation: activation, useBias: useBias), name,
      reading: [x])
  }

  /// Without bias.
  mutating func depthwise(
    _ x: Int, _ side: Int, stride: Int, padding: SlidingWindow.Padding, _ name: String
  ) -> Int {
    add(DepthwiseConvolution(window: window(side, stride, padding), useBias: false), name, reading: [x])
  }

  /// Without bias, the image's size unchanged.
  @inline(never)
  mutating func separable(_ x: Int, _ filters: Int, _ side: Int, _ name: String) -> Int {
    let depthwise = DepthwiseConvolution(window: window(side, 1, .same))
    return add(SeparableConvolution(depthwise: depthwise, filters: filters, useBias: false), name, reading: [x])
  }

  @inline(never)
  mutating func normalized(
    _ x: Int, momentum: Double = 0.99, epsilon: Double = 1e-3, _ name: String?
  ) -> Int {
    add(BatchNormalization(momentum: momentum, epsilon: epsilon), name, reading: [x])
  }

  @inline(never)
  mutating func activated(_ x: Int, _ activation: Activation, _ name: String) -> Int {
    add(ActivationLayer(activation), name, reading: [x])
  }

  @inline(never)
  mutating func padded(
    _ x: Int, top: Int, bottom: Int, left: Int, right: Int, _ name: String
  ) -> Int {
    add(Borders(.zeroPadding, top: top, bottom: bottom, left: left, right: right), name, reading: [x])
  }

  @inline(never)
  mutating func maxPooled(
    _ x: Int, _ side: Int, padding: SlidingWindow.Padding = .valid, _ name: String
  ) -> Int {
    add(Pooling(.max, rank: 2, window: window(side, 2, padding)), name, reading: [x])
  }

  @inline(never)
  mutating func sum(_ x1: Int, _ x2: Int, _ name: String?) -> Int {
    add(Merge(.add), name, reading: [x1, x2])
  }

  private func window(_ side: Int, _ stride: Int, _ padding: SlidingWindow.Padding) -> SlidingWindow {
    SlidingWindow(size: [side, side], strides: [stride, stride], padding: padding)
  }

  // MARK: Ends

  @inline(never)
  mutating func averagePooled(_ x: Int, _ name: String?) -> Int {
    add(Pooling(.average, rank: 2, window: nil), name, reading: [x])
  }

  @inline(never)
  mutating func classified(_ x: Int) -> Int {
    add(Dense(units: options.classes, activation: options.classifierActivation), "predictions", reading: [x])
  }

  /// The end of a network without classifier: the pooling that the options ask for.
  @inline(never)
  mutating func pooled(
    _ x: Int, averageName: String? = nil, maxName: String? = nil
  ) -> Int {
    guard let kind = options.pooling else { return x }
    return add(Pooling(kind, rank: 2, window: nil), kind == .average ? averageName : maxName, reading: [x])
  }
}
