// How long a call takes, and columns of text.

import Glibc

/// Processor time of this thread, so that other programs on the machine count only by the caches they take.
func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Seconds of one call in the fastest of several runs that take about `budget` seconds altogether. A run is as many
/// calls as take 0.2 ms, which makes the time of asking for the time small.
func fastest(budget: Double = 0.5, _ body: () -> Void) -> Double {
  let first = seconds()
  body()
  let calls = max(1, Int(2e-4 / (seconds() - first)))
  var best = Double.infinity
  let end = seconds() + budget
  var runs = 0
  while runs < 3 || seconds() < end {
    let start = seconds()
    for _ in 0..<calls { body() }
    best = min(best, (seconds() - start) / Double(calls))
    runs += 1
  }
  return best
}

/// Cells of the given widths, the first one aligned left, the others right.
func line(_ cells: [String], _ widths: [Int]) -> String {
  zip(cells, widths).enumerated().map { index, cell in
    let gap = String(repeating: " ", count: max(0, cell.1 - cell.0.utf8.count))
    return index == 0 ? cell.0 + gap : gap + cell.0
  }.joined()
}

func tenths(_ x: Double) -> String { "\(Int(x * 10) / 10).\(Int(x * 10) % 10)" }

/// Aligned memory with the given values.
func array(_ count: Int, _ value: (Int) -> Float = { Float($0 % 17) - 8 }) -> UnsafeMutablePointer<Float> {
  let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
  let array = raw.bindMemory(to: Float.self, capacity: max(count, 1))
  for i in 0..<count { array[i] = value(i) }
  return array
}
