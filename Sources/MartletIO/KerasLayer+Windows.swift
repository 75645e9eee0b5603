// Keras layers that slide a window over images or sequences, to ours and back: convolutions and poolings; and those
// that give images other borders or another size.

import MartletCore
import MartletKernelInterface
import MartletNN

extension KerasLayer {
  /// Conv1D and Conv2D.
  func convolution(rank: Int) throws(MartletError) -> Convolution {
    try refuse("activity_regularizer", "lora_rank", "quantization_config")
    return Convolution(
      rank: rank, filters: try size("filters"), window: try convolutionWindow(rank: rank),
      groups: config["groups"] == nil ? 1 : try size("groups"), activation: try activation(of: config["activation"]),
      useBias: try flag("use_bias", default: true),
      kernel: try weightOptions("kernel", rank: rank + 2, default: .glorotUniform),
      bias: try weightOptions("bias", rank: 1, default: .zeros))
  }

  func depthwiseConvolution() throws(MartletError) -> DepthwiseConvolution {
    try refuse("activity_regularizer", "lora_rank", "quantization_config")
    return DepthwiseConvolution(
      window: try convolutionWindow(rank: 2), multiplier: try multiplier(),
      activation: try activation(of: config["activation"]), useBias: try flag("use_bias", default: true),
      kernel: try weightOptions("depthwise", rank: 4, default: .glorotUniform),
      bias: try weightOptions("bias", rank: 1, default: .zeros))
  }

  func separableConvolution() throws(MartletError) -> SeparableConvolution {
    try refuse("activity_regularizer", "lora_rank", "quantization_config")
    return SeparableConvolution(
      depthwise: DepthwiseConvolution(
        window: try convolutionWindow(rank: 2), multiplier: try multiplier(),
        kernel: try weightOptions("depthwise", rank: 4, default: .glorotUniform)),
      filters: try size("filters"), activation: try activation(of: config["activation"]),
      useBias: try flag("use_bias", default: true),
      pointwise: try weightOptions("pointwise", rank: 4, default: .glorotUniform),
      bias: try weightOptions("bias", rank: 1, default: .zeros))
  }

  func transposedConvolution() throws(MartletError) -> TransposedConvolution {
    try refuse("activity_regularizer", "output_padding", "lora_rank", "quantization_config")
    return TransposedConvolution(
      filters: try size("filters"), window: try convolutionWindow(rank: 2),
      activation: try activation(of: config["activation"]), useBias: try flag("use_bias", default: true),
      kernel: try weightOptions("kernel", rank: 4, default: .glorotUniform),
      bias: try weightOptions("bias", rank: 1, default: .zeros))
  }

  private func multiplier() throws(MartletError) -> Int {
    config["depth_multiplier"] == nil ? 1 : try size("depth_multiplier")
  }

  private func convolutionWindow(rank: Int) throws(MartletError) -> SlidingWindow {
    var window = try window("kernel_size", rank: rank)
    window.dilation = try sizes("dilation_rate", rank: rank, default: [1, 1])
    return window
  }

  /// MaxPooling2D and the like; nil for another class.
  func pooling() throws(MartletError) -> Pooling? {
    for kind in Pooling.Kind.allCases {
      for rank in [1, 2] {
        let sliding = Pooling(kind, rank: rank, window: SlidingWindow(size: [1, 1], strides: [1, 1]))
        if className == sliding.className {
          var window = try window("pool_size", rank: rank, default: rank == 1 ? [1, 2] : [2, 2])
          guard window.padding != .causal else {
            throw error(.unsupported, "has the padding 'causal', which is not supported")
          }
          if config["strides"] == nil { window.strides = window.size }
          return Pooling(kind, rank: rank, window: window)
        }
        if className == Pooling(kind, rank: rank, window: nil).className {
          try checkFormat()
          let keepsDimensions = try flag("keepdims", default: false)
          return Pooling(kind, rank: rank, window: nil, keepsDimensions: keepsDimensions)
        }
      }
    }
    return nil
  }

  /// ZeroPadding2D and Cropping2D: one number, one for each axis, or two for each.
  func borders(_ kind: Borders.Kind) throws(MartletError) -> Borders {
    try checkFormat()
    let key = kind == .zeroPadding ? "padding" : "cropping"
    let json = config[key] ?? .array([.integer(kind == .zeroPadding ? 1 : 0), .integer(kind == .zeroPadding ? 1 : 0)])
    let axes = json.arrayValue ?? [json, json]
    let pairs = axes.map { $0.arrayValue ?? [$0, $0] }
    let sizes = pairs.map { $0.compactMap(\.integerValue) }
    guard sizes.count == 2, pairs.allSatisfy({ $0.count == 2 }), sizes.allSatisfy({ $0.count == 2 }),
      sizes.joined().allSatisfy({ (0...Borders.maximumSize).contains($0) })
    else {
      throw error(.formatError, "has the \(key) \(json); it takes ((top, bottom), (left, right))")
    }
    return Borders(kind, top: sizes[0][0], bottom: sizes[0][1], left: sizes[1][0], right: sizes[1][1])
  }

  func resizing() throws(MartletError) -> Resizing {
    try checkFormat()
    try refuse("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias")
    return Resizing(
      .of(height: try size("height"), width: try size("width")), try interpolation(default: .bilinear))
  }

  func upSampling() throws(MartletError) -> Resizing {
    try checkFormat()
    let factors = try sizes("size", rank: 2, default: [2, 2])
    return Resizing(.times(factors[0], factors[1]), try interpolation(default: .nearest))
  }

  func interpolation(default standard: Interpolation) throws(MartletError) -> Interpolation {
    guard let name = config["interpolation"]?.stringValue else { return standard }
    switch name.lowercased() {
    case "nearest": return .nearest
    case "bilinear": return .bilinear
    default: throw error(.unsupported, "has the interpolation '\(name)', which is not supported")
    }
  }

  func weightOptions(
    _ name: String, rank: Int, default standard: Initializer
  ) throws(MartletError) -> WeightOptions {
    WeightOptions(
      Initializer(keras: config["\(name)_initializer"], rank: rank) ?? standard,
      regularizer: try regularizer("\(name)_regularizer"), constraint: try constraint("\(name)_constraint"))
  }

  func checkFormat() throws(MartletError) {
    if let format = config["data_format"]?.stringValue, format != "channels_last" {
      throw error(.unsupported, "has data_format '\(format)', which is not supported; channels_last is")
    }
  }

  /// Size, strides and padding, of channels-last data.
  private func window(
    _ key: String, rank: Int, default standard: [Int]? = nil
  ) throws(MartletError) -> SlidingWindow {
    try checkFormat()
    let padding: SlidingWindow.Padding
    switch config["padding"]?.stringValue ?? "valid" {
    case "valid": padding = .valid
    case "same": padding = .same
    case "causal" where rank == 1: padding = .causal
    case let other: throw error(.unsupported, "has the padding '\(other)', which is not supported")
    }
    return SlidingWindow(
      size: try sizes(key, rank: rank, default: standard), strides: try sizes("strides", rank: rank, default: [1, 1]),
      padding: padding)
  }

  /// One integer for all axes, or a list of them, as [down, across].
  private func sizes(_ key: String, rank: Int, default standard: [Int]?) throws(MartletError) -> [Int] {
    if config[key] == nil, let standard { return standard }
    let list = config[key].map { $0.arrayValue ?? .init(repeating: $0, count: rank) } ?? []
    let values = list.compactMap(\.integerValue)
    guard values.count == rank, list.count == rank, values.allSatisfy({ (1...SlidingWindow.maximumSize).contains($0) })
    else {
      throw error(
        .formatError,
        "has the \(key) \(config[key] ?? .null); it takes \(rank) of 1 to \(SlidingWindow.maximumSize)")
    }
    return rank == 1 ? [1] + values : values
  }

  func size(_ key: String) throws(MartletError) -> Int {
    let value = try integer(key)
    guard (1...SlidingWindow.maximumSize).contains(value) else {
      throw error(.formatError, "has \(value) as '\(key)'; it must be 1 to \(SlidingWindow.maximumSize)")
    }
    return value
  }

  // MARK: Writing

  /// The members of `config` that say what a convolution does.
  static func members(of layer: Convolution) -> [String: JSON] {
    members(of: layer.window, rank: layer.rank, useBias: layer.useBias, layer.bias)
      .merging(members(of: layer.kernel, "kernel", rank: layer.rank + 2)) { $1 }
      .merging(["filters": .integer(layer.filters), "groups": .integer(layer.groups)]) { $1 }
  }

  static func members(of layer: DepthwiseConvolution) -> [String: JSON] {
    members(of: layer.window, rank: 2, useBias: layer.useBias, layer.bias)
      .merging(members(of: layer.kernel, "depthwise", rank: 4)) { $1 }
      .merging(["depth_multiplier": .integer(layer.multiplier)]) { $1 }
  }

  static func members(of layer: SeparableConvolution) -> [String: JSON] {
    members(of: layer.depthwise.window, rank: 2, useBias: layer.useBias, layer.bias)
      .merging(members(of: layer.depthwise.kernel, "depthwise", rank: 4)) { $1 }
      .merging(members(of: layer.pointwise, "pointwise", rank: 4)) { $1 }
      .merging(["filters": .integer(layer.filters), "depth_multiplier": .integer(layer.depthwise.multiplier)]) { $1 }
  }

  static func members(of layer: TransposedConvolution) -> [String: JSON] {
    members(of: layer.window, rank: 2, useBias: layer.useBias, layer.bias)
      .merging(members(of: layer.kernel, "kernel", rank: 4)) { $1 }
      .merging(["filters": .integer(layer.filters), "output_padding": .null]) { $1 }
  }

  private static func members(
    of window: SlidingWindow, rank: Int, useBias: Bool, _ bias: WeightOptions
  ) -> [String: JSON] {
    members(of: window, sizeKey: "kernel_size", rank: rank)
      .merging(members(of: bias, "bias", rank: 1)) { $1 }
      .merging([
        "dilation_rate": list(window.dilation, rank: rank), "use_bias": .bool(useBias), "activity_regularizer": .null,
      ]) { $1 }
  }

  static func members(of layer: Pooling) -> [String: JSON] {
    guard let window = layer.window else {
      return ["keepdims": .bool(layer.keepsDimensions), "data_format": .string("channels_last")]
    }
    return KerasLayer.members(of: window, sizeKey: "pool_size", rank: layer.rank)
  }

  static func members(of layer: Borders) -> [String: JSON] {
    let sizes: JSON = .array([
      .array([.integer(layer.top), .integer(layer.bottom)]), .array([.integer(layer.left), .integer(layer.right)]),
    ])
    return [layer.kind == .zeroPadding ? "padding" : "cropping": sizes, "data_format": .string("channels_last")]
  }

  static func members(of layer: Resizing) -> [String: JSON] {
    var members: [String: JSON] = [
      "interpolation": .string(layer.interpolation == .nearest ? "nearest" : "bilinear"),
      "data_format": .string("channels_last"),
    ]
    switch layer.size {
    case .of(let height, let width):
      members["height"] = .integer(height)
      members["width"] = .integer(width)
      members["crop_to_aspect_ratio"] = .bool(false)
    case .times(let down, let across): members["size"] = .array([.integer(down), .integer(across)])
    }
    return members
  }

  static func members(of options: WeightOptions, _ name: String, rank: Int) -> [String: JSON] {
    [
      "\(name)_initializer": options.initializer.kerasJSON, "\(name)_regularizer": options.regularizer.kerasJSON,
      "\(name)_constraint": options.constraint?.kerasJSON(rank: rank) ?? .null,
    ]
  }

  private static func members(of window: SlidingWindow, sizeKey: String, rank: Int) -> [String: JSON] {
    let padding =
      switch window.padding {
      case .valid: "valid"
      case .same: "same"
      case .causal: "causal"
      }
    return [
      sizeKey: list(window.size, rank: rank), "strides": list(window.strides, rank: rank),
      "padding": .string(padding), "data_format": .string("channels_last"),
    ]
  }

  private static func list(_ sizes: [Int], rank: Int) -> JSON { .array(sizes.suffix(rank).map { .integer($0) }) }
}
