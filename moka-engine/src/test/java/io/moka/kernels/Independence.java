package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Holds that a row's bits depend on that row alone: on its own or among 64, at every place in the
 * batch, with any number of threads, in the first call and in the hundredth.
 */
final class Independence {
  /** How many rows an operation is given to pick from. */
  static final int SOURCE_ROWS = 64;

  private static final int CALLS = 100;

  private Independence() {}

  /** An operation over rows that are fixed beforehand. */
  @FunctionalInterface
  interface Operation {
    /** Runs it for some of the rows; row i of the result belongs to {@code picks[i]}. */
    Rows run(Kernels kernels, Arena arena, int[] picks);
  }

  static void check(KernelsUnderTest provider, Dice dice, Operation operation) {
    check(provider, 1, dice, operation);
  }

  /** As above, where each row has several rows of results. */
  static void check(KernelsUnderTest provider, int results, Dice dice, Operation operation) {
    int[][] alone = alone(provider, results, dice, operation);
    provider.withEach(kernels -> {
      for (int call = 0; call < CALLS; call++) {
        int[] picks = picks(call, dice);
        int[][] together = run(kernels, picks, results, operation);
        for (int i = 0; i < picks.length; i++) {
          assertThat(together[i])
              .as(
                  "%s: row %d at place %d of %d, %d threads, call %d",
                  dice, picks[i], i, picks.length, kernels.threads(), call)
              .isEqualTo(alone[picks[i]]);
        }
      }
    });
  }

  private static int[][] alone(
      KernelsUnderTest provider, int results, Dice dice, Operation operation) {
    int[][] alone = new int[SOURCE_ROWS][];
    try (Kernels kernels = provider.open(1)) {
      for (int row = 0; row < SOURCE_ROWS; row++) {
        alone[row] = run(kernels, new int[] {row}, results, operation)[0];
        assertThat(alone[row])
            .as("%s: row %d alone", dice, row)
            .doesNotContain(Float.floatToIntBits(Float.NaN));
      }
    }
    return alone;
  }

  /** First all rows, each once at every place, then some of them in any order. */
  private static int[] picks(int call, Dice dice) {
    if (call < SOURCE_ROWS) {
      int[] picks = new int[SOURCE_ROWS];
      Arrays.setAll(picks, place -> (place + call) % SOURCE_ROWS);
      return picks;
    }
    return Arrays.copyOf(dice.permutation(SOURCE_ROWS), 1 + dice.below(SOURCE_ROWS));
  }

  private static int[][] run(Kernels kernels, int[] picks, int results, Operation operation) {
    try (Arena arena = Arena.ofShared()) {
      Rows out = operation.run(kernels, arena, picks);
      int[][] bits = new int[picks.length][0];
      for (int i = 0; i < picks.length; i++) {
        for (int j = 0; j < results; j++) {
          int[] row = TestRows.bits(out, i * results + j);
          int end = bits[i].length;
          bits[i] = Arrays.copyOf(bits[i], end + row.length);
          System.arraycopy(row, 0, bits[i], end, row.length);
        }
      }
      return bits;
    }
  }
}
