// The update rules over flat arrays: weights, state and gradient are read and written once. The matrix product runs them
// on the rows of a finished tile, the table's `update` on whole arrays; the bits are the same.

import MartletKernelInterface

func update(_ rule: UpdateRule, _ target: UpdateTarget<Float>, _ gradient: UnsafePointer<Float>, _ count: Int) {
  update(rule, target, at: 0, gradient: gradient, count)
}

/// Update the `count` weights from index `start` on, by `gradient`, whose first element belongs to that weight.
func update(
  _ rule: UpdateRule, _ target: UpdateTarget<Float>, at start: Int, gradient: UnsafePointer<Float>, _ count: Int
) {
  let w = target.weights + start
  let rate = Vector(repeating: Float(rule.rate))
  let momentum = Vector(repeating: Float(rule.momentum))
  let (l1, l2) = (target.l1, target.l2)

  @inline(__always)
  func forEachWeight(_ body: (_ i: Int, _ lanes: Int, _ w: Vector, _ g: Vector) -> Void) {
    if l1 == 0 && l2 == 0 {
      forEachVector(count) { i, lanes in body(i, lanes, load(w + i, lanes), load(gradient + i, lanes)) }
    } else {
      forEachVector(count) { i, lanes in
        let weight = load(w + i, lanes)
        body(i, lanes, weight, load(gradient + i, lanes) + regularizationGradient(l1, l2, weight))
      }
    }
  }

  switch rule.kind {
  case .gradientDescent:
    forEachWeight { i, lanes, weight, g in store(multiplyAdd(0 - rate, g, weight), w + i, lanes) }
  case .momentum:
    guard let m = target.slot0.map({ $0 + start }) else { return }
    forEachWeight { i, lanes, weight, g in
      let velocity = multiplyAdd(momentum, load(m + i, lanes), 0 - rate * g)
      store(velocity, m + i, lanes)
      store(weight + velocity, w + i, lanes)
    }
  case .nesterov:
    guard let m = target.slot0.map({ $0 + start }) else { return }
    forEachWeight { i, lanes, weight, g in
      let step = rate * g
      let velocity = multiplyAdd(momentum, load(m + i, lanes), 0 - step)
      store(velocity, m + i, lanes)
      store(weight + multiplyAdd(momentum, velocity, 0 - step), w + i, lanes)
    }
  case .adam:
    guard let m = target.slot0.map({ $0 + start }), let v = target.slot1.map({ $0 + start }) else { return }
    let gain1 = Vector(repeating: Float(1 - rule.beta1))
    let gain2 = Vector(repeating: Float(1 - rule.beta2))
    let epsilon = Vector(repeating: Float(rule.epsilon))
    forEachWeight { i, lanes, weight, g in
      let (oldMean, oldSquare) = (load(m + i, lanes), load(v + i, lanes))
      let mean = multiplyAdd(g - oldMean, gain1, oldMean)
      let square = multiplyAdd(g * g - oldSquare, gain2, oldSquare)
      store(mean, m + i, lanes)
      store(square, v + i, lanes)
      store(weight - mean * rate / (square.squareRoot() + epsilon), w + i, lanes)
    }
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
