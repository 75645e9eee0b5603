// From gradients to weights, in Keras' order: gradients of several steps add up, their mean is clipped, weights decay
// and are updated, the moving average takes them in, and constraints hold. The executor does all of it while it
// computes the gradients, unless a norm or another step's gradients are needed first.

import MartletCore
import MartletKernelInterface
import MartletNN

extension Trainer {
  /// Gradients of the executor's losses and the update of the weights.
  ///
  /// - Throws: `notFinite` naming the first weight array whose gradient is not finite, if gradients are stored; nothing
  ///   has changed then.
  func backwardAndUpdate(_ executor: PlanExecutor<Float>) throws(MartletError) {
    if executor.plan.sink == .update {
      model.valuesToChange()
      executor.backward(rule: rule(), slots: optimizerState.slots, average: weightAverage)
      finishUpdate()
    } else {
      executor.backward(rule: nil, slots: optimizerState.slots)
      try update(executor)
    }
  }

  /// Update the weights with the gradients that an executor has stored, or keep them for a later step's update.
  ///
  /// - Throws: `notFinite`, as above; if it is the sum with those of earlier steps, the gradients are used up.
  func update(_ executor: PlanExecutor<Float>) throws(MartletError) {
    guard let gradients = executor.gradients else { return }
    try measureGradients(gradients)
    hasGradients = false
    model.valuesToChange()
    let steps = options.optimizer.accumulationSteps
    if let sums = optimizerState.accumulator?.pointer(as: Float.self) {
      guard (iteration + 1) % steps == 0 else {
        kernels.combine(.add, sums, gradients, sums, model.layout.count)
        executor.apply(rule: nil, slots: optimizerState.slots, average: weightAverage)
        iteration += 1
        return
      }
      kernels.combine(.add, sums, gradients, gradients, model.layout.count)
      try measureGradients(gradients)
      sums.update(repeating: 0, count: model.layout.count)
    }
    var rule = rule()
    clip(gradients, &rule)
    executor.apply(rule: rule, slots: optimizerState.slots, average: weightAverage)
    finishUpdate()
  }

  /// Give the trained weights the values of their moving average, as at the end of `fit`. Nothing without one, or
  /// before the first step.
  package func useAverage() {
    discardOutdatedPlans()
    guard let average = optimizerState.average, iteration > 0 else { return }
    for parameter in model.layout.parameters where parameter.isTrainable {
      (model.valuesToChange() + parameter.offset).update(
        from: average.pointer(as: Float.self) + parameter.offset, count: parameter.count)
    }
  }

  /// Go on from a state of this optimiser for this model, after these epochs, with the seed that they had if it is
  /// known. Gradients that were made before are dropped.
  package func resume(
    _ state: OptimizerState, iteration: Int, learningRate: Double, seed: UInt64?, history: TrainingHistory
  ) {
    optimizerState = state
    self.history = history
    self.iteration = iteration
    self.learningRate = learningRate
    if let seed, seed != self.seed {
      self.seed = seed
      // Their dropout follows the seed they were made with.
      (training, stepping) = (nil, nil)
    }
    forwardRowCount = 0
    hasGradients = false
  }

  // MARK: Inside

  /// The update that this step makes or contributes to, counted from 1.
  private var currentUpdate: Int { iteration / options.optimizer.accumulationSteps + 1 }

  private func rule() -> UpdateRule {
    options.optimizer.rule(
      update: currentUpdate, learningRate: learningRate, momentumProduct: optimizerState.momentumProduct)
  }

  /// The average as this step changes it: during the first update it is the weights themselves.
  private var weightAverage: WeightAverage<Float>? {
    guard let averaging = options.optimizer.averaging, let values = optimizerState.average else { return nil }
    let frequency = averaging.overwriteFrequency
    return WeightAverage(
      values: values.pointer(as: Float.self), momentum: currentUpdate == 1 ? 0 : averaging.momentum,
      replacesWeights: frequency > 0 && currentUpdate % frequency == 0)
  }

  private func finishUpdate() {
    optimizerState.momentumProduct *= options.optimizer.momentumFactor(update: currentUpdate)
    iteration += 1
  }

  /// The L2 norm of each gradient, in double. A square of a float does not overflow there, so the norm of finite
  /// numbers is finite.
  private func measureGradients(_ gradients: UnsafeMutablePointer<Float>) throws(MartletError) {
    for (index, parameter) in model.layout.parameters.enumerated() where parameter.isTrainable {
      gradientNorms[index] = kernels.norms(gradients + parameter.offset, parameter.count).squared.squareRoot()
      guard gradientNorms[index].isFinite else {
        let layer = model.graph.layers[parameter.layer].name
        throw MartletError(.notFinite, "the gradient of weight '\(parameter.name)' of layer '\(layer)' is not finite")
      }
    }
  }

  /// Scale what is longer than the limit. The gradients are sums, whose mean the rule makes.
  private func clip(_ gradients: UnsafeMutablePointer<Float>, _ rule: inout UpdateRule) {
    switch options.optimizer.clipping {
    case .none, .value: return
    case .norm(let limit):
      for (index, parameter) in model.layout.parameters.enumerated() where parameter.isTrainable {
        let norm = gradientNorms[index] * rule.gradientScale
        guard norm > limit else { continue }
        let array = gradients + parameter.offset
        kernels.scale(array, limit / norm, 0, array, parameter.count)
      }
    case .globalNorm(let limit):
      var squares = 0.0
      for norm in gradientNorms { squares += norm * norm }
      let norm = squares.squareRoot() * rule.gradientScale
      if norm > limit { rule.gradientScale *= limit / norm }
    }
  }
}
