// Keras' `preprocess_input` as the layer after the input, named "preprocessing".

/// What becomes of red, green and blue from 0 to 255.
enum Preprocessing {
  /// Blue - 103.939, green - 116.779, red - 123.68: the order and the means of the images that such networks have seen.
  case caffe
  /// Each channel / 127.5 - 1.
  case tf

  /// Blue, green and red as outputs (columns) of red, green and blue (rows), then minus the means.
  fileprivate var weights: [[Float]] {
    switch self {
    case .caffe: [[0, 0, 1, 0, 1, 0, 1, 0, 0], [-103.939, -116.779, -123.68]]
    case .tf: []
    }
  }

  /// Gives the layer its weights, which no initialiser makes.
  func setWeights(of model: Model, layer: Int) {
    for (parameter, values) in zip(model.layout.parameters[model.layout.range(ofLayer: layer)], weights) {
      (model.valuesToChange() + parameter.offset).update(from: values, count: parameter.count)
    }
  }
}

extension ImageNetwork {
  // A convolution with a matrix of zeros and ones is exact: products with 0 and 1 are, and so is adding zeros. Only the
  // mean rounds, once, as it does in Keras' subtraction.
  mutating func preprocessed(_ x: Int, by preprocessing: Preprocessing) -> Int {
    let layer: any Layer =
      switch preprocessing {
      case .caffe: Convolution(rank: 2, filters: 3, window: SlidingWindow(size: [1, 1], strides: [1, 1]))
      case .tf: Rescaling(scale: 1 / 127.5, offset: -1)
      }
    return add(layer, "preprocessing", reading: [x], isTrainable: false)
  }
}
