// MobileNetV2 (Sandler et al. 2018), as keras.applications has it.

extension ImageNetwork {
  mutating func mobileNetV2(_ images: Int) -> Int {
    let alpha = options.alpha
    var x = convolution(
      images, channels(32 * alpha), 3, stride: 2, padding: .same, useBias: false, "Conv1")
    x = rectified(x, "bn_Conv1", "Conv1_relu")
    var number = 0
    for (filters, blocks, stride) in [
      (16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1),
    ] {
      for block in 0..<blocks {
        x = invertedResidual(x, filters, stride: block == 0 ? stride : 1, number)
        number += 1
      }
    }
    // The last one grows with alpha, but does not shrink.
    x = convolution(x, alpha > 1 ? channels(1280 * alpha) : 1280, 1, useBias: false, "Conv_1")
    x = rectified(x, "Conv_1_bn", "out_relu")
    guard options.includeTop else { return pooled(x) }
    x = averagePooled(x, nil)
    return classified(x)
  }

  /// Six times as many channels (but in block 0), a depthwise convolution over them, and few channels again; plus x,
  /// where it has the same shape.
  private mutating func invertedResidual(
    _ x: Int, _ filters: Int, stride: Int, _ number: Int
  ) -> Int {
    let name = number == 0 ? "expanded_conv" : "block_\(number)"
    let inputs = size(of: x)[2]
    let outputs = channels((Double(filters) * options.alpha).rounded(.towardZero))
    var y = x
    if number > 0 {
      y = convolution(y, 6 * inputs, 1, padding: .same, useBias: false, name + "_expand")
      y = rectified(y, name + "_expand_BN", name + "_expand_relu")
    }
    if stride == 2 {
      // So that windows are centred on every second pixel: of an odd number from the first, of an even one the second.
      let (height, width) = (size(of: y)[0], size(of: y)[1])
      y = padded(y, top: height % 2, bottom: 1, left: width % 2, right: 1, name + "_pad")
    }
    y = depthwise(y, 3, stride: stride, padding: stride == 1 ? .same : .valid, name + "_depthwise")
    y = rectified(y, name + "_depthwise_BN", name + "_depthwise_relu")
    y = convolution(y, outputs, 1, padding: .same, useBias: false, name + "_project")
    y = scaled(y, name + "_project_BN")
    return inputs == outputs && stride == 1 ? sum(x, y, name + "_add") : y
  }

  /// The multiple of 8 next to a number, at least 8 and at least nine tenths of the number.
  private func channels(_ number: Double) -> Int {
    let rounded = max(8, Int(number + 4) / 8 * 8)
    return Double(rounded) < 0.9 * number ? rounded + 8 : rounded
  }

  @inline(never)
  private mutating func scaled(_ x: Int, _ name: String) -> Int {
    normalized(x, momentum: 0.999, name)
  }

  @inline(never)
  private mutating func rectified(_ x: Int, _ normalization: String, _ activation: String) -> Int {
    activated(scaled(x, normalization), .relu6, activation)
  }
}
