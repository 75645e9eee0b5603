// martlet.h: Models: applications.

import CMartlet
import MartletCore
import MartletIO
import MartletNN

@_cdecl("martlet_resnet50_create") @implementation
public func martlet_resnet50_create(
  _ options: UnsafePointer<martlet_application_options>?, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  create(.resNet50, options, out_model)
}

@_cdecl("martlet_xception_create") @implementation
public func martlet_xception_create(
  _ options: UnsafePointer<martlet_application_options>?, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  create(.xception, options, out_model)
}

@_cdecl("martlet_vgg16_create") @implementation
public func martlet_vgg16_create(
  _ options: UnsafePointer<martlet_application_options>?, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  create(.vgg16, options, out_model)
}

@_cdecl("martlet_mobilenetv2_create") @implementation
public func martlet_mobilenetv2_create(
  _ options: UnsafePointer<martlet_application_options>?, _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  create(.mobileNetV2, options, out_model)
}

private func create(
  _ application: Application, _ options: UnsafePointer<martlet_application_options>?,
  _ out_model: UnsafeMutablePointer<OpaquePointer?>?
) -> martlet_status {
  status {
    let result = try required(out_model, "out_model")
    let given = try MartletC.options(options, "martlet_application_options")
    let weights = try given?.weights.map { weights throws(MartletError) in try nonEmptyString(weights, "weights") }
    let options = try given.map { given throws(MartletError) in try ApplicationOptions(given) } ?? ApplicationOptions()
    if weights != nil, options.includeTop { try checkPretrained(options.classifierActivation) }
    let model = try application.model(options, seed: given?.seed ?? 0) { model throws(MartletError) in
      guard let weights else { return }
      try WeightsFile.read(path: weights, for: model, byName: false, skipMismatch: false).replaceWeights(of: model)
    }
    result.pointee = try ModelHandle(model).passToC()
  }
}

/// Trained classifiers end with a softmax, or without it in logits.
private func checkPretrained(_ activation: Activation) throws(MartletError) {
  guard activation == .softmax || activation == .linear else {
    throw MartletError(
      .invalidArgument, "classifier_activation must be MARTLET_SOFTMAX or MARTLET_LINEAR where weights are loaded")
  }
}

extension ApplicationOptions {
  fileprivate init(_ options: martlet_application_options) throws(MartletError) {
    self.init()
    includeTop = try flag(options.include_top, "include_top")
    pooling = try Pooling.Kind.optional(options.pooling)
    classifierActivation = try Activation(options.classifier_activation, "classifier_activation", alpha: nil)
    classes = try count(options.classes, "classes", minimum: 1)
    height = try size(options.height, "height")
    width = try size(options.width, "width")
    channels = try count(options.channels, "channels", minimum: 1)
    preprocesses = try flag(options.preprocessing, "preprocessing")
    guard options.alpha > 0, options.alpha <= ApplicationOptions.maximumAlpha else {
      throw MartletError(
        .invalidArgument,
        "alpha is \(options.alpha); it must be above 0 and at most \(Int(ApplicationOptions.maximumAlpha))")
    }
    alpha = options.alpha
    name = try optionalString(options.name, "name")
  }
}

/// A side of images; nil for 0, the default.
private func size(_ value: Int64, _ name: String) throws(MartletError) -> Int? {
  value == 0 ? nil : try count(value, name, minimum: 1)
}

extension Pooling.Kind {
  fileprivate static func optional(_ value: Int32) throws(MartletError) -> Pooling.Kind? {
    switch value {
    case MARTLET_POOLING_NONE: return nil
    case MARTLET_POOLING_AVERAGE: return .average
    case MARTLET_POOLING_MAX: return .max
    default:
      throw MartletError(
        .invalidArgument,
        "pooling is \(value); it must be MARTLET_POOLING_NONE, MARTLET_POOLING_AVERAGE or MARTLET_POOLING_MAX")
    }
  }
}
