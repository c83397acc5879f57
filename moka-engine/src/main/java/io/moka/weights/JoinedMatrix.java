package io.moka.weights;

/**
 * Gate and up in one packed matrix, prefused at load: group g holds gate rows [32 g, 32 g + 32) in
 * its first two strips and the same rows of up in the other two, so that one pass yields both sides
 * of the activation.
 *
 * @param packed [64 ceil(width / 32), columns]
 * @param width rows of gate, and of up
 */
public record JoinedMatrix(PackedMatrix packed, int width) {
  /** Rows of gate, and of up, in one group. */
  public static final int HALF_ROWS = PackedMatrix.GROUP_ROWS / 2;

  /** Checks that the packed matrix has the rows of the join. */
  public JoinedMatrix {
    if (packed.rows() != joinedRows(width)) {
      throw new IllegalArgumentException(packed.rows() + " rows do not join two times " + width);
    }
  }

  /**
   * Rows of the packed matrix for a width.
   *
   * @param width rows of gate, and of up
   * @return the count, whole groups
   */
  public static int joinedRows(int width) {
    int groups = Math.ceilDiv(width, HALF_ROWS);
    return Math.multiplyExact(groups, PackedMatrix.GROUP_ROWS);
  }

  /**
   * Where a row of gate lies in the packed matrix.
   *
   * @param row row of gate
   * @return row of the packed matrix
   */
  public static int gateRow(int row) {
    return row / HALF_ROWS * PackedMatrix.GROUP_ROWS + row % HALF_ROWS;
  }

  /**
   * Where a row of up lies in the packed matrix.
   *
   * @param row row of up
   * @return row of the packed matrix
   */
  public static int upRow(int row) {
    return gateRow(row) + HALF_ROWS;
  }
}
