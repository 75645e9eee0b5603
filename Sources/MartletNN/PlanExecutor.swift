// Runs a plan: one arena, one walk over the operations. This file holds what a caller does with it; how one operation
// is cut into tasks and computed is in PlanExecutor+Operations.swift.
//
// Generic over the scalar, so that a whole plan can run in double through the reference kernels: for gradient checks
// and predictions in double.
// The entry points are specialised for Float: generic code would box values on the heap.

import MartletCore
import MartletKernelInterface

/// One thread at a time. After the first batch nothing is allocated, unless more threads are asked for than before.
///
/// A training step: fill `input`, `labels` or `targets`; `forward`; `computeLoss` of each output, which tells whether
/// the step may go on; `backward`, which updates the weights or stores gradients, as the plan's sink says.
package final class PlanExecutor<Scalar: BinaryFloatingPoint & BitwiseCopyable & Sendable>: ParallelWork,
  @unchecked Sendable
{
  package let plan: Plan
  package let kernels: KernelTable<Scalar>

  let parameters: UnsafeMutablePointer<Scalar>
  private let arena: TensorStorage
  private let transformedKernels: TensorStorage?
  private let gradientStorage: TensorStorage?
  private let constantStorage: TensorStorage
  private let labelStorage: TensorStorage
  private let rowWeightStorage: TensorStorage
  private let rowLossStorage: TensorStorage
  private let operationStorage: TensorStorage
  private let pointerStorage: TensorStorage
  private let ruleStorage: TensorStorage
  private var workspaceStorage: TensorStorage
  private var workspaceThreads = 0
  private var sumStorage: TensorStorage

  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<Scalar>>
  private let operations: UnsafeMutablePointer<Operation>
  private let sourceStorage: TensorStorage
  /// What products read in place of a buffer.
  let sources: UnsafeMutablePointer<SourceRows?>

  // What the running operation's tasks read.
  var operation: Operation
  var rows = 0
  var threads = 1
  var taskCount = 1
  /// Whether the tasks of a product share the rows of its B.
  var cutsSums = false
  var step: UInt64 = 0
  var dropoutSeed: UInt64
  var rule: UnsafePointer<UpdateRule>?
  var slots = OptimizerSlots<Scalar>()
  var average: WeightAverage<Scalar>?

  /// - Parameters:
  ///   - parameters: flat weights in `plan.layout`; must outlive the executor.
  ///   - transformedKernels: `plan.transformedCount` scalars, made by `Plan.transformKernels` before each `forward` for
  ///     which weights have changed.
  ///   - seed: of dropout.
  /// - Throws: `outOfMemory`.
  package init(
    plan: Plan, parameters: UnsafeMutablePointer<Scalar>, kernels: KernelTable<Scalar>,
    transformedKernels: TensorStorage? = nil, seed: UInt64 = 0
  ) throws(MartletError) {
    precondition(plan.transformedCount * MemoryLayout<Scalar>.stride <= transformedKernels?.byteCount ?? 0)
    self.plan = plan
    self.kernels = kernels
    self.parameters = parameters
    self.transformedKernels = transformedKernels
    dropoutSeed = seed
    arena = try TensorStorage(
      count: plan.arenaCount, of: Scalar.self, purpose: "the buffers for a batch of \(plan.maximumBatch) rows")
    gradientStorage =
      switch plan.sink {
      case .store: try TensorStorage(count: plan.layout.count, of: Scalar.self, purpose: "gradients")
      case .update, nil: nil
      }
    constantStorage = try TensorStorage(count: plan.constants.count, of: Scalar.self, purpose: "constants")
    let lossRows = plan.losses.map { $0.kernel == nil ? 0 : plan.maximumBatch * $0.rowsPerSample }
    let allLossRows = lossRows.reduce(0, +)
    labelStorage = try TensorStorage(count: allLossRows, of: Int32.self, purpose: "labels")
    rowWeightStorage = try TensorStorage(count: allLossRows, of: Float.self, purpose: "the weights of rows")
    rowLossStorage = try TensorStorage(count: lossRows.max() ?? 0, of: Double.self, purpose: "the losses of a batch")
    workspaceStorage = try TensorStorage(count: 0, of: Scalar.self, purpose: "packing")
    sumStorage = try TensorStorage(count: 0, of: Scalar.self, purpose: "partial sums")

    for (index, value) in plan.constants.enumerated() {
      constantStorage.pointer(as: Scalar.self)[index] = Scalar(value)
    }
    let all = plan.forward + plan.backward + plan.finally
    operationStorage = try TensorStorage(count: all.count, of: Operation.self, purpose: "a plan")
    operations = operationStorage.pointer(as: Operation.self)
    for (index, operation) in all.enumerated() { operations[index] = operation }
    operation = .update(parameter: 0, gradient: 0)
    pointerStorage = try TensorStorage(
      count: plan.buffers.count, of: UnsafeMutablePointer<Scalar>.self, purpose: "a plan")
    pointers = pointerStorage.pointer(as: UnsafeMutablePointer<Scalar>.self)
    sourceStorage = try TensorStorage(count: plan.buffers.count, of: SourceRows?.self, purpose: "a plan")
    sources = sourceStorage.pointer(as: SourceRows?.self)
    sources.initialize(repeating: nil, count: plan.buffers.count)
    ruleStorage = try TensorStorage(count: 1, of: UpdateRule.self, purpose: "a plan")
    for (index, place) in plan.buffers.enumerated() {
      pointers[index] =
        switch place {
        case .arena(let offset): arena.pointer(as: Scalar.self) + offset
        case .parameter(let parameter): parameters + plan.layout.parameters[parameter].offset
        case .gradient(let parameter):
          (gradientStorage ?? arena).pointer(as: Scalar.self) + plan.layout.parameters[parameter].offset
        case .constant(let offset): constantStorage.pointer(as: Scalar.self) + offset
        case .transformedKernel(let offset): (transformedKernels ?? arena).pointer(as: Scalar.self) + offset
        }
    }
  }

  // MARK: What goes in and comes out; [maximumBatch, row]

  /// Room for the rows of an input, to be filled before `forward`, which reads them there unless one of the following
  /// is called after this.
  package func input(_ index: Int) -> UnsafeMutablePointer<Scalar> {
    guard case .arena(let offset) = plan.buffers[plan.inputs[index]] else {
      preconditionFailure("an input has a buffer of its own")
    }
    let room = arena.pointer(as: Scalar.self) + offset
    pointers[plan.inputs[index]] = room
    sources[plan.inputs[index]] = nil
    return room
  }

  /// Read an input's rows where they lie, as they must stay while the plan runs; no operation writes to an input.
  package func setInput(_ index: Int, to rows: UnsafePointer<Scalar>) {
    pointers[plan.inputs[index]] = UnsafeMutablePointer(mutating: rows)
    sources[plan.inputs[index]] = nil
  }

  /// Whether products can convert so many rows of an input while they pack them. A single row is not packed, nor is
  /// anything by the reference kernels.
  package func convertsInput(_ index: Int, rows: Int) -> Bool {
    Scalar.self == Float.self && plan.convertsInput[index] && rows > 1
  }

  /// Have an input's rows converted from where they lie, as they must stay while the plan runs. Allowed if
  /// `convertsInput`.
  package func setInput(_ index: Int, to rows: SourceRows) {
    precondition(convertsInput(index, rows: 2))
    sources[plan.inputs[index]] = rows
  }

  /// Forget where rows of the caller's lie: call it before they may go away.
  package func releaseInputs() {
    for index in plan.inputs.indices { _ = input(index) }
  }

  /// The rows that an input is read from.
  package func value(ofInput index: Int) -> UnsafePointer<Scalar> { UnsafePointer(pointers[plan.inputs[index]]) }

  /// Output rows, after `forward`; logits where the loss says so.
  package func output(_ index: Int) -> UnsafeMutablePointer<Scalar> { pointers[plan.outputs[index]] }

  /// The rows of any node, after `forward` of a plan that keeps values.
  package func value(ofNode node: Int) -> UnsafeMutablePointer<Scalar> { pointers[plan.values[node]] }

  /// Targets of a loss that takes labels: [rows, rowsPerSample].
  package func labels(_ output: Int) -> UnsafeMutablePointer<Int32> {
    labelStorage.pointer(as: Int32.self) + firstLossRow(output)
  }

  /// Targets of a loss that takes numbers, shaped like the output; nil without a loss.
  package func targets(_ output: Int) -> UnsafeMutablePointer<Scalar>? {
    plan.losses[output].targets.map { pointers[$0] }
  }

  /// What each row's loss is multiplied by, if `computeLoss` is asked to: [rows, rowsPerSample].
  package func rowWeights(_ output: Int) -> UnsafeMutablePointer<Float> {
    rowWeightStorage.pointer(as: Float.self) + firstLossRow(output)
  }

  /// The gradient by an output: what a caller's own loss fills in before `backward`. nil if no trainable weight comes
  /// before that output.
  package func outputGradient(_ output: Int) -> UnsafeMutablePointer<Scalar>? {
    plan.losses[output].gradient.map { pointers[$0] }
  }

  /// Where an output's part of the label and weight storage begins.
  private func firstLossRow(_ output: Int) -> Int {
    var first = 0
    for loss in plan.losses[..<output] where loss.kernel != nil { first += plan.maximumBatch * loss.rowsPerSample }
    return first
  }

  /// The flat gradients of a plan that stores them.
  package var gradients: UnsafeMutablePointer<Scalar>? { gradientStorage?.pointer(as: Scalar.self) }

  // MARK: The step

  /// Compute the outputs of `rows` rows.
  ///
  /// - Parameter step: position of the dropout masks.
  /// - Throws: `outOfMemory`, with more threads than were reserved; then nothing is computed.
  @_specialize(where Scalar == Float)
  package func forward(rows: Int, step: UInt64, threads: Int) throws(MartletError) {
    precondition(rows > 0 && rows <= plan.maximumBatch && threads > 0)
    try reserve(threads: threads)
    self.rows = rows
    self.threads = threads
    self.step = step
    for index in 0..<plan.forward.count { run(operations[index]) }
  }

  /// Sum of the losses of an output's rows in the last `forward`, in double and ascending row order; and, if the plan
  /// trains, the gradient of their mean, times the weight of this loss, by the output. 0 for an output without a loss.
  ///
  /// - Parameters:
  ///   - useLabels: whether the targets are `labels` (true) or `targets`.
  ///   - useRowWeights: whether each row's loss, and with it its gradient, is multiplied by one of `rowWeights`.
  @_specialize(where Scalar == Float)
  package func computeLoss(output: Int, useLabels: Bool, useRowWeights: Bool = false) -> Double {
    let loss = plan.losses[output]
    guard let kind = loss.kernel, let targets = targets(output) else { return 0 }
    let lossRows = rows * loss.rowsPerSample
    let rowLosses = rowLossStorage.pointer(as: Double.self)
    kernels.loss(
      LossArguments(
        kind: kind, parameters: loss.configuration.parameters, rows: lossRows, columns: loss.columns,
        predictions: self.output(output), targets: useLabels ? .labels(labels(output)) : .values(targets),
        rowWeights: useRowWeights ? UnsafePointer(rowWeights(output)) : nil, rowLosses: rowLosses,
        gradient: outputGradient(output), gradientScale: loss.configuration.weight / Double(lossRows)))
    var sum = 0.0
    for row in 0..<lossRows { sum += rowLosses[row] }
    return sum
  }

  /// l1 sum |W| + l2 sum W^2 over the trainable weights.
  @_specialize(where Scalar == Float)
  package func regularizationLoss() -> Double {
    var sum = 0.0
    for parameter in plan.layout.parameters where parameter.isTrainable && !parameter.regularizer.isNone {
      let norms = kernels.norms(parameters + parameter.offset, parameter.count)
      sum += Double(parameter.regularizer.l1) * norms.absolute + Double(parameter.regularizer.l2) * norms.squared
    }
    return sum
  }

  /// (l1 sum |x| + l2 sum x^2) / N over the penalised activations x of the last `forward`, N its rows.
  @_specialize(where Scalar == Float)
  package func activityLoss() -> Double {
    var sum = 0.0
    for penalty in plan.penalties {
      let norms = kernels.norms(pointers[penalty.buffer], penalty.count * rows)
      sum += Double(penalty.regularizer.l1) * norms.absolute + Double(penalty.regularizer.l2) * norms.squared
    }
    return sum / Double(rows)
  }

  /// Turn the gradient by the output into those of the weights: into the weights by `rule` for a plan that updates,
  /// else into `gradients`, regularisation included.
  @_specialize(where Scalar == Float)
  package func backward(
    rule: UpdateRule?, slots: OptimizerSlots<Scalar>, average: WeightAverage<Scalar>? = nil
  ) {
    setRule(rule)
    self.slots = slots
    let first = plan.forward.count
    for index in first..<(first + plan.backward.count) { run(operations[index]) }
    guard plan.sink != .update, let gradients else {
      finishUpdate(average)
      return
    }
    for parameter in plan.layout.parameters where parameter.isTrainable && !parameter.regularizer.isNone {
      kernels.addRegularizationGradient(
        parameter.regularizer.l1, parameter.regularizer.l2, parameters + parameter.offset,
        gradients + parameter.offset, parameter.count)
    }
  }

  /// Update the weights with stored gradients, which hold the regularisation already.
  ///
  /// - Parameter rule: nil in a step that leaves the weights as they are, but takes them into the average.
  @_specialize(where Scalar == Float)
  package func apply(
    rule: UpdateRule?, slots: OptimizerSlots<Scalar>, average: WeightAverage<Scalar>? = nil
  ) {
    guard gradients != nil else { return }
    setRule(rule)
    self.slots = slots
    if rule != nil {
      for (index, parameter) in plan.layout.parameters.enumerated() where parameter.isTrainable {
        run(.update(parameter: index, gradient: nil))
      }
    }
    finishUpdate(average)
  }

  /// Keep the rule where the tasks find it until the next one.
  private func setRule(_ rule: UpdateRule?) {
    let place = ruleStorage.pointer(as: UpdateRule.self)
    if let rule { place.initialize(to: rule) }
    self.rule = rule == nil ? nil : UnsafePointer(place)
  }

  /// What comes after the updates of all weights.
  private func finishUpdate(_ average: WeightAverage<Scalar>?) {
    let first = plan.forward.count + plan.backward.count
    for index in first..<(first + plan.finally.count) { run(operations[index]) }
    self.average = average
    if average != nil {
      for (index, parameter) in plan.layout.parameters.enumerated() where parameter.isTrainable {
        run(.movingAverage(parameter: index))
      }
    }
    constrainWeights()
  }

  /// Make sure of the memory that `threads` threads need: afterwards a `forward` with no more of them cannot fail.
  package func reserve(threads: Int) throws(MartletError) {
    guard threads > workspaceThreads else { return }
    let sums = try TensorStorage(count: threads > 1 ? sumCount : 0, of: Scalar.self, purpose: "partial sums")
    workspaceStorage = try TensorStorage(
      count: workspaceCount * threads, of: Scalar.self, purpose: "packing")
    sumStorage = sums
    workspaceThreads = threads
  }

  // MARK: Inside

  /// Sums of the chunks of a product, each [m, n].
  var sums: UnsafeMutablePointer<Scalar> { sumStorage.pointer(as: Scalar.self) }

  @_specialize(where Scalar == Float)
  override func runTask(_ task: Int) { runTaskOfOperation(task) }

  /// Packing memory of one task, and after `KernelTable.gemmWorkspaceCount` scalars that of tiles.
  func workspace(_ task: Int) -> UnsafeMutablePointer<Scalar> {
    workspaceStorage.pointer(as: Scalar.self) + task * workspaceCount
  }

  private var workspaceCount: Int { kernels.gemmWorkspaceCount + plan.scratchCount }
}
