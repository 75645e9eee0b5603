// What becomes of a sum before its activation: scale, offset and residual.

import MartletKernelInterface

/// scale sum + offset + residual, for lanes from column j on, element i of the result.
@inline(always)
func affine(
  _ e: AffineArguments<Float>, _ sum: Vector, column j: Int, element i: Int, _ lanes: Int = width
) -> Vector {
  var x = sum
  if let scale = e.scale {
    x = multiplyAdd(x, load(scale + j, lanes), e.offset.map { load($0 + j, lanes) } ?? .zero)
  } else if let offset = e.offset {
    x += load(offset + j, lanes)
  }
  if let residual = e.residual { x += load(residual + i, lanes) }
  return x
}
