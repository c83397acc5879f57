package io.moka.bench;

import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Random numbers of ordinary size; a benchmark on zeros or infinities would time something else.
 */
final class RandomWeights {
  private RandomWeights() {}

  /**
   * Fills a matrix: BF16 with values of magnitude 0.008 to 0.03 and both signs; other formats with
   * bits of which no half, small exponent or float of a scale can be infinite.
   */
  static void fill(PackedMatrix matrix, SplittableRandom random) {
    boolean bf16 = matrix.format() == WeightFormat.BF16;
    long drawn = bf16 ? 0x80FF_80FF_80FF_80FFL : 0x3F3F_3F3F_3F3F_3F3FL;
    long fixed = bf16 ? 0x3C00_3C00_3C00_3C00L : 0;
    MemorySegment data = matrix.data();
    for (long at = 0; at < data.byteSize(); at += Long.BYTES) {
      long words = random.nextLong() & drawn | fixed;
      data.set(ValueLayout.JAVA_LONG_UNALIGNED, at, words);
    }
  }

  static void fill(Rows rows, int count, SplittableRandom random) {
    for (int row = 0; row < count; row++) {
      for (int column = 0; column < rows.columns(); column++) {
        rows.set(row, column, (float) random.nextDouble(-1, 1));
      }
    }
  }
}
