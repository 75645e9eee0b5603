// The update rules over flat arrays: weights, state and gradient are read and written once. The matrix product runs them
// on the rows of a finished tile, the table's `update` on whole arrays; the bits are the same.

import MartletKernelInterface

func update(_ rule: UpdateRule, _ target: UpdateTarget<Float>, _ gradient: UnsafePointer<Float>, _ count: Int) {
  update(rule, target, at: 0, gradient: gradient, count)
}

/// Update the `count` weights from index `start` on, by `gradient`, whose first element belongs to that weight. (The
/// body of each loop is a function of its own, as only functions can be told to be inlined; a call would take the
/// vectors apart.)
func update(
  _ rule: UpdateRule, _ target: UpdateTarget<Float>, at start: Int, gradient: UnsafePointer<Float>, _ count: Int
) {
  let w = target.weights + start
  let (rate, momentum) = (Float(rule.rate), Float(rule.momentum))
  let (l1, l2) = (target.l1, target.l2)
  let isRegularized = l1 != 0 || l2 != 0

  @inline(__always)
  func weightAndGradient(_ i: Int, _ lanes: Int) -> (Vector, Vector) {
    let weight = load(w + i, lanes)
    let g = load(gradient + i, lanes)
    return (weight, isRegularized ? g + regularizationGradient(l1, l2, weight) : g)
  }

  switch rule.kind {
  case .gradientDescent:
    @inline(__always)
    func step(_ i: Int, _ lanes: Int) {
      let (weight, g) = weightAndGradient(i, lanes)
      store(multiplyAdd(Vector(repeating: -rate), g, weight), w + i, lanes)
    }
    forEachVector(count, step)

  case .momentum:
    guard let m = target.slot0.map({ $0 + start }) else { return }
    @inline(__always)
    func step(_ i: Int, _ lanes: Int) {
      let (weight, g) = weightAndGradient(i, lanes)
      let velocity = multiplyAdd(Vector(repeating: momentum), load(m + i, lanes), 0 - rate * g)
      store(velocity, m + i, lanes)
      store(weight + velocity, w + i, lanes)
    }
    forEachVector(count, step)

  case .nesterov:
    guard let m = target.slot0.map({ $0 + start }) else { return }
    @inline(__always)
    func step(_ i: Int, _ lanes: Int) {
      let (weight, g) = weightAndGradient(i, lanes)
      let velocity = multiplyAdd(Vector(repeating: momentum), load(m + i, lanes), 0 - rate * g)
      store(velocity, m + i, lanes)
      store(weight + multiplyAdd(Vector(repeating: momentum), velocity, 0 - rate * g), w + i, lanes)
    }
    forEachVector(count, step)

  case .adam:
    guard let m = target.slot0.map({ $0 + start }), let v = target.slot1.map({ $0 + start }) else { return }
    let (gain1, gain2) = (Float(1 - rule.beta1), Float(1 - rule.beta2))
    let epsilon = Float(rule.epsilon)
    @inline(__always)
    func step(_ i: Int, _ lanes: Int) {
      let (weight, g) = weightAndGradient(i, lanes)
      let (oldMean, oldSquare) = (load(m + i, lanes), load(v + i, lanes))
      let mean = multiplyAdd(g - oldMean, Vector(repeating: gain1), oldMean)
      let square = multiplyAdd(g * g - oldSquare, Vector(repeating: gain2), oldSquare)
      store(mean, m + i, lanes)
      store(square, v + i, lanes)
      store(weight - mean * rate / (squareRoot(square) + epsilon), w + i, lanes)
    }
    forEachVector(count, step)
  }
}

/// 2 l2 w + l1 sign(w)
@inline(__always)
private func regularizationGradient(_ l1: Float, _ l2: Float, _ w: Vector) -> Vector {
  let signed = select(w .> 0, Vector(repeating: l1), select(w .< 0, Vector(repeating: -l1), .zero))
  return multiplyAdd(Vector(repeating: 2 * l2), w, signed)
}

func addRegularizationGradient(
  _ l1: Float, _ l2: Float, _ weights: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ count: Int
) {
  forEachVector(count) { i, lanes in
    let g = load(gradient + i, lanes) + regularizationGradient(l1, l2, load(weights + i, lanes))
    store(g, gradient + i, lanes)
  }
}
