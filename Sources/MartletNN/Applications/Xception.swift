// Xception (Chollet 2017), as keras.applications has it. Shortcuts and sums have automatic names: "conv2d", "add".

extension ImageNetwork {
  mutating func xception(_ images: Int) -> Int {
    var x = convolution(images, 32, 3, stride: 2, useBias: false, "block1_conv1")
    x = rectified(x, "block1_conv1")
    x = convolution(x, 64, 3, useBias: false, "block1_conv2")
    x = rectified(x, "block1_conv2")

    x = shrinking(x, [128, 128], isActivated: true, "block2")
    x = shrinking(x, [256, 256], "block3")
    x = shrinking(x, [728, 728], "block4")
    for block in 5...12 {
      var y = x
      for layer in 1...3 { y = separated(y, 728, layer, "block\(block)") }
      x = sum(y, x, nil)
    }
    x = shrinking(x, [728, 1024], "block13")

    for (layer, filters) in [(1, 1536), (2, 2048)] {
      let name = "block14_sepconv\(layer)"
      x = rectified(separable(x, filters, 3, name), name)
    }
    guard options.includeTop else { return pooled(x) }
    x = averagePooled(x, "avg_pool")
    return classified(x)
  }

  /// Two separable convolutions and a pooling that halves the image, plus a projection of x. Its layers stand where
  /// Keras counts them, by their distance from the output.
  private mutating func shrinking(
    _ x: Int, _ filters: [Int], isActivated: Bool = false, _ name: String
  ) -> Int {
    var y = separated(x, filters[0], 1, isActivated: isActivated, name)
    y = separated(y, filters[1], 2, name)
    let shortcut = convolution(x, filters[1], 1, stride: 2, padding: .same, useBias: false, nil)
    y = maxPooled(y, 3, padding: .same, name + "_pool")
    return sum(y, normalized(shortcut, nil), nil)
  }

  /// A separable convolution of the activated x.
  ///
  /// - Parameter isActivated: whether x is that already.
  @inline(never)
  private mutating func separated(
    _ x: Int, _ filters: Int, _ layer: Int, isActivated: Bool = false, _ block: String
  ) -> Int {
    let name = "\(block)_sepconv\(layer)"
    var y = isActivated ? x : activated(x, .relu, name + "_act")
    y = separable(y, filters, 3, name)
    return normalized(y, name + "_bn")
  }

  @inline(never)
  private mutating func rectified(_ x: Int, _ name: String) -> Int {
    activated(normalized(x, name + "_bn"), .relu, name + "_act")
  }
}
