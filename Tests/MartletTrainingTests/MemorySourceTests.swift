// Rows and labels out of arrays of each type.

import MartletCore
import MartletKernels
import MartletTraining
import Testing

@Suite struct MemorySourceTests {
  /// Gathers rows of `values`, one row after the other.
  private func gather<Element: BitwiseCopyable>(
    _ values: [Element], _ type: ElementType, columns: Int, rows: [Int], scale: Float = 1, offset: Float = 0
  ) throws -> (result: [Float], isFinite: Bool) {
    var result = [Float](repeating: .nan, count: rows.count * columns)
    let isFinite = try values.withUnsafeBytes { values in
      let source = try MemorySource(
        borrowing: #require(values.baseAddress), type: type, rowCount: values.count / columns / type.byteCount,
        rowShape: Shape(vector: columns))
      return try rows.withUnsafeBufferPointer { rows in
        try source.gather(rows: rows, scale: scale, offset: offset, kernels: kernels, into: &result)
      }
    }
    return (result, isFinite)
  }

  private func labels<Element: BitwiseCopyable>(
    _ values: [Element], _ type: ElementType, rows: [Int], classCount: Int, columns: Int = 1
  ) throws -> [Int32] {
    var result = [Int32](repeating: -1, count: rows.count * columns)
    try values.withUnsafeBytes { values in
      let source = try MemorySource(
        borrowing: #require(values.baseAddress), type: type, rowCount: values.count / columns / type.byteCount,
        rowShape: Shape(vector: columns))
      try rows.withUnsafeBufferPointer { rows in
        try source.gatherLabels(rows: rows, classCount: classCount, name: "y", into: &result)
      }
    }
    return result
  }

  /// Rows 2 and 0 of three rows.
  private func expectRows<Element: BitwiseCopyable>(_ values: [Element], _ type: ElementType) throws {
    let (result, isFinite) = try gather(values, type, columns: 2, rows: [2, 0])
    let expected: [Float] = [5, 6, 1, 2]
    #expect(result == expected && isFinite, "\(type)")
  }

  @Test func rowsOfEachType() throws {
    try expectRows([1, 2, 3, 4, 5, 6] as [UInt8], .uint8)
    try expectRows([1, 2, 3, 4, 5, 6] as [Int32], .int32)
    try expectRows([1, 2, 3, 4, 5, 6] as [Int64], .int64)
    try expectRows([1, 2, 3, 4, 5, 6] as [Float], .float32)
    try expectRows([1, 2, 3, 4, 5, 6] as [Double], .float64)
  }

  @Test func scaledRows() throws {
    let (result, isFinite) = try gather(
      [0, 128, 255] as [UInt8], .uint8, columns: 1, rows: [0, 1, 2], scale: 2, offset: -1)
    #expect(result == [-1, 255, 509] && isFinite)
  }

  @Test func whatIsNotFiniteIsTold() throws {
    #expect(try !gather([1, .nan] as [Float], .float32, columns: 1, rows: [0, 1]).isFinite)
    #expect(try gather([1, .nan] as [Float], .float32, columns: 1, rows: [0]).isFinite)
    // Finite in double, not in float.
    #expect(try !gather([1e300] as [Double], .float64, columns: 1, rows: [0]).isFinite)
  }

  /// Labels 2, 0 and 1 of four.
  private func expectLabels<Element: BitwiseCopyable>(_ values: [Element], _ type: ElementType) throws {
    let found = try labels(values, type, rows: [2, 0, 1], classCount: 4)
    let expected: [Int32] = [2, 3, 1]
    #expect(found == expected, "\(type)")
  }

  @Test func labelsOfEachType() throws {
    try expectLabels([3, 1, 2] as [UInt8], .uint8)
    try expectLabels([3, 1, 2] as [Int32], .int32)
    try expectLabels([3, 1, 2] as [Int64], .int64)
    let pairs = try labels([3, 1, 2, 0] as [UInt8], .uint8, rows: [1], classCount: 4, columns: 2)
    #expect(pairs == [2, 0])
  }

  @Test func labelsOutOfRangeAreNamed() throws {
    func message(_ body: () throws -> Void) -> String? { failure(body)?.message }
    #expect(
      message { _ = try labels([0, 255] as [UInt8], .uint8, rows: [0, 1], classCount: 10) }
        == "y has label 255 in row 1; the model has classes 0 to 9")
    #expect(
      message { _ = try labels([0, -1] as [Int32], .int32, rows: [1], classCount: 10) }
        == "y has label -1 in row 1; the model has classes 0 to 9")
    // The lower half of this number is a good label.
    #expect(
      message { _ = try labels([1 << 32] as [Int64], .int64, rows: [0], classCount: 10) }
        == "y has label 4294967296 in row 0; the model has classes 0 to 9")
    for type in [ElementType.float32, .float64] {
      #expect(
        message { _ = try labels([0] as [Double], type, rows: [0], classCount: 10) }
          == "labels must be integers; y has type \(type)")
    }
  }
}
