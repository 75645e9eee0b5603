// Element types of the arrays that callers and files hand in.

/// Raw values are those of `martlet.h` (`MARTLET_UINT8` …).
package enum ElementType: Int32, Sendable, CaseIterable {
  case uint8 = 1
  case int32 = 2
  case int64 = 3
  case float32 = 4
  case float64 = 5

  package var byteCount: Int {
    switch self {
    case .uint8: 1
    case .int32, .float32: 4
    case .int64, .float64: 8
    }
  }

  package var isInteger: Bool {
    switch self {
    case .uint8, .int32, .int64: true
    case .float32, .float64: false
    }
  }
}
