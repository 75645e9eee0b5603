// One matrix product: how it is cut into tasks. There are two ways, which give the same bits.
//
// Each task computes some rows or columns of C. Or, for a few rows of A that read a tall B, each task reads some of the
// rows of B and sums over them alone, whole chunks of `KernelTable.chunk`, which are then added in their order. B are
// weights, and the gradient of a tall matrix of weights is cut into its rows: so each processor reads, in rows that lie
// side by side, the weights that it has updated and may still have in its cache.

import MartletCore
import MartletKernelInterface

/// Tasks end on multiples of this many rows or columns of a product, so that no thread gets a sliver of a tile.
let tileMultiple = 32

/// How the rows of B are shared among the tasks of a product: evenly, to within a chunk's columns.
struct SumCut {
  /// A chunk and a column from which on a task begins.
  typealias Place = (chunk: Int, column: Int)

  let n: Int
  let k: Int
  let taskCount: Int

  static var chunk: Int { KernelTable<Float>.chunk }

  var chunkCount: Int { (k + Self.chunk - 1) / Self.chunk }

  func start(of task: Int) -> Place {
    guard task < taskCount else { return (chunkCount, 0) }
    let row = k * task / taskCount
    let chunk = row / Self.chunk
    let size = min(Self.chunk, k - chunk * Self.chunk)
    let column = (n * (row % Self.chunk) / size + tileMultiple / 2) / tileMultiple * tileMultiple
    return column < n ? (chunk, column) : (chunk + 1, 0)
  }

  /// The first chunk whose sums are not in C when all tasks have run.
  var firstApart: Int { max(1, start(of: 1).chunk) }
}

extension PlanExecutor {
  /// Work for less than about 10 microseconds is not worth waking a thread: so many multiply-adds, or so many elements
  /// of the largest matrix, where it takes longer to read them.
  static var multiplyAddGrain: Int { 1 << 20 }
  private static var matrixGrain: Int { 1 << 18 }

  /// With more rows of A the time goes into computing, with few into reading B. (With 32 this way costs 3 % where two
  /// processors share a cache, and wins 15 % where they do not.)
  private static var fewRows: Int { 32 }

  /// How many tasks a product is worth.
  func work(of product: MatrixProduct) -> Int {
    let (m, n, k) = (product.m.count(rows: rows), product.n, product.k.count(rows: rows))
    let length = Self.canCutSums(product, m: m, k: k) ? k : max(m, n)
    let groups = product.groups.count
    // Patches are no matrix in memory, which would keep these numbers within the integers.
    let (rows, columns, depth) = (Double(m), Double(n), Double(k))
    let matrix = max(columns * depth, rows * columns, rows * depth) / Double(Self.matrixGrain)
    let tasks = Double(groups) * max(rows * columns * depth / Double(Self.multiplyAddGrain), matrix).rounded(.down)
    return Int(min(Double(max(length / tileMultiple, groups)), tasks))
  }

  /// Run a product as `taskCount` tasks.
  func run(_ product: MatrixProduct) {
    let (m, k) = (product.m.count(rows: rows), product.k.count(rows: rows))
    cutsSums = taskCount > 1 && Self.canCutSums(product, m: m, k: k)
    runTasks(taskCount, threads: threads)
    if cutsSums { addSums(of: product, m: m, k: k) }
  }

  private static func canCutSums(_ product: MatrixProduct, m: Int, k: Int) -> Bool {
    guard case .affine(let epilogue) = product.epilogue, epilogue.isPlain, case .rows = product.aOrder,
      product.groups.count == 1
    else { return false }
    return m <= fewRows && k >= product.n && k > SumCut.chunk
  }

  /// Scalars for the sums of all chunks but the first, of any product.
  var sumCount: Int {
    var count = 0
    for case .matrixProduct(let product) in plan.forward {
      let (m, k) = (product.m.count(rows: plan.maximumBatch), product.k.count(rows: plan.maximumBatch))
      let rows = min(m, Self.fewRows)
      guard Self.canCutSums(product, m: rows, k: k) else { continue }
      count = max(count, (SumCut(n: product.n, k: k, taskCount: 1).chunkCount - 1) * rows * product.n)
    }
    return count
  }

  func run(_ product: MatrixProduct, _ task: Int) {
    if cutsSums { computeSums(product, task) } else { computeElements(product, task) }
  }

  /// Sum over the rows of B that belong to a task. The first chunk goes to C, and so do those after it that belong to
  /// the first task as a whole; each other one to a place of its own.
  private func computeSums(_ product: MatrixProduct, _ task: Int) {
    guard let c = product.c else { return }
    let (m, n) = (product.m.count(rows: rows), product.n)
    let (a, b) = (product.aOrder.strides, product.bOrder.strides)
    let cut = SumCut(n: n, k: product.k.count(rows: rows), taskCount: taskCount)
    var (place, end) = (cut.start(of: task), cut.start(of: task + 1))
    while place < end {
      let chunks = task == 0 && place.chunk == 0 ? max(1, end.chunk) : 1
      let columns = place.column..<(place.chunk == end.chunk ? end.column : n)
      let row = place.chunk * SumCut.chunk
      let destination = place.chunk == 0 ? pointers[c] : sums + (place.chunk - 1) * m * n
      kernels.gemm(
        GEMMArguments(
          m: m, n: columns.count, k: min(chunks * SumCut.chunk, cut.k - row),
          a: pointers[product.a] + row * a.column, aRowStride: a.row, aColumnStride: a.column,
          aSource: source(of: product, row: 0, column: row),
          b: pointers[product.b] + row * b.row + columns.lowerBound * b.column, bRowStride: b.row,
          bColumnStride: b.column, c: destination + columns.lowerBound, cRowStride: n, epilogue: .store(),
          workspace: workspace(task)))
      place = (place.chunk + chunks, 0)
    }
  }

  /// C = activation(C + the other chunks + bias), as the epilogue of a whole product would have it.
  private func addSums(of product: MatrixProduct, m: Int, k: Int) {
    guard case .affine(let epilogue) = product.epilogue, let c = product.c else { return }
    let (n, total) = (product.n, pointers[c])
    let cut = SumCut(n: n, k: k, taskCount: taskCount)
    for chunk in cut.firstApart..<cut.chunkCount {
      kernels.combine(.add, total, sums + (chunk - 1) * m * n, total, m * n)
    }
    if let bias = epilogue.offset {
      for row in 0..<m { kernels.combine(.add, total + row * n, pointers[bias], total + row * n, n) }
    }
    kernels.activation(epilogue.activation, total, total, m * n)
  }

  private func computeElements(_ product: MatrixProduct, _ task: Int) {
    let groups = product.groups.count
    let (m, n) = (product.m.count(rows: rows), product.n)
    let sharesGroups = groups > 1 && groups >= taskCount
    // Cut along the longer side: the other operand is packed by each task.
    let rowPart = sharesGroups || m < n ? 0..<m : part(of: m, task: task, multiple: tileMultiple)
    let columnPart = sharesGroups || m >= n ? 0..<n : part(of: n, task: task, multiple: tileMultiple)
    for group in sharesGroups ? part(of: groups, task: task) : 0..<groups {
      computeElements(product, group: group, rowPart, columnPart, workspace: workspace(task))
    }
  }

  /// Compute a part of C, rows or columns of one group.
  private func computeElements(
    _ product: MatrixProduct, group: Int, _ rowPart: Range<Int>, _ columnPart: Range<Int>,
    workspace: UnsafeMutablePointer<Scalar>
  ) {
    let n = product.n
    guard !rowPart.isEmpty, !columnPart.isEmpty else { return }
    let (rowLength, column) = (n * product.groups.count, n * group + columnPart.lowerBound)
    let offset = rowPart.lowerBound * rowLength + column
    let (a, b) = (product.aOrder.strides, product.bOrder.strides)
    var arguments = GEMMArguments(
      m: rowPart.count, n: columnPart.count, k: product.k.count(rows: rows),
      a: pointers[product.a] + group * product.groups.aStep + rowPart.lowerBound * a.row, aRowStride: a.row,
      aColumnStride: a.column, aSource: source(of: product, row: rowPart.lowerBound, column: 0),
      b: pointers[product.b] + group * product.groups.bStep + product.bOrder.start
        + columnPart.lowerBound * b.column,
      bRowStride: b.row, bColumnStride: b.column, bBlocks: product.bOrder.blocks,
      c: product.c.map { pointers[$0] + offset }, cRowStride: rowLength,
      epilogue: epilogue(product, offset: offset, rowLength: rowLength, column: column), workspace: workspace)
    guard case .affine(let epilogue) = product.epilogue, !epilogue.isPlain else {
      return multiply(product, rowPart, arguments)
    }
    withUnsafePointer(to: self.arguments(epilogue, column: column, offset: offset)) { affine in
      arguments.epilogue = .affine(affine)
      multiply(product, rowPart, arguments)
    }
  }

  /// Where the vectors of an epilogue lie, from a column and an element of the result on.
  func arguments(_ epilogue: AffineEpilogue, column: Int, offset: Int) -> AffineArguments<Scalar> {
    AffineArguments(
      scale: epilogue.scale.map { UnsafePointer(pointers[$0] + column) },
      offset: epilogue.offset.map { UnsafePointer(pointers[$0] + column) },
      residual: epilogue.residual.map { UnsafePointer(pointers[$0] + offset) }, activation: epilogue.activation)
  }

  /// Multiply some rows of op(A), or of patches in its place, by B.
  @inline(never)
  private func multiply(_ product: MatrixProduct, _ rowPart: Range<Int>, _ arguments: GEMMArguments<Scalar>) {
    switch product.aOrder {
    case .rows, .columns, .reversedBlocks: kernels.gemm(arguments)
    case .patches(let geometry):
      multiply(
        Patches(geometry, firstPatch: rowPart.lowerBound, firstElement: 0, isTransposed: false), arguments)
    case .transposedPatches(let geometry):
      multiply(Patches(geometry, firstPatch: 0, firstElement: rowPart.lowerBound, isTransposed: true), arguments)
    }
  }

  private func multiply(_ patches: Patches, _ arguments: GEMMArguments<Scalar>) {
    withUnsafePointer(to: patches) { patches in
      var arguments = arguments
      arguments.aPatches = patches
      kernels.gemm(arguments)
    }
  }

  /// What a product reads in place of its first operand, from an element of op(A) on.
  private func source(of product: MatrixProduct, row: Int, column: Int) -> (rows: SourceRows, isTransposed: Bool)? {
    guard let rows = sources[product.a] else { return nil }
    return switch product.aOrder {
    case .rows: (rows.from(row, column), false)
    case .columns: (rows.from(column, row), true)
    case .patches, .transposedPatches, .reversedBlocks: nil
    }
  }

  private func epilogue(
    _ product: MatrixProduct, offset: Int, rowLength: Int, column: Int
  ) -> GEMMEpilogue<Scalar> {
    switch product.epilogue {
    case .store(let adds): return .store(beta: adds ? 1 : 0)
    case .affine(let epilogue):
      return .biasActivation(
        bias: epilogue.offset.map { UnsafePointer(pointers[$0] + column) }, activation: epilogue.activation)
    case .activationGradient(let v, let activation):
      return .activationGradient(v: pointers[v] + offset, vRowStride: rowLength, activation: activation)
    case .sink(let parameter):
      guard plan.sink == .update, let rule else { return .store() }
      return .update(rule, target(parameter, offset: offset))
    }
  }
}
