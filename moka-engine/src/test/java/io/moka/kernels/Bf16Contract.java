package io.moka.kernels;

import static io.moka.kernels.TestRows.assertGuarded;
import static io.moka.kernels.TestRows.assertSameBits;
import static io.moka.kernels.TestRows.assertWithin;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.TestWeights.Experts;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.weights.Activation;
import io.moka.weights.Bf16Oracle;
import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Activations rounded to bf16 give the bits that {@link Activations#BF16} defines. */
public interface Bf16Contract extends KernelsUnderTest {
  int EXPERTS = 5;
  int TOP_K = 2;
  int[] ROWS = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 23, 32, 33, 49, 61, 64, 127, 128, 129,
    130, 151
  };
  int[] COLUMNS = {1, 2, 3, 15, 31, 32, 33, 63, 64, 65, 100, 129, 257, 512};
  int[] OUTPUTS = {64, 1, 40, 17, 65, 150};

  /** Below this a weight may cost an implementation without flushing its bits. */
  float SMALL = 0x1p-60f;

  /** New kernels of the kind; the caller closes them. */
  Kernels open(int threads, Activations activations);

  private Kernels openBf16(int threads) {
    return open(threads, Activations.BF16);
  }

  @Test
  default void multipliesRowsRoundedToBf16BitForBit() {
    for (int threads : threadCounts()) {
      try (Kernels kernels = openBf16(threads)) {
        int turn = threads;
        for (int rows : ROWS) {
          for (int i = 0; i < 4; i++) {
            int outputs = OUTPUTS[turn % OUTPUTS.length];
            checkMatmul(kernels, rows, outputs, COLUMNS[turn++ % COLUMNS.length]);
          }
        }
      }
    }
  }

  private void checkMatmul(Kernels kernels, int rows, int outputs, int columns) {
    Dice dice = new Dice("bf16 [%d, %d], %d rows".formatted(outputs, columns, rows));
    try (Arena arena = Arena.ofShared()) {
      float extreme = rows % 3 == 0 ? 1e30f : 1;
      PackedMatrix weights =
          TestWeights.matrix(arena, WeightFormat.BF16, outputs, columns, extreme, dice);
      MemorySegment bias = TestWeights.vector(arena, rows % 2 == 0 ? outputs : 0, dice);
      Rows x = rowsWithTies(arena, rows, columns, dice);
      Rows out = TestRows.guarded(arena, rows, outputs);
      kernels.matmul(x, weights, bias, rows, out);
      assertGuarded(out, rows, dice);
      Rows expected = TestRows.guarded(arena, rows, outputs);
      for (int row = 0; row < rows; row++) {
        float[] values = TestRows.values(x, row);
        for (int output = 0; output < outputs; output++) {
          float sum = roundedDot(weights, output, values);
          float added =
              bias.byteSize() == 0 ? sum : sum + bias.getAtIndex(ValueLayout.JAVA_FLOAT, output);
          expected.set(row, output, added);
        }
      }
      assertSameBits(out, expected, rows, dice);
    }
  }

  /** One number in four lies in the middle of two of bf16. */
  private static Rows rowsWithTies(Arena arena, int rows, int columns, Dice dice) {
    Rows x = TestRows.random(arena, rows, columns, dice);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < columns; i++) {
        if (dice.below(4) == 0) {
          int bits = Float.floatToRawIntBits(x.get(row, i));
          x.set(row, i, Float.intBitsToFloat(bits & 0xFFFF_0000 | 0x8000));
        }
      }
    }
    return x;
  }

  @Test
  default void aRowRoundedToBf16DependsOnItselfAlone() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("bf16 alone and together");
      Rows x = TestRows.random(arena, Independence.SOURCE_ROWS, 101, dice);
      PackedMatrix weights = TestWeights.matrix(arena, WeightFormat.BF16, 97, 101, 300, dice);
      KernelsUnderTest rounding = this::openBf16;
      Independence.check(
          rounding,
          dice,
          (kernels, own, picks) -> {
            Rows out = TestRows.guarded(own, picks.length, 97);
            Rows picked = TestRows.pick(own, x, picks);
            kernels.matmul(picked, weights, MemorySegment.NULL, picks.length, out);
            return out;
          });
    }
  }

  @Test
  default void addsExpertsOfBf16BitForBit() {
    int[] hidden = {33, 64, 1, 100};
    int[] widths = {40, 97, 32, 1};
    for (int i = 0; i < hidden.length; i++) {
      for (int rows : new int[] {1, 3, 40, 90}) {
        Dice dice = new Dice("bf16 experts [%d, %d], %d".formatted(widths[i], hidden[i], rows));
        try (Arena arena = Arena.ofShared()) {
          Experts experts =
              TestWeights.experts(
                  arena, EXPERTS, WeightFormat.BF16, Activation.SILU, hidden[i], widths[i], dice);
          Rows x = TestRows.random(arena, rows, hidden[i], dice);
          RouterResult routing = TestWeights.routing(rows, EXPERTS, TOP_K, dice);
          Rows expected =
              QuantisedContract.expertsByHand(
                  arena, x, routing, experts.apart(), rows, this::roundedDot);
          for (int threads : threadCounts()) {
            try (Kernels kernels = openBf16(threads)) {
              for (ExpertWeights weights : List.of(experts.joined(), experts.apart())) {
                Rows out = TestRows.guarded(arena, rows, hidden[i]);
                kernels.moe(x, routing, weights, rows, false, out);
                assertGuarded(out, rows, dice);
                assertSameBits(out, expected, rows, dice);
              }
              Rows sparse =
                  QuantisedContract.sparse(arena, kernels, x, routing, experts.apart(), rows);
              assertSameBits(sparse, expected, rows, dice);
            }
          }
        }
      }
    }
  }

  /** More rows than a call takes. */
  @Test
  default void addsExpertsOfBf16WhereAllRowsGoToTheSame() {
    int rows = 300;
    int hidden = 65;
    int width = 40;
    Dice dice = new Dice("bf16, 300 rows, all to the same experts");
    try (Arena arena = Arena.ofShared()) {
      Experts experts =
          TestWeights.experts(
              arena, EXPERTS, WeightFormat.BF16, Activation.SILU, hidden, width, dice);
      Rows x = TestRows.random(arena, rows, hidden, dice);
      RouterResult routing =
          TestWeights.pick(TestWeights.routing(1, EXPERTS, TOP_K, dice), new int[rows]);
      Rows expected =
          QuantisedContract.expertsByHand(
              arena, x, routing, experts.apart(), rows, this::roundedDot);
      for (int threads : threadCounts()) {
        try (Kernels kernels = openBf16(threads)) {
          Rows out = TestRows.guarded(arena, rows, hidden);
          kernels.moe(x, routing, experts.joined(), rows, false, out);
          assertGuarded(out, rows, dice);
          assertSameBits(out, expected, rows, dice);
          Rows sparse = QuantisedContract.sparse(arena, kernels, x, routing, experts.apart(), rows);
          assertSameBits(sparse, expected, rows, dice);
        }
      }
    }
  }

  @Test
  default void multipliesNoRowsWithBf16() {
    try (Arena arena = Arena.ofShared();
        Kernels kernels = openBf16(2)) {
      PackedMatrix weights =
          TestWeights.matrix(arena, WeightFormat.BF16, 40, 33, 1, new Dice("bf16, no rows"));
      Rows out = Rows.allocate(arena, 1, 40);
      out.set(0, 0, 7);
      kernels.matmul(Rows.allocate(arena, 1, 33), weights, MemorySegment.NULL, 0, out);
      assertThat(out.get(0, 0)).isEqualTo(7);
    }
  }

  /** Weights so small that flushing shows: no more than rounding and 2^-126 a column apart. */
  @Test
  default void comesCloseWithTheSmallestWeights() {
    Dice dice = new Dice("bf16 with the smallest weights");
    int rows = 17;
    int outputs = 40;
    int columns = 97;
    try (Arena arena = Arena.ofShared()) {
      Tensor tensor = TestWeights.tensor(arena, WeightFormat.BF16, outputs, columns, 1, dice);
      for (long at = 0; at < tensor.data().byteSize(); at += Short.BYTES) {
        float value = dice.oneOf(0x1p-130f, -0x1.8p-126f, SMALL, -SMALL, 0x1p-100f) * dice.normal();
        FloatStrips.put(WeightFormat.BF16, tensor.data(), at, value);
      }
      PackedMatrix weights = Packer.pack(arena, tensor);
      Rows x = TestRows.random(arena, rows, columns, dice);
      Rows expected = TestRows.guarded(arena, rows, outputs);
      for (int row = 0; row < rows; row++) {
        for (int output = 0; output < outputs; output++) {
          expected.set(row, output, roundedDot(weights, output, TestRows.values(x, row)));
        }
      }
      for (int threads : threadCounts()) {
        try (Kernels kernels = openBf16(threads)) {
          Rows out = TestRows.guarded(arena, rows, outputs);
          kernels.matmul(x, weights, MemorySegment.NULL, rows, out);
          assertWithin(
              out,
              expected,
              rows,
              (row, output) -> flushingError(weights, output, TestRows.values(x, row)),
              dice);
        }
      }
    }
  }

  /** Two chains of as many roundings each, and what flushing takes from weights and sums. */
  private static double flushingError(PackedMatrix weights, int output, float[] x) {
    double magnitude = 0;
    double flushed = 0;
    for (int i = 0; i < x.length; i++) {
      double a = Math.abs(Bf16Oracle.round(x[i]));
      magnitude += Math.abs(weights.get(output, i)) * a;
      flushed += Float.MIN_NORMAL * (1 + a);
    }
    return 2 * x.length * Bound.ROUNDING * magnitude + flushed;
  }

  @Test
  default void aNumberThatIsNotFiniteStaysSoInBf16() {
    Dice dice = new Dice("bf16 of NaN");
    try (Arena arena = Arena.ofShared();
        Kernels kernels = openBf16(1)) {
      PackedMatrix weights = TestWeights.matrix(arena, WeightFormat.BF16, 3, 37, 1, dice);
      for (float bad : new float[] {Float.NaN, Float.intBitsToFloat(-1), Float.POSITIVE_INFINITY}) {
        for (int column : new int[] {2, 36}) {
          Rows x = TestRows.random(arena, 1, 37, dice);
          x.set(0, column, bad);
          Rows out = TestRows.guarded(arena, 1, 3);
          kernels.matmul(x, weights, MemorySegment.NULL, 1, out);
          for (int output = 0; output < 3; output++) {
            // zero times infinity is none either
            assertThat(Float.isFinite(out.get(0, output))).as("%s at %d", bad, column).isFalse();
          }
        }
      }
    }
  }

  /** Rounding costs scores and weights no more than 2^-8 of what they are made of. */
  @Test
  default void attendsCloseToTheReferenceInBf16() {
    for (int group : new int[] {1, 3, 8, 9}) {
      AttentionShape shape = new AttentionShape(2 * group, 2, 48, 600);
      Dice dice = new Dice("attention in bf16, " + shape);
      int[] positions = {0, 1, 15, 16, 40, 511, 512, 650, 699};
      try (Arena arena = Arena.ofShared()) {
        TestSequence sequence = TestSequence.random(arena, shape, 700, 0, dice);
        Rows queries = TestRows.random(arena, positions.length, 2 * group * 48, dice);
        try (KvCache cache = sequence.newCache(KvType.BF16)) {
          Kernels reference = new ReferenceKernels();
          sequence.store(reference, arena, cache, 0, 700);
          Rows expected = sequence.attend(reference, arena, cache, queries, positions);
          AttentionBound bound = AttentionBound.rounded(sequence, cache, queries, positions);
          Rows[] first = new Rows[1];
          for (int threads : threadCounts()) {
            try (Kernels kernels = openBf16(threads)) {
              Rows out = sequence.attend(kernels, arena, cache, queries, positions);
              assertWithin(out, expected, positions.length, bound::at, dice);
              first[0] = first[0] == null ? out : first[0];
              assertSameBits(out, first[0], positions.length, dice);
            }
          }
          for (int row = 0; row < positions.length; row++) {
            try (Kernels kernels = openBf16(1)) {
              Rows one = TestRows.pick(arena, queries, row);
              Rows out = sequence.attend(kernels, arena, cache, one, positions[row]);
              Rows together = TestRows.pick(arena, first[0], row);
              assertSameBits(out, together, 1, dice);
            }
          }
        }
      }
    }
  }

  @Test
  default void nothingIsAllocatedInACallWithBf16() {
    AllocationContract contract = this::openBf16;
    contract.nothingIsAllocatedInACall();
  }
}
