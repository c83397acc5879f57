package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Where a call with several groups puts its sums, and room for a row more, which it must leave. */
final class GroupSums {
  private static final float UNTOUCHED = 12345f;

  private final int rows;
  private final MemorySegment out;

  /** Room for some rows with some groups. */
  GroupSums(Arena arena, int rows, int groups) {
    this.rows = rows;
    out = arena.allocate((rows + 1) * groups * GroupProducts.SUM_BYTES, 4);
  }

  /** The memory, where nothing is yet. */
  MemorySegment fresh() {
    for (long i = 0; i < out.byteSize(); i += 4) {
      out.set(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
    }
    return out;
  }

  /**
   * Compares the bits.
   *
   * @param expected for each row the outputs of all groups
   * @param first the first of the rows that were multiplied
   * @param count how many
   * @param group the first of the groups
   * @param groups how many
   * @param what names the case
   */
  void check(float[][] expected, int first, int count, int group, int groups, String what) {
    int width = groups * PackedMatrix.GROUP_ROWS;
    for (int i = 0; i < (rows + 1) * width; i++) {
      int row = i / width;
      int output = group * PackedMatrix.GROUP_ROWS + i % width;
      float value = row < count ? expected[first + row][output] : UNTOUCHED;
      float found = out.get(ValueLayout.JAVA_FLOAT, i * 4L);
      if (Float.floatToIntBits(value) != Float.floatToIntBits(found)) {
        assertThat(found)
            .as("%s, %d rows, %d groups, row %d, output %d", what, count, groups, row, output)
            .isEqualTo(value);
      }
    }
  }
}
