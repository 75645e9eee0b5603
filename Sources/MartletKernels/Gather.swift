// Gathering rows of a dataset into a batch: conversion to Float and normalisation in the same pass.

import MartletKernelInterface

func gather(
  _ source: UnsafeRawPointer, _ type: SourceType, _ rows: UnsafePointer<Int>?, _ rowCount: Int, _ columns: Int,
  _ scale: Float, _ offset: Float, _ destination: UnsafeMutablePointer<Float>
) -> Bool {
  switch type {
  case .uint8: gather(source, UInt8.self, rows, rowCount, columns, scale, offset, destination) { Float($0) }
  case .int32: gather(source, Int32.self, rows, rowCount, columns, scale, offset, destination) { Float($0) }
  case .int64: gather(source, Int64.self, rows, rowCount, columns, scale, offset, destination) { Float($0) }
  case .float32: gather(source, Float.self, rows, rowCount, columns, scale, offset, destination) { $0 }
  case .float64: gather(source, Double.self, rows, rowCount, columns, scale, offset, destination) { Float($0) }
  }
}

/// A plain loop, which the compiler vectorises: source and destination never overlap, and multiplication and addition
/// stay two operations, so an element's bits do not depend on where the vectors end. The source may be unaligned.
@inline(__always)
private func gather<Element: BitwiseCopyable>(
  _ source: UnsafeRawPointer, _: Element.Type, _ rows: UnsafePointer<Int>?, _ rowCount: Int, _ columns: Int,
  _ scale: Float, _ offset: Float, _ destination: UnsafeMutablePointer<Float>, _ convert: (Element) -> Float
) -> Bool {
  let size = MemoryLayout<Element>.size
  var isFinite = true
  for r in 0..<rowCount {
    let row = source + (rows.map { $0[r] } ?? r) * columns * size
    let result = destination + r * columns
    for j in 0..<columns {
      result[j] = convert(row.loadUnaligned(fromByteOffset: j * size, as: Element.self)) * scale + offset
    }
    // While the row is in the cache.
    if !allFinite(result, columns) { isFinite = false }
  }
  return isFinite
}
