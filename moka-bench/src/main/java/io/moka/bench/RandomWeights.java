package io.moka.bench;

import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Random numbers of ordinary size; a benchmark on zeros or infinities would time something else.
 */
final class RandomWeights {
  private RandomWeights() {}

  /** Fills a BF16 matrix with values of magnitude 0.008 to 0.03, both signs. */
  static void fill(PackedMatrix matrix, SplittableRandom random) {
    MemorySegment data = matrix.data();
    for (long at = 0; at < data.byteSize(); at += Long.BYTES) {
      long words = random.nextLong() & 0x80FF_80FF_80FF_80FFL | 0x3C00_3C00_3C00_3C00L;
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
