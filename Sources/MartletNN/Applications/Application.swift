// Networks for images as `keras.applications` makes them: the same layers in the same order, with the same names,
// settings and initialisers, so that Keras' files of weights fit. Each is in a file of its own.

import MartletCore

package enum Application: Sendable {
  case resNet50, xception, vgg16, mobileNetV2

  /// Keras' function, the sides of images that it takes by default and at least, and how they are prepared.
  private var facts: (name: String, defaultSide: Int, minimumSide: Int, preprocessing: Preprocessing) {
    switch self {
    case .resNet50: ("ResNet50", 224, 32, .caffe)
    case .xception: ("Xception", 299, 71, .tf)
    case .vgg16: ("VGG16", 224, 32, .caffe)
    case .mobileNetV2: ("MobileNetV2", 224, 32, .tf)
    }
  }

  /// A model with new weights, or those that `load` gives it.
  ///
  /// - Parameter load: called with the network as Keras has it: without preprocessing, for which files have no weights.
  /// - Throws: `invalidArgument` for options that the network cannot have; `outOfMemory`; what `load` throws.
  package func model(
    _ options: ApplicationOptions, seed: UInt64, load: (Model) throws(MartletError) -> Void
  ) throws(MartletError) -> Model {
    let network = try Model(graph: try graph(options, preprocessing: nil), seed: seed)
    try load(network)
    guard options.preprocesses else { return network }
    let preprocessing = facts.preprocessing
    let graph = try graph(options, preprocessing: preprocessing)
    // Its layer follows the input: all others have come one place further.
    let kept = Dictionary(uniqueKeysWithValues: graph.layers.indices.dropFirst(2).map { ($0, (network, $0 - 1)) })
    let model = try Model(graph: graph, seed: seed, keeping: kept)
    preprocessing.setWeights(of: model, layer: 1)
    return model
  }

  private func graph(
    _ options: ApplicationOptions, preprocessing: Preprocessing?
  ) throws(MartletError) -> Graph {
    let shape = try imageShape(options)
    let name = options.name ?? defaultName(options, height: shape.dimensions[0])
    var network = try ImageNetwork(name: name, options, images: shape)
    let images = preprocessing.map { network.preprocessed(0, by: $0) } ?? 0
    let output =
      switch self {
      case .resNet50: network.resNet50(images)
      case .xception: network.xception(images)
      case .vgg16: network.vgg16(images)
      case .mobileNetV2: network.mobileNetV2(images)
      }
    return try network.build(output)
  }

  private func imageShape(_ options: ApplicationOptions) throws(MartletError) -> Shape {
    let (name, defaultSide, minimum, preprocessing) = facts
    let (height, width) = (options.height ?? defaultSide, options.width ?? defaultSide)
    guard height >= minimum, width >= minimum else {
      throw MartletError(
        .invalidArgument,
        "\(name) takes images of at least \(minimum) x \(minimum); height is \(height) and width \(width)")
    }
    guard !options.preprocesses || preprocessing != .caffe || options.channels == 3 else {
      throw MartletError(
        .invalidArgument,
        "the preprocessing of \(name) takes images of 3 channels, red, green and blue; channels is \(options.channels)")
    }
    return try Shape([height, width, options.channels], of: "the input of \(name)")
  }

  private func defaultName(_ options: ApplicationOptions, height: Int) -> String {
    guard self == .mobileNetV2 else { return facts.name.lowercased() }
    let hundredths = Int((options.alpha * 100).rounded(.toNearestOrEven))
    let (ones, fraction) = hundredths.quotientAndRemainder(dividingBy: 100)
    return "mobilenetv2_\(ones).\(fraction < 10 ? "0" : "")\(fraction)_\(height)"
  }
}

/// What Keras' networks can be asked for; the defaults are Keras'.
package struct ApplicationOptions: Sendable {
  /// Whether the network ends with its classifier.
  package var includeTop = true
  /// What comes after the last layer of a network without classifier.
  package var pooling: Pooling.Kind?
  package var classes = 1000
  package var classifierActivation = Activation.softmax
  /// nil: the network's own.
  package var height: Int?
  package var width: Int?
  package var channels = 3
  /// Whether the network prepares the images, of 0 to 255, itself.
  package var preprocesses = false
  /// Of MobileNetV2: what the numbers of channels are multiplied by; above 0, at most `maximumAlpha`.
  package var alpha = 1.0
  /// nil: Keras'.
  package var name: String?

  /// Far more than a network can be trained with; numbers of channels stay far below `Int.max`.
  package static let maximumAlpha = 100.0

  package init() {}
}
