// Damaged files: whatever bytes change, a file loads or gives an error, and nothing stays open.

import CHDF5
import Glibc
import MartletCore
import MartletNN
import Testing

@testable import MartletIO

@Suite(.serialized) struct HDF5StructureTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func checksumOfKnownBytes() {
    // Values of the reference implementation of lookup3 (hashlittle with initial value 0), as its author states them.
    #expect(HDF5Fields.checksum([]) == 0xDEAD_BEEF)
    #expect(HDF5Fields.checksum(Array("Four score and seven years ago".utf8)) == 0x1777_0551)
  }

  /// A model as this library writes it, and one with chunks, filters and the newer format's headers.
  @Test(arguments: 0..<3) func mutatedModels(kind: Int) throws {
    let path = folder.path("good.h5")
    switch kind {
    case 0: try ModelFile.save(try smallModel(), path: path)
    default: try writeForeignModel(path, latest: kind == 2)
    }
    _ = try ModelFile.load(path: path)
    let good = try bytes(of: path)
    var random = RandomSource(seed: 20, stream: UInt64(kind)).sequence()
    let mutant = folder.path("mutant.h5")
    var loaded = 0
    for _ in 0..<150 {
      var mutated = good
      for _ in 0..<[1, 1, 2, 8][random.below(4)] {
        mutated[random.below(mutated.count)] = [0, 1, 0x7F, 0xFF, UInt8(random.below(256))][random.below(5)]
      }
      try write(mutated, to: mutant)
      do {
        _ = try ModelFile.load(path: mutant)
        loaded += 1
      } catch {
        #expect(error.message.contains("mutant.h5"), "\(error.message)")
      }
    }
    // Both happen, or the mutations would say nothing.
    #expect(loaded > 0 && loaded < 150)
    #expect(!isOpen(mutant))
  }

  /// HDF5 reads beyond the end of a chunk that unpacks to less than its size.
  @Test func aChunkThatIsTooSmall() throws {
    let path = folder.path("chunk.h5")
    try withHDF5 {
      let file = HDF5TestFile(path)
      file.dataset(
        "x", [8, 3], [Float](repeating: 1, count: 24), memoryType: chdf5_native_float(), chunk: [8, 3], deflate: true)
    }
    var damaged = try bytes(of: path)
    // The chunk's dimensions in the layout message: 8, 3 and the 4 bytes of an element.
    let dimensions: [UInt8] = [8, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]
    let place = try #require(damaged.indices.first { damaged[$0...].starts(with: dimensions) })
    damaged[place + 1] = 0xFF
    try write(damaged, to: path)
    expectError(.formatError, "a chunk of") { try DatasetFile.open(path: path, x: "x", y: nil) }
  }

  @Test func aTreeThatLeadsBackToItself() throws {
    let path = folder.path("loop.h5")
    try withHDF5 {
      let file = HDF5TestFile(path)
      for number in 0..<400 { file.group("group\(number)") }
    }
    var damaged = try bytes(of: path)
    // The node above the leaves: signature, kind 0, level 1. Its first child becomes itself.
    let node = try #require(damaged.indices.first { damaged[$0...].starts(with: Array("TREE".utf8) + [0, 1]) })
    for byte in 0..<8 { damaged[node + 32 + byte] = UInt8(truncatingIfNeeded: node >> (8 * byte)) }
    try write(damaged, to: path)
    expectError(.formatError, "B-tree") { try DatasetFile.open(path: path, x: "group0", y: nil) }
  }

  private func writeForeignModel(_ path: String, latest: Bool) throws {
    let configuration = try KerasConfiguration.text(try smallModel().graph)
    try withHDF5 {
      let file = HDF5TestFile(path, latest: latest)
      file.strings("model_config", on: "/", [configuration], isUTF8: false, isList: false)
      file.group("model_weights")
      file.fixedStrings("layer_names", on: "model_weights", ["dense"], byteCount: 5)
      file.group("model_weights/dense")
      file.strings("weight_names", on: "model_weights/dense", ["kernel", "bias"])
      file.dataset(
        "model_weights/dense/kernel", [4, 3], [Float](repeating: 0.5, count: 12), memoryType: chdf5_native_float(),
        fileType: chdf5_float64(), chunk: [3, 2], deflate: true, shuffle: true, fletcher32: true)
      file.dataset("model_weights/dense/bias", [3], [Float]([1, 2, 3]), memoryType: chdf5_native_float(), chunk: [2])
    }
  }

  /// Whether this process has a file open.
  private func isOpen(_ path: String) -> Bool {
    (0..<256).contains { descriptor in
      var name = [CChar](repeating: 0, count: 4096)
      return readlink("/proc/self/fd/\(descriptor)", &name, name.count - 1) > 0 && String(cString: name) == path
    }
  }
}

/// Rows of 4 to 3 probabilities.
func smallModel(seed: UInt64 = 3) throws -> Model {
  var builder = try GraphBuilder(name: "small")
  let input = try builder.add(InputLayer(shape: Shape([4], of: "x")), name: "input", inputs: [])
  let output = try builder.add(Dense(units: 3, activation: .softmax), name: "dense", inputs: [input])
  return try Model(graph: try builder.build(outputs: [output]), seed: seed)
}

/// Random numbers one after the other.
struct RandomSequence {
  let source: RandomSource
  var index: UInt64 = 0

  mutating func below(_ bound: Int) -> Int {
    defer { index += 1 }
    return Int(source.bits(at: index) % UInt64(bound))
  }
}

extension RandomSource {
  func sequence() -> RandomSequence { RandomSequence(source: self) }
}
