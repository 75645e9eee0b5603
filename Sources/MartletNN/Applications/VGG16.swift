// VGG16 (Simonyan and Zisserman 2015), as keras.applications has it.

extension ImageNetwork {
  mutating func vgg16(_ images: Int) -> Int {
    var x = images
    for (index, (filters, depth)) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)].enumerated() {
      let name = "block\(index + 1)"
      for layer in 1...depth {
        x = convolution(x, filters, 3, padding: .same, activation: .relu, "\(name)_conv\(layer)")
      }
      x = maxPooled(x, 2, name + "_pool")
    }
    guard options.includeTop else { return pooled(x) }
    x = add(Flatten(), "flatten", reading: [x])
    x = add(Dense(units: 4096, activation: .relu), "fc1", reading: [x])
    x = add(Dense(units: 4096, activation: .relu), "fc2", reading: [x])
    return classified(x)
  }
}
