// From the Keras classes to our layers. Keys of `config` that do not change what a layer computes are ignored; those
// that do and are not supported are refused.

import MartletCore
import MartletNN

/// Means and variances that a Normalization layer keeps as weights after `adapt`.
typealias KerasStatistics = (mean: [Float], variance: [Float])

extension KerasLayer {
  /// The layer this stands for.
  ///
  /// - Parameters:
  ///   - rows: shapes of one row of each input, as far as they are known.
  ///   - statistics: what the weights say, if `keepsStatisticsAsWeights`.
  /// - Throws: `unsupported` for a class or option we do not have, `formatError`.
  func layer(rows: [Shape], statistics: KerasStatistics?) throws(MartletError) -> any Layer {
    let row = rows.first ?? Shape(vector: 1)
    switch className {
    case "InputLayer": return try inputLayer()
    case "Dense": return try dense()
    case "Conv1D", "Convolution1D": return try convolution(rank: 1)
    case "Conv2D", "Convolution2D": return try convolution(rank: 2)
    case "DepthwiseConv2D": return try depthwiseConvolution()
    case "SeparableConv2D", "SeparableConvolution2D": return try separableConvolution()
    case "Conv2DTranspose", "Convolution2DTranspose": return try transposedConvolution()
    case "ZeroPadding2D": return try borders(.zeroPadding)
    case "Cropping2D": return try borders(.cropping)
    case "Resizing": return try resizing()
    case "UpSampling2D": return try upSampling()
    case "LayerNormalization": return try layerNormalization(row)
    case "GroupNormalization": return try groupNormalization(row)
    case "PReLU": return try pReLU(row)
    case "BatchNormalization": return try batchNormalization(row)
    case "Activation": return ActivationLayer(try activation(of: config["activation"]))
    case "ReLU": return try reLU()
    case "LeakyReLU":
      // Keras 2 calls it alpha.
      let key = config["alpha"] == nil ? "negative_slope" : "alpha"
      return ActivationLayer(.leakyReLU(slope: try nonNegative(key, default: 0.3)))
    case "ELU": return ActivationLayer(.elu(alpha: try nonNegative("alpha", default: 1)))
    case "Softmax": return try softmax(row)
    case "Dropout": return try dropout(row)
    case "SpatialDropout1D": return try spatialDropout(rank: 1)
    case "SpatialDropout2D": return try spatialDropout(rank: 2)
    case "GaussianNoise": return try gaussianNoise()
    case "ActivityRegularization": return try activityRegularization()
    case "Flatten": return try flatten(row)
    case "Reshape": return try reshape()
    case "Permute": return try permute()
    case "Rescaling":
      return Rescaling(scale: try channels("scale", row, default: nil), offset: try channels("offset", row, default: 0))
    case "Normalization": return try normalization(row, statistics)
    case "Add": return Merge(.add)
    case "Subtract": return Merge(.subtract)
    case "Multiply": return Merge(.multiply)
    case "Average": return Merge(.average)
    case "Maximum": return Merge(.maximum)
    case "Concatenate": return Concatenate(axis: config["axis"] == nil ? -1 : try integer("axis"))
    case "Lambda":
      throw error(
        .unsupported,
        "holds code, which is not run; load the file with another layer in its place: "
          + "martlet_model_load_replacing, in Python load_model(path, replace={'\(place)\(name)': Resizing(224, 224)})")
    default:
      if let pooling = try pooling() { return pooling }
      if let augmentation = try augmentation() { return augmentation }
      throw MartletError(
        .unsupported, "layer '\(place)\(name)' is of class '\(className)', which is not supported")
    }
  }

  /// Whether this is a Normalization layer that learned its statistics with `adapt`.
  var keepsStatisticsAsWeights: Bool {
    className == "Normalization" && (config["mean"] == nil || config["variance"] == nil)
  }

  var isTrainable: Bool { config["trainable"]?.boolValue ?? true }

  /// `batch_shape` (Keras 3) or `batch_input_shape` (Keras 2).
  var inputShape: JSON? { config["batch_shape"] ?? config["batch_input_shape"] }

  /// The shape of one row in `inputShape`; nil if there is none.
  func rowShape() throws(MartletError) -> Shape? {
    guard let json = inputShape else { return nil }
    return try Self.rowShape(json, name)
  }

  static func rowShape(_ json: JSON, _ name: String) throws(MartletError) -> Shape {
    guard let sizes = json.arrayValue, (2...Shape.maximumRank).contains(sizes.count) else {
      throw MartletError(
        .formatError, "layer '\(name)' has no input shape of 2 to \(Shape.maximumRank) dimensions with the batch")
    }
    var dimensions: [Int] = []
    for size in sizes.dropFirst() {
      guard size != .null else {
        throw MartletError(.unsupported, "layer '\(name)' has an input of unspecified size: \(json)")
      }
      guard let size = size.integerValue, size > 0 else {
        throw MartletError(.formatError, "layer '\(name)' has the input shape \(json)")
      }
      dimensions.append(size)
    }
    return try Shape(dimensions, of: "the input of layer '\(name)'")
  }

  private func inputLayer() throws(MartletError) -> InputLayer {
    try refuse("sparse", "ragged")
    guard let shape = try rowShape() else { throw error(.formatError, "has no input shape") }
    return InputLayer(shape: shape)
  }

  private func dense() throws(MartletError) -> Dense {
    try refuse("activity_regularizer", "lora_rank", "quantization_config")
    let units = try integer("units")
    guard units > 0, units <= Shape.maximumElementCount else { throw error(.formatError, "has \(units) units") }
    return Dense(
      units: units, activation: try activation(of: config["activation"]),
      useBias: try flag("use_bias", default: true),
      kernelInitializer: Initializer(keras: config["kernel_initializer"], rank: 2) ?? .glorotUniform,
      biasInitializer: Initializer(keras: config["bias_initializer"], rank: 1) ?? .zeros,
      kernelRegularizer: try regularizer("kernel_regularizer"), biasRegularizer: try regularizer("bias_regularizer"),
      kernelConstraint: try constraint("kernel_constraint"), biasConstraint: try constraint("bias_constraint"))
  }

  private func reLU() throws(MartletError) -> ActivationLayer {
    let slope = try nonNegative("negative_slope", default: 0)
    let threshold = try nonNegative("threshold", default: 0)
    guard config["max_value"] != nil || threshold != 0 else {
      return ActivationLayer(slope == 0 ? .relu : .leakyReLU(slope: slope))
    }
    let maximum = config["max_value"] == nil ? .infinity : try nonNegative("max_value", default: 0)
    return ActivationLayer(.clippedReLU(slope: slope, maximum: maximum, threshold: threshold))
  }

  private func softmax(_ row: Shape) throws(MartletError) -> any Layer {
    var axes: [Int] = []
    for json in config["axis"].map({ $0.arrayValue ?? [$0] }) ?? [.integer(-1)] {
      guard let axis = json.integerValue, (-Shape.maximumRank...Shape.maximumRank).contains(axis) else {
        throw error(.formatError, "has an 'axis' that is not a number of one")
      }
      axes.append(axis)
    }
    guard axes != [-1], axes != [row.rank] else { return ActivationLayer(.softmax) }
    return Softmax(axes: axes)
  }

  private func dropoutRate() throws(MartletError) -> Double {
    let rate = try number("rate")
    guard rate >= 0, rate < 1 else {
      throw error(.unsupported, "has the rate \(rate); it must be at least 0 and below 1")
    }
    return rate
  }

  /// `noise_shape` has 1 for each axis along which elements share their fate, null or the size for the others; rows of
  /// the batch never do here.
  private func dropout(_ row: Shape) throws(MartletError) -> Dropout {
    let rate = try dropoutRate()
    guard let sizes = config["noise_shape"]?.arrayValue else {
      try refuse("noise_shape")
      return Dropout(rate: rate)
    }
    guard sizes.count == row.rank + 1, sizes[0] == .null,
      zip(sizes.dropFirst(), row.dimensions).allSatisfy({ $0 == .null || $0 == .integer(1) || $0 == .integer($1) })
    else {
      throw error(
        .unsupported,
        "has the noise_shape \(JSON.array(sizes)); null, then null or 1 for each axis of rows of \(row) is supported")
    }
    let shared = zip(sizes.dropFirst(), row.dimensions).map { $0 == .integer(1) && $1 != 1 }
    return Dropout(rate: rate, sharing: shared.contains(true) ? .axes(shared) : .none)
  }

  private func spatialDropout(rank: Int) throws(MartletError) -> Dropout {
    try checkFormat()
    return Dropout(rate: try dropoutRate(), sharing: .places(rank: rank))
  }

  private func flatten(_ row: Shape) throws(MartletError) -> Flatten {
    // With channels first Keras moves the channels to the end before it flattens; of a vector there is nothing to move.
    guard row.rank == 1 || config["data_format"]?.stringValue != "channels_first" else {
      throw error(.unsupported, "has data_format 'channels_first', which is not supported")
    }
    return Flatten()
  }

  private func normalization(_ row: Shape, _ statistics: KerasStatistics?) throws(MartletError) -> Normalization {
    try refuse("invert")
    let count = try statisticsCount(row)
    var found: KerasStatistics
    if let statistics {
      found = statistics
    } else {
      found = (try numbers("mean"), try numbers("variance"))
    }
    // Keras spreads one number over all axes. Over as many as there are of the other statistic: `count` comes from a
    // shape, which costs a file nothing.
    let given = max(found.mean.count, found.variance.count)
    if found.mean.count == 1 { found.mean = .init(repeating: found.mean[0], count: given) }
    if found.variance.count == 1 { found.variance = .init(repeating: found.variance[0], count: given) }
    guard given == 1 || given == count, found.mean.count == given, found.variance.count == given else {
      throw error(
        .formatError, "has \(found.mean.count) means and \(found.variance.count) variances; its axis takes \(count)")
    }
    guard found.mean.allSatisfy(\.isFinite), found.variance.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
      throw error(.formatError, "has a mean that is not finite or a variance that is not finite or negative")
    }
    return Normalization(mean: found.mean, variance: found.variance)
  }

  /// How many statistics `axis` asks for: none given or null, the last axis, or all axes of a row.
  private func statisticsCount(_ row: Shape) throws(MartletError) -> Int {
    guard case .object(let members) = config, let axis = members["axis"] else { return row.lastDimension }
    guard axis != .null else { return 1 }
    var axes: Set<Int> = []
    for json in axis.arrayValue ?? [axis] {
      guard let number = json.integerValue, number >= -row.rank, number <= row.rank, number != 0 else {
        throw error(.formatError, "has the axis \(axis) for rows of shape \(row)")
      }
      axes.insert(number < 0 ? number + row.rank + 1 : number)
    }
    if axes.isEmpty { return 1 }
    if axes == [row.rank] { return row.lastDimension }
    guard axes.count == row.rank else {
      throw error(.unsupported, "has the axis \(axis); the last, all or none are supported")
    }
    return row.elementCount
  }

  /// The numbers of a list of lists, in row-major order.
  private func numbers(_ key: String) throws(MartletError) -> [Float] {
    var numbers: [Float] = []
    // The depth of JSON is bounded by its parser.
    func append(_ json: JSON) throws(MartletError) {
      if let values = json.arrayValue {
        for value in values { try append(value) }
      } else {
        guard let value = json.doubleValue else {
          throw error(.formatError, "has a '\(key)' that is not numbers")
        }
        numbers.append(Float(value))
      }
    }
    try append(config[key] ?? .null)
    return numbers
  }

  private func nonNegative(_ key: String, default standard: Double) throws(MartletError) -> Float {
    let value = Float(try number(key, default: standard))
    guard value.isFinite, value >= 0 else {
      throw error(.unsupported, "has '\(key)' \(value); it must be finite and at least 0")
    }
    return value
  }

  /// One number, or one for each channel of a row.
  private func channels(_ key: String, _ row: Shape, default standard: Double?) throws(MartletError) -> [Double] {
    guard let json = config[key] else { return [try number(key, default: standard)] }
    guard let constant = KerasConstant(json) else {
      throw error(.unsupported, "has as '\(key)' neither a number nor a list of one for each channel")
    }
    let values = constant.values
    guard values.count == 1 || values.count == row.lastDimension, constant.rank <= row.rank + 1 else {
      throw error(
        .unsupported,
        "has numbers of shape \(constant.shape) as '\(key)'; rows of shape \(row) take a number, or "
          + "\(row.lastDimension), one for each channel")
    }
    if let value = values.first(where: { !Float($0).isFinite }) {
      throw error(.formatError, "has the \(key) \(value); it must be finite as a 32-bit float")
    }
    return values
  }
}
