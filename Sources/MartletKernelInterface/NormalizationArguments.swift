// What the kernels of batch normalisation work on.

/// Columns of x [rows, columns], or a part of them, normalised by their own or by given statistics:
///
///     y = (x - mean) * scale + offset,     scale = gamma * deviation,     deviation = 1 / sqrt(variance + epsilon)
package struct NormalizationArguments<Scalar> {
  package var rows: Int
  /// Rows that the statistics are of, if these are a part of them.
  package var totalRows: Int
  package var columns: Int
  /// Of x, y and their gradients.
  package var rowStride: Int
  package var x: UnsafePointer<Scalar>
  package var mean: UnsafePointer<Scalar>
  package var deviation: UnsafePointer<Scalar>
  package var scale: UnsafePointer<Scalar>

  package init(
    rows: Int, totalRows: Int, columns: Int, rowStride: Int, x: UnsafePointer<Scalar>,
    mean: UnsafePointer<Scalar>, deviation: UnsafePointer<Scalar>, scale: UnsafePointer<Scalar>
  ) {
    self.rows = rows
    self.totalRows = totalRows
    self.columns = columns
    self.rowStride = rowStride
    self.x = x
    self.mean = mean
    self.deviation = deviation
    self.scale = scale
  }
}
