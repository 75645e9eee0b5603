// The layers of a model, or one of them, as text: the JSON of Keras' `model.to_json()`, which is a file's
// `model_config` with the version of Keras beside it. Weights are not in it.

import MartletCore
import MartletNN

package enum ModelText {
  /// Bytes that a text may have.
  package static let maximumByteCount = JSON.maximumByteCount

  /// - Throws: `unsupported` if Keras has no such layer.
  package static func text(of graph: Graph) throws(MartletError) -> String {
    guard case .object(var members) = try KerasConfiguration.json(graph) else { return "" }
    // Keras 3 looks for the class of a text in a module. `keras` has Model, which makes a Functional model of such a
    // configuration in all versions; where Functional itself is depends on the version.
    members["module"] = .string("keras")
    members["registered_name"] = .null
    if members["class_name"] == .string("Functional") { members["class_name"] = .string("Model") }
    members["keras_version"] = .string(ModelFile.kerasVersion)
    members["backend"] = .string(ModelFile.kerasBackend)
    return try JSON.object(members).text()
  }

  /// A model of the layers in a text, with weights initialised anew.
  ///
  /// - Parameter what: what messages call the text.
  /// - Throws: `formatError`; `unsupported` naming layer and class or option; `outOfMemory`.
  package static func model(_ text: String, _ what: String, seed: UInt64) throws(MartletError) -> Model {
    let configuration = try KerasConfiguration(text, what)
    do throws(MartletError) {
      if let layer = configuration.layersWithStatistics.first { throw withoutStatistics(layer) }
      return try Model(graph: try configuration.graph([:]), seed: seed)
    } catch {
      throw MartletError(error.code, "\(what): \(error.message)")
    }
  }

  /// One layer, as Keras writes it among the `layers` of a model.
  ///
  /// - Parameters:
  ///   - what: what messages call the text.
  ///   - name: that of the layer, if the text has none.
  ///   - rows: shapes of one row of each input.
  /// - Throws: `formatError`; `unsupported` naming layer and class or option.
  package static func layer(
    _ text: String, _ what: String, name: String, rows: [Shape]
  ) throws(MartletError) -> (layer: any Layer, name: String, isTrainable: Bool) {
    do throws(MartletError) {
      let layer = try KerasLayer(try JSON(text: text), defaultName: name)
      guard !layer.keepsStatisticsAsWeights else { throw withoutStatistics(layer.name) }
      return (try layer.layer(rows: rows, statistics: nil), layer.name, layer.isTrainable)
    } catch {
      throw MartletError(error.code, "\(what): \(error.message)")
    }
  }

  private static func withoutStatistics(_ layer: String) -> MartletError {
    MartletError(
      .unsupported, "layer '\(layer)' (Normalization) has learned its statistics, which are not in the text")
  }
}
