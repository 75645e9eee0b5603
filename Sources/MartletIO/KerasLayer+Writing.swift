// From our layers to Keras classes, in the JSON of Keras 2, which Keras 3 reads as well.

import MartletCore
import MartletNN

extension KerasLayer {
  /// - Parameter row: shape of one input row.
  /// - Throws: `unsupported` if Keras has no such layer.
  init(_ graphLayer: GraphLayer, row: Shape) throws(MartletError) {
    var config: [String: JSON] = [
      "name": .string(graphLayer.name), "trainable": .bool(graphLayer.isTrainable), "dtype": .string("float32"),
    ]
    var className = graphLayer.layer.className
    switch graphLayer.layer {
    case let layer as InputLayer:
      config["batch_input_shape"] = .array([.null] + layer.shape.dimensions.map { .integer($0) })
      config["sparse"] = .bool(false)
      config["ragged"] = .bool(false)
      config["trainable"] = nil
    case let layer as Dense:
      config["units"] = .integer(layer.units)
      config["activation"] = .string(try Self.activationName(layer.activation, graphLayer.name))
      config["use_bias"] = .bool(layer.useBias)
      config["kernel_initializer"] = layer.kernelInitializer.kerasJSON
      config["bias_initializer"] = layer.biasInitializer.kerasJSON
      config["kernel_regularizer"] = layer.kernelRegularizer.kerasJSON
      config["bias_regularizer"] = layer.biasRegularizer.kerasJSON
      config["kernel_constraint"] = layer.kernelConstraint?.kerasJSON(rank: 2) ?? .null
      config["bias_constraint"] = layer.biasConstraint?.kerasJSON(rank: 1) ?? .null
      config["activity_regularizer"] = .null
    case let layer as Convolution:
      config.merge(KerasLayer.members(of: layer)) { $1 }
      config["activation"] = .string(try Self.activationName(layer.activation, graphLayer.name))
    case let layer as DepthwiseConvolution:
      config.merge(KerasLayer.members(of: layer)) { $1 }
      config["activation"] = .string(try Self.activationName(layer.activation, graphLayer.name))
    case let layer as SeparableConvolution:
      config.merge(KerasLayer.members(of: layer)) { $1 }
      config["activation"] = .string(try Self.activationName(layer.activation, graphLayer.name))
    case let layer as TransposedConvolution:
      config.merge(KerasLayer.members(of: layer)) { $1 }
      config["activation"] = .string(try Self.activationName(layer.activation, graphLayer.name))
    case let layer as BatchNormalization: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as Borders: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as Resizing: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as RandomTransform: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as RandomContrast: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as RandomErasing: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as GroupNormalization: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as PReLU: config.merge(KerasLayer.members(of: layer, row)) { $1 }
    case let layer as Pooling: config.merge(KerasLayer.members(of: layer)) { $1 }
    case let layer as ActivationLayer:
      switch layer.activation {
      case .leakyReLU(let slope):
        className = "LeakyReLU"
        config["alpha"] = JSON(slope)
      case .elu(let alpha):
        className = "ELU"
        config["alpha"] = JSON(alpha)
      case .clippedReLU(let slope, let maximum, let threshold):
        className = "ReLU"
        config["max_value"] = maximum.isFinite ? JSON(maximum) : .null
        config["negative_slope"] = JSON(slope)
        config["threshold"] = JSON(threshold)
      default: config["activation"] = layer.activation.kerasName.map { .string($0) }
      }
    case let layer as Dropout:
      config["rate"] = .number(layer.rate)
      config["seed"] = .null
      switch layer.sharing {
      case .none: config["noise_shape"] = .null
      case .axes(let shared): config["noise_shape"] = .array([.null] + shared.map { $0 ? .integer(1) : .null })
      case .places: config["trainable"] = nil  // Keras 3 does not take it
      }
    case let layer as Softmax:
      config["axis"] = layer.axes.count == 1 ? .integer(layer.axes[0]) : .array(layer.axes.map { .integer($0) })
    case is Merge: break
    case let layer as Concatenate: config["axis"] = .integer(layer.axis)
    case let layer as GaussianNoise:
      config["stddev"] = JSON(Float(layer.standardDeviation))
      config["seed"] = .null
    case let layer as ActivityRegularization:
      config["l1"] = JSON(layer.regularizer.l1)
      config["l2"] = JSON(layer.regularizer.l2)
    case let layer as Reshape: config["target_shape"] = .array(layer.target.map { .integer($0) })
    case let layer as Permute: config["dims"] = .array(layer.dims.map { .integer($0) })
    case is Flatten: config["data_format"] = .string("channels_last")
    case let layer as Rescaling:
      for (key, values) in [("scale", layer.scale), ("offset", layer.offset)] {
        config[key] = values.count == 1 ? .number(values[0]) : .array(values.map { .number($0) })
      }
    case let layer as Normalization:
      let form = KerasLayer.statisticsForm(count: layer.mean.count, row)
      config["axis"] = form.axis
      config["mean"] = KerasLayer.nested(layer.mean[...], form.dimensions)
      config["variance"] = KerasLayer.nested(layer.variance[...], form.dimensions)
      config["invert"] = .bool(false)
    default:
      throw MartletError(
        .unsupported, "layer '\(graphLayer.name)' (\(className)) cannot be written to a Keras file")
    }
    self.init(className: className, name: graphLayer.name, config: .object(config))
  }

  private static func activationName(_ activation: Activation, _ layer: String) throws(MartletError) -> String {
    guard let name = activation.kerasName else {
      throw MartletError(
        .unsupported, "layer '\(layer)' has a ReLU or ELU with parameters that needs a layer of its own in a Keras file"
      )
    }
    return name
  }

  /// Over which axes there are statistics, and their shape.
  private static func statisticsForm(count: Int, _ row: Shape) -> (axis: JSON, dimensions: ArraySlice<Int>) {
    if count == 1 { return (.null, []) }
    if count == row.lastDimension { return (.integer(-1), row.dimensions.suffix(1)) }
    return (.array((1...max(row.rank, 1)).map { .integer($0) }), row.dimensions[...])
  }

  /// Numbers as lists of lists.
  private static func nested(_ values: ArraySlice<Float>, _ dimensions: ArraySlice<Int>) -> JSON {
    guard let outer = dimensions.first else { return values.first.map { JSON($0) } ?? .null }
    let stride = values.count / max(outer, 1)
    return .array(
      (0..<outer).map { index in
        let start = values.startIndex + index * stride
        return nested(values[start..<(start + stride)], dimensions.dropFirst())
      })
  }

  /// As a member of a Sequential model's `layers`.
  var json: JSON {
    var members: [String: JSON] = ["class_name": .string(className), "config": config]
    if config["axis"]?.arrayValue != nil {
      // Keras 3 takes a layer without a module for one of Keras 2, and loses a list of axes on the way.
      members["module"] = .string("keras.layers")
      members["registered_name"] = .null
    }
    return .object(members)
  }
}
