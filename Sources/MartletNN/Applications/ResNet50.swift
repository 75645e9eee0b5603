// ResNet50 (He et al. 2016), as keras.applications has it: strides in the first convolution of a block, and biases.

extension ImageNetwork {
  mutating func resNet50(_ images: Int) -> Int {
    var x = padded(images, top: 3, bottom: 3, left: 3, right: 3, "conv1_pad")
    x = convolution(x, 64, 7, stride: 2, "conv1_conv")
    x = rectified(x, "conv1")
    x = padded(x, top: 1, bottom: 1, left: 1, right: 1, "pool1_pad")
    x = maxPooled(x, 3, "pool1_pool")
    x = stack(x, 64, blocks: 3, stride: 1, "conv2")
    x = stack(x, 128, blocks: 4, stride: 2, "conv3")
    x = stack(x, 256, blocks: 6, stride: 2, "conv4")
    x = stack(x, 512, blocks: 3, stride: 2, "conv5")
    guard options.includeTop else { return pooled(x, averageName: "avg_pool", maxName: "max_pool") }
    x = averagePooled(x, "avg_pool")
    return classified(x)
  }

  @inline(never)
  private mutating func stack(
    _ x: Int, _ filters: Int, blocks: Int, stride: Int, _ name: String
  ) -> Int {
    var x = bottleneck(x, filters, stride: stride, projects: true, name + "_block1")
    for block in 2...blocks {
      x = bottleneck(x, filters, stride: 1, projects: false, "\(name)_block\(block)")
    }
    return x
  }

  /// relu(shortcut + f(x)), f a bottleneck of three convolutions; the shortcut is x, or a projection of it. Its layers
  /// stand where Keras counts them, by their distance from the output.
  private mutating func bottleneck(
    _ x: Int, _ filters: Int, stride: Int, projects: Bool, _ name: String
  ) -> Int {
    var shortcut = x
    var y = convolution(x, filters, 1, stride: stride, name + "_1_conv")
    y = rectified(y, name + "_1")
    y = convolution(y, filters, 3, padding: .same, name + "_2_conv")
    y = rectified(y, name + "_2")
    if projects { shortcut = convolution(x, 4 * filters, 1, stride: stride, name + "_0_conv") }
    y = convolution(y, 4 * filters, 1, name + "_3_conv")
    if projects { shortcut = scaled(shortcut, name + "_0") }
    y = scaled(y, name + "_3")
    y = sum(shortcut, y, name + "_add")
    return activated(y, .relu, name + "_out")
  }

  @inline(never)
  private mutating func scaled(_ x: Int, _ name: String) -> Int {
    normalized(x, epsilon: 1.001e-5, name + "_bn")
  }

  @inline(never)
  private mutating func rectified(_ x: Int, _ name: String) -> Int {
    activated(scaled(x, name), .relu, name + "_relu")
  }
}
