// How the affine maps of images are drawn that RandomFlip, RandomTranslation, RandomRotation, RandomZoom and RandomCrop
// see them through; the geometry is that of Keras 3.

import MartletKernelInterface

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A number that is drawn uniformly from a range.
package struct FactorRange: Sendable, BitwiseCopyable {
  /// What factors of signed quantities may be, and of others.
  package static let signed = -1.0...1.0
  package static let unsigned = 0.0...1.0
  /// Keras' defaults of RandomErasing.
  package static let erasing = FactorRange(0, 1)
  package static let erasedShare = FactorRange(0.02, 0.33)

  package let lower: Double
  package let upper: Double

  private init(_ lower: Double, _ upper: Double) { (self.lower, self.upper) = (lower, upper) }

  /// nil unless lower <= upper, both within `bounds`.
  package init?(_ lower: Double, _ upper: Double, in bounds: ClosedRange<Double>) {
    guard lower <= upper, bounds.contains(lower), bounds.contains(upper) else { return nil }
    self.init(lower, upper)
  }

  /// - Parameter word: 32 random bits, of which 24 count.
  func value(_ word: UInt32) -> Double { lower + (upper - lower) * unit(word) }
}

/// Uniform in [0, 1).
func unit(_ word: UInt32) -> Double { Double(word >> 8) * 0x1p-24 }

package enum RandomMap: Sendable, BitwiseCopyable {
  /// Along both axes or one, or not at all, with the same probability.
  case flip(horizontal: Bool, vertical: Bool)
  /// By so much of height and width, down and to the right.
  case translation(height: FactorRange, width: FactorRange)
  /// About the middle, by so many turns counterclockwise.
  case rotation(FactorRange)
  /// About the middle, to 1 / (1 + factor) of the size; without a factor for the width, by that for the height.
  case zoom(height: FactorRange, width: FactorRange?)
  /// A window of the result's size, anywhere.
  case window
  /// The largest window in the middle that has the proportions of the result. Nothing is random.
  case middle

  /// The coefficients of the map (`SampleGeometry`) in the first lanes.
  func coefficients(_ words: SIMD4<UInt32>, _ g: ResizeGeometry) -> SIMD8<Double> {
    var map = SIMD8<Double>(1, 0, 0, 0, 1, 0, 0, 0)
    // Of the pixel in the middle.
    let (down, across) = (Double(g.height - 1) / 2, Double(g.width - 1) / 2)
    switch self {
    case .flip(let horizontal, let vertical):
      guard unit(words[0]) < 0.5 else { break }
      if horizontal { (map[0], map[2]) = (-1, 2 * across) }
      if vertical { (map[4], map[5]) = (-1, 2 * down) }
    case .translation(let height, let width):
      map[2] = -width.value(words[1]) * Double(g.width)
      map[5] = -height.value(words[0]) * Double(g.height)
    case .rotation(let factor):
      let angle = 2 * Double.pi * factor.value(words[0])
      let (c, s) = (cos(angle), sin(angle))
      map = SIMD8(c, -s, across - across * c + down * s, s, c, down - across * s - down * c, 0, 0)
    case .zoom(let height, let width):
      let tall = 1 + height.value(words[0])
      let wide = width.map { 1 + $0.value(words[1]) } ?? tall
      map = SIMD8(wide, 0, across * (1 - wide), 0, tall, down * (1 - tall), 0, 0)
    case .window:
      map[2] = (unit(words[1]) * Double(g.width - g.resultWidth + 1)).rounded(.down)
      map[5] = (unit(words[0]) * Double(g.height - g.resultHeight + 1)).rounded(.down)
    case .middle:
      let proportion = Double(g.resultHeight) / Double(g.resultWidth)
      (map[4], map[5]) = Self.middle(Double(g.height), Double(g.width) * proportion, Double(g.resultHeight))
      (map[0], map[2]) = Self.middle(Double(g.width), Double(g.height) / proportion, Double(g.resultWidth))
    }
    return map
  }

  /// Step and start on an axis of `size` pixels, of which as many whole ones as `wanted` are seen as `count`.
  private static func middle(_ size: Double, _ wanted: Double, _ count: Double) -> (step: Double, start: Double) {
    let seen = max(1, min(size, wanted.rounded(.down)))
    let step = seen / count
    return (step, ((size - seen) / 2).rounded(.down) + (step - 1) / 2)
  }
}
