// Constraints, which come after the update of a step: of one that is fused into the backward pass, and of `apply`. A
// vector of a weight array belongs to one task, so the number of threads changes no bit.

import MartletKernelInterface

extension PlanExecutor {
  /// Hold all trained weights to their constraints.
  func constrainWeights() {
    for index in plan.layout.parameters.indices {
      let parameter = plan.layout.parameters[index]
      if parameter.isTrainable, let constraint = parameter.specification.plannedConstraint {
        run(.constrain(constraint, parameter: index))
      }
    }
  }

  /// Tasks take whole blocks, or columns of the only one.
  func work(of constraint: PlannedConstraint) -> Int {
    let elements = constraint.blocks * constraint.rows * constraint.columns
    return min(max(constraint.blocks, constraint.columns / tileMultiple), elements / Self.elementGrain)
  }

  func run(_ constraint: PlannedConstraint, _ parameter: Int, _ task: Int) {
    let (rows, columns) = (constraint.rows, constraint.columns)
    let weights = parameters + plan.layout.parameters[parameter].offset
    if constraint.blocks == 1 {
      let part = part(of: columns, task: task, multiple: tileMultiple)
      kernels.constrain(constraint.rule, weights + part.lowerBound, columns, rows, part.count)
    } else {
      for block in part(of: constraint.blocks, task: task) {
        kernels.constrain(constraint.rule, weights + block * rows * columns, columns, rows, columns)
      }
    }
  }
}
