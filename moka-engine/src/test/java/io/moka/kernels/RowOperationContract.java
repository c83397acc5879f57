package io.moka.kernels;

import static io.moka.kernels.Bound.ROUNDING;
import static io.moka.kernels.TestRows.assertGuarded;
import static io.moka.kernels.TestRows.assertSameBits;
import static io.moka.kernels.TestRows.assertWithin;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.reference.ReferenceKernels;
import io.moka.weights.Activation;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

/** The operations on single rows. */
interface RowOperationContract extends KernelsUnderTest {
  int[] COLUMNS = {1, 2, 3, 15, 16, 17, 33, 48, 100, 2048};
  int[] ROWS = {1, 2, 3, 7, 16, 33, 64};

  /** What a test does for one shape. */
  @FunctionalInterface
  interface ShapeCheck {
    void run(Kernels kernels, Arena arena, int rows, int columns, Dice dice);
  }

  /**
   * Runs a check over all columns, each with another number of rows, with each number of threads.
   */
  default void overShapes(String what, ShapeCheck check) {
    Dice dice = new Dice(what);
    withEach(kernels -> {
      for (int i = 0; i < COLUMNS.length; i++) {
        try (Arena arena = Arena.ofShared()) {
          check.run(kernels, arena, ROWS[i % ROWS.length], COLUMNS[i], dice);
        }
      }
    });
  }

  @Test
  default void runsEachIndexOnce() {
    withEach(kernels -> {
      for (int count : new int[] {0, 1, 2, 3, 64, 1_000}) {
        AtomicIntegerArray calls = new AtomicIntegerArray(count + 1);
        kernels.forEach(count, calls::incrementAndGet);
        for (int i = 0; i < count; i++) {
          assertThat(calls.get(i)).as("calls of %d of %d", i, count).isOne();
        }
        assertThat(calls.get(count)).isZero();
      }
    });
  }

  @Test
  default void embedsExactly() {
    for (WeightFormat format : TestWeights.FLOATS) {
      overShapes(
          "embed " + format,
          (kernels, arena, rows, columns, dice) -> {
            Tensor table = TestWeights.tensor(arena, format, 257, columns, 1e4f, dice);
            int[] ids = new int[rows + 1];
            for (int row = 0; row < rows; row++) {
              ids[row] = row == 0 ? 256 : dice.below(257);
            }
            Rows out = TestRows.guarded(arena, rows, columns);
            kernels.embed(table, ids, rows, out);
            Rows expected = TestRows.guarded(arena, rows, columns);
            new ReferenceKernels().embed(table, ids, rows, expected);
            assertSameBits(out, expected, rows, dice);
            assertGuarded(out, rows, dice);
          });
    }
  }

  @Test
  default void normalisesHeads() {
    for (int heads : new int[] {1, 3}) {
      overShapes(
          "rmsNorm of " + heads + " heads",
          (kernels, arena, rows, columns, dice) -> {
            MemorySegment weight = TestWeights.vector(arena, columns, dice);
            Rows x = TestRows.random(arena, rows, heads * columns, dice);
            Rows expected = TestRows.guarded(arena, rows, heads * columns);
            new ReferenceKernels().rmsNorm(x, weight, 1e-6f, rows, heads, expected);
            Rows out = TestRows.guarded(arena, rows, heads * columns);
            kernels.rmsNorm(x, weight, 1e-6f, rows, heads, out);
            // the mean of n squares, half of whose error the root leaves, and three more operations
            double relative = (columns / 2.0 + 6) * ROUNDING;
            assertWithin(
                out,
                expected,
                rows,
                (row, i) -> relative * Math.abs(expected.get(row, i)) + Float.MIN_NORMAL,
                dice);
            assertGuarded(out, rows, dice);
            kernels.rmsNorm(x, weight, 1e-6f, rows, heads, x);
            assertSameBits(x, out, rows, dice);
            assertGuarded(x, rows, dice);
          });
    }
  }

  @Test
  default void addsExactly() {
    overShapes(
        "add",
        (kernels, arena, rows, columns, dice) -> {
          Rows x = TestRows.random(arena, rows, columns, dice);
          Rows y = TestRows.random(arena, rows, columns, dice);
          Rows expected = TestRows.copy(arena, x, rows);
          new ReferenceKernels().add(expected, y, rows);
          kernels.add(x, y, rows);
          assertSameBits(x, expected, rows, dice);
          assertGuarded(x, rows, dice);
        });
  }

  @Test
  default void addsScaledRows() {
    overShapes(
        "addScaled",
        (kernels, arena, rows, columns, dice) -> {
          Rows x = TestRows.random(arena, rows, columns, dice);
          Rows out = TestRows.random(arena, rows, columns, dice);
          float[] scale = new float[rows + 1];
          for (int row = 0; row < rows; row++) {
            scale[row] = dice.normal();
          }
          Rows before = TestRows.copy(arena, out, rows);
          Rows expected = TestRows.copy(arena, out, rows);
          new ReferenceKernels().addScaled(x, scale, rows, expected);
          kernels.addScaled(x, scale, rows, out);
          assertWithin(
              out,
              expected,
              rows,
              (row, i) ->
                  4
                          * ROUNDING
                          * (Math.abs(before.get(row, i)) + Math.abs(scale[row] * x.get(row, i)))
                      + Float.MIN_NORMAL,
              dice);
          assertGuarded(out, rows, dice);
        });
  }

  @Test
  default void rotatesHeads() {
    for (int heads : new int[] {1, 5}) {
      overShapes(
          "rotate " + heads + " heads",
          (kernels, arena, rows, half, dice) -> {
            Rows x = TestRows.random(arena, rows, heads * 2 * half, dice);
            Rows angles = TestRows.guarded(arena, rows, 2 * half);
            for (int row = 0; row < rows; row++) {
              for (int i = 0; i < half; i++) {
                double angle = dice.normal();
                angles.set(row, i, (float) Math.cos(angle));
                angles.set(row, half + i, (float) Math.sin(angle));
              }
            }
            Rows before = TestRows.copy(arena, x, rows);
            Rows expected = TestRows.copy(arena, x, rows);
            new ReferenceKernels().rotate(expected, angles, rows, heads);
            kernels.rotate(x, angles, rows, heads);
            assertWithin(
                x,
                expected,
                rows,
                (row, i) -> {
                  int first = i / (2 * half) * 2 * half + i % half;
                  return 4
                          * ROUNDING
                          * (Math.abs(before.get(row, first))
                              + Math.abs(before.get(row, first + half)))
                      + Float.MIN_NORMAL;
                },
                dice);
            assertGuarded(x, rows, dice);
          });
    }
  }

  @Test
  default void gatesRows() {
    for (Activation activation : Activation.values()) {
      overShapes(
          "gate by " + activation,
          (kernels, arena, rows, columns, dice) -> {
            Rows gate = TestRows.random(arena, rows, columns, dice);
            for (int i = 0; i < columns; i++) {
              gate.set(0, i, 8 * gate.get(0, i));
            }
            Rows up = TestRows.random(arena, rows, columns, dice);
            Rows before = TestRows.copy(arena, gate, rows);
            Rows expected = TestRows.copy(arena, gate, rows);
            new ReferenceKernels().gate(activation, expected, up, rows);
            kernels.gate(activation, gate, up, rows);
            assertWithin(
                gate,
                expected,
                rows,
                (row, i) ->
                    Bound.gated(
                            activation,
                            Bound.exact(before.get(row, i)),
                            Bound.exact(up.get(row, i)))
                        .error(),
                dice);
            assertGuarded(gate, rows, dice);
          });
    }
  }

  @Test
  default void rowOperationsDependOnTheirRowAlone() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("row operations alone and together");
      int columns = 3 * 34;
      Rows x = TestRows.random(arena, Independence.SOURCE_ROWS, columns, dice);
      Rows y = TestRows.random(arena, Independence.SOURCE_ROWS, columns, dice);
      MemorySegment weight = TestWeights.vector(arena, columns / 3, dice);
      Rows angles = y.columns(0, columns / 3);
      Independence.check(
          this,
          dice,
          (kernels, own, picks) -> {
            int rows = picks.length;
            Rows out = TestRows.pick(own, x, picks);
            Rows other = TestRows.pick(own, y, picks);
            kernels.rmsNorm(out, weight, 1e-5f, rows, 3, out);
            kernels.rotate(out, TestRows.pick(own, angles, picks), rows, 3);
            kernels.gate(Activation.SILU, out, other, rows);
            kernels.gate(Activation.GELU, out, other, rows);
            kernels.add(out, other, rows);
            float[] scale = new float[rows];
            for (int row = 0; row < rows; row++) {
              scale[row] = y.get(picks[row], 0);
            }
            kernels.addScaled(other, scale, rows, out);
            return out;
          });
    }
  }
}
