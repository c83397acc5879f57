package io.moka.kernels;

import static io.moka.kernels.TestRows.assertGuarded;
import static io.moka.kernels.TestRows.assertSameBits;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.TestWeights.Experts;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.PackedMatrix;
import io.moka.weights.RoundedOracle;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Quantised weights: with exact activations every product is the chain of fused multiply-adds over
 * the de-quantised numbers; with 8-bit ones it has the bits that {@link Activations#INT8} and
 * {@link Activations#INT8X2} define.
 */
public interface QuantisedContract extends KernelsUnderTest {
  int EXPERTS = 5;
  int TOP_K = 2;
  List<Activations> ROUNDED = List.of(Activations.INT8, Activations.INT8X2);
  List<Activations> ALL = List.of(Activations.INT8, Activations.INT8X2, Activations.EXACT);
  int[] ROWS = {1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 77, 130};
  int[] OUTPUTS = {64, 1, 40, 17, 65, 257};

  /** New kernels of the kind, which round activations or not; the caller closes them. */
  Kernels open(int threads, Activations activations);

  /** How an output is computed. */
  @FunctionalInterface
  interface Dot {
    float of(PackedMatrix matrix, int output, float[] x);
  }

  private static float exact(PackedMatrix matrix, int output, float[] x) {
    float sum = 0;
    float[] weights = matrix.row(output);
    for (int i = 0; i < x.length; i++) {
      sum = Math.fma(weights[i], x[i], sum);
    }
    return sum;
  }

  private static Dot dot(Activations activations) {
    return switch (activations) {
      case INT8 -> RoundedOracle::dot;
      case INT8X2 -> RoundedOracle::dotInTwoParts;
      default -> QuantisedContract::exact;
    };
  }

  @Test
  default void multipliesQuantisedMatricesBitForBit() {
    for (Activations activations : ALL) {
      for (int threads : threadCounts()) {
        try (Kernels kernels = open(threads, activations)) {
          int turn = threads;
          for (WeightFormat format : TestWeights.QUANTISED) {
            for (int rows : ROWS) {
              int columns = format.blockElements() * (1 + turn % 4);
              int outputs = OUTPUTS[turn++ % OUTPUTS.length];
              checkMatmul(kernels, activations, format, rows, outputs, columns);
            }
          }
        }
      }
    }
  }

  private static void checkMatmul(
      Kernels kernels,
      Activations activations,
      WeightFormat format,
      int rows,
      int outputs,
      int columns) {
    Dice dice =
        new Dice("%s %s [%d, %d], %d rows".formatted(activations, format, outputs, columns, rows));
    try (Arena arena = Arena.ofShared()) {
      PackedMatrix weights = TestWeights.matrix(arena, format, outputs, columns, 1, dice);
      MemorySegment bias = TestWeights.vector(arena, rows % 2 == 0 ? outputs : 0, dice);
      Rows x = TestRows.random(arena, rows, columns, dice);
      Rows out = TestRows.guarded(arena, rows, outputs);
      kernels.matmul(x, weights, bias, rows, out);
      assertGuarded(out, rows, dice);
      Rows expected = TestRows.guarded(arena, rows, outputs);
      for (int row = 0; row < rows; row++) {
        float[] values = TestRows.values(x, row);
        for (int output = 0; output < outputs; output++) {
          float sum = dot(activations).of(weights, output, values);
          float added =
              bias.byteSize() == 0 ? sum : sum + bias.getAtIndex(ValueLayout.JAVA_FLOAT, output);
          expected.set(row, output, added);
        }
      }
      assertSameBits(out, expected, rows, dice);
    }
  }

  /** Every code the least or the greatest, or both in turn, and activations of either sign. */
  @Test
  default void theLargestSumsAreExact() {
    int[][] bytes = {{0, 0}, {255, 255}, {128, 128}, {127, 127}, {128, 127}, {255, 0}};
    for (Activations activations : ROUNDED) {
      try (Arena arena = Arena.ofShared();
          Kernels kernels = open(1, activations)) {
        for (WeightFormat format : TestWeights.QUANTISED) {
          int columns = format.blockElements();
          for (int[] pair : bytes) {
            PackedMatrix weights = TestWeights.filled(arena, format, 64, columns, pair[0], pair[1]);
            for (int rows : new int[] {1, 2, 4, 8, 16}) {
              Rows x = Rows.allocate(arena, rows, columns);
              for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns; column++) {
                  boolean negative = row % 2 == 1 ^ (row % 4 > 1 && column % 2 == 1);
                  x.set(row, column, negative ? -1 : 1);
                }
              }
              Rows out = TestRows.guarded(arena, rows, 64);
              kernels.matmul(x, weights, MemorySegment.NULL, rows, out);
              for (int row = 0; row < rows; row++) {
                float expected = dot(activations).of(weights, 63, TestRows.values(x, row));
                assertThat(out.get(row, 63))
                    .as("%s of %d and %d, row %d of %d", format, pair[0], pair[1], row, rows)
                    .isEqualTo(expected);
              }
            }
          }
        }
      }
    }
  }

  @Test
  default void aBlockThatIsNotFiniteGivesNoNumber() {
    Dice dice = new Dice("infinite activations");
    for (Activations activations : ROUNDED) {
      try (Arena arena = Arena.ofShared();
          Kernels kernels = open(2, activations)) {
        for (WeightFormat format : TestWeights.QUANTISED) {
          int columns = format.blockElements();
          PackedMatrix weights = TestWeights.matrix(arena, format, 64, columns, 1, dice);
          for (int rows : new int[] {1, 2, 3, 9, 11, 12, 16, 33}) {
            Rows x = TestRows.random(arena, rows, columns, dice);
            for (int row = 0; row < rows; row++) {
              x.set(row, 5, row % 2 == 0 ? Float.NEGATIVE_INFINITY : Float.NaN);
            }
            Rows out = TestRows.guarded(arena, rows, 64);
            kernels.matmul(x, weights, MemorySegment.NULL, rows, out);
            for (int row = 0; row < rows; row++) {
              for (int output = 0; output < 64; output++) {
                assertThat(out.get(row, output)).as("%s, row %d of %d", format, row, rows).isNaN();
              }
            }
          }
        }
      }
    }
  }

  /** Blocks, and rests of blocks, on either side of the magnitude below which they are zeros. */
  @Test
  default void tinyAndHugeBlocksKeepTheirBits() {
    int[] exponents = {-149, -128, -122, -121, -120, -115, -113, -112, -80, 80, 120};
    for (Activations activations : ROUNDED) {
      try (Arena arena = Arena.ofShared();
          Kernels kernels = open(2, activations)) {
        for (WeightFormat format : TestWeights.QUANTISED) {
          Dice dice = new Dice("tiny and huge %s, %s".formatted(activations, format));
          int columns = 2 * format.blockElements();
          PackedMatrix weights = TestWeights.matrix(arena, format, 64, columns, 1, dice);
          Rows x = TestRows.guarded(arena, exponents.length, columns);
          for (int row = 0; row < exponents.length; row++) {
            for (int column = 0; column < columns; column++) {
              x.set(row, column, Math.scalb(dice.normal(), exponents[row]));
            }
          }
          Rows out = TestRows.guarded(arena, exponents.length, 64);
          kernels.matmul(x, weights, MemorySegment.NULL, exponents.length, out);
          Rows expected = TestRows.guarded(arena, exponents.length, 64);
          for (int row = 0; row < exponents.length; row++) {
            for (int output = 0; output < 64; output++) {
              float sum = dot(activations).of(weights, output, TestRows.values(x, row));
              expected.set(row, output, sum);
            }
          }
          assertSameBits(out, expected, exponents.length, dice);
        }
      }
    }
  }

  /** A part of 8 bits leaves rests of up to 1/254 of the largest number, and so does a second. */
  @Test
  default void twoPartsAreNearlyExact() {
    int rows = 5;
    int columns = 2048;
    try (Arena arena = Arena.ofShared();
        Kernels exact = open(2, Activations.EXACT);
        Kernels one = open(2, Activations.INT8);
        Kernels two = open(2, Activations.INT8X2)) {
      for (WeightFormat format : TestWeights.QUANTISED) {
        Dice dice = new Dice("accuracy with " + format);
        PackedMatrix weights = TestWeights.matrix(arena, format, 64, columns, 1, dice);
        Rows x = Rows.allocate(arena, rows, columns);
        for (int row = 0; row < rows; row++) {
          for (int column = 0; column < columns; column++) {
            x.set(row, column, dice.normal());
          }
        }
        double inOnePart = relativeError(arena, exact, one, x, weights, rows);
        double inTwoParts = relativeError(arena, exact, two, x, weights, rows);
        assertThat(inTwoParts).as("%s", dice).isLessThan(1.0 / (127 * 127));
        assertThat(inOnePart / inTwoParts).as("%s", dice).isGreaterThan(100);
      }
    }
  }

  /** Root mean squares: of the difference, relative to that of the exact products. */
  private static double relativeError(
      Arena arena, Kernels exact, Kernels rounding, Rows x, PackedMatrix weights, int rows) {
    Rows expected = Rows.allocate(arena, rows, weights.rows());
    Rows actual = Rows.allocate(arena, rows, weights.rows());
    exact.matmul(x, weights, MemorySegment.NULL, rows, expected);
    rounding.matmul(x, weights, MemorySegment.NULL, rows, actual);
    double difference = 0;
    double magnitude = 0;
    for (int row = 0; row < rows; row++) {
      for (int output = 0; output < weights.rows(); output++) {
        difference += Math.pow((double) actual.get(row, output) - expected.get(row, output), 2);
        magnitude += Math.pow(expected.get(row, output), 2);
      }
    }
    return Math.sqrt(difference / magnitude);
  }

  /** The contract of allocation, with rows in two parts. */
  @Test
  default void nothingIsAllocatedInACallOfTwoParts() {
    AllocationContract contract = threads -> open(threads, Activations.INT8X2);
    contract.nothingIsAllocatedInACall();
  }

  @Test
  default void addsQuantisedExpertsBitForBit() {
    for (Activations activations : ALL) {
      for (WeightFormat format : TestWeights.QUANTISED) {
        for (int rows : new int[] {1, 3, 40}) {
          Dice dice = new Dice("%s experts of %s, %d rows".formatted(activations, format, rows));
          int hidden = format.blockElements();
          int width = format.blockElements() + (format.blockElements() == 32 ? 64 : 0);
          try (Arena arena = Arena.ofShared()) {
            Experts experts =
                TestWeights.experts(arena, EXPERTS, format, Activation.SILU, hidden, width, dice);
            Rows x = TestRows.random(arena, rows, hidden, dice);
            RouterResult routing = TestWeights.routing(rows, EXPERTS, TOP_K, dice);
            Rows expected =
                expertsByHand(arena, x, routing, experts.apart(), rows, dot(activations));
            for (int threads : threadCounts()) {
              try (Kernels kernels = open(threads, activations)) {
                for (ExpertWeights weights : List.of(experts.joined(), experts.apart())) {
                  Rows out = TestRows.guarded(arena, rows, hidden);
                  kernels.moe(x, routing, weights, rows, false, out);
                  assertGuarded(out, rows, dice);
                  assertSameBits(out, expected, rows, dice);
                }
                Rows sparse = sparse(arena, kernels, x, routing, experts.apart(), rows);
                assertSameBits(sparse, expected, rows, dice);
              }
            }
          }
        }
      }
    }
  }

  /** More rows than a call takes, all for the same experts, whose down has another format. */
  @Test
  default void addsExpertsOfTwoFormatsWhereAllRowsGoToTheSame() {
    int rows = 300;
    int hidden = WeightFormat.Q4_K.blockElements();
    int width = WeightFormat.Q6_K.blockElements();
    for (Activations activations : ROUNDED) {
      Dice dice = new Dice("%s, 300 rows, all to the same experts".formatted(activations));
      try (Arena arena = Arena.ofShared()) {
        Experts first =
            TestWeights.experts(
                arena, EXPERTS, WeightFormat.Q4_K, Activation.SILU, hidden, width, dice);
        Experts second =
            TestWeights.experts(
                arena, EXPERTS, WeightFormat.Q6_K, Activation.SILU, hidden, width, dice);
        List<PackedMatrix> down = second.joined().down();
        ExpertWeights apart =
            new ExpertWeights(first.apart().gateUp(), down, Activation.SILU, hidden, width);
        ExpertWeights joined =
            new ExpertWeights(first.joined().gateUp(), down, Activation.SILU, hidden, width);
        Rows x = TestRows.random(arena, rows, hidden, dice);
        RouterResult routing =
            TestWeights.pick(TestWeights.routing(1, EXPERTS, TOP_K, dice), new int[rows]);
        Rows expected = expertsByHand(arena, x, routing, apart, rows, dot(activations));
        for (int threads : threadCounts()) {
          try (Kernels kernels = open(threads, activations)) {
            Rows out = TestRows.guarded(arena, rows, hidden);
            kernels.moe(x, routing, joined, rows, false, out);
            assertGuarded(out, rows, dice);
            assertSameBits(out, expected, rows, dice);
          }
        }
      }
    }
  }

  static Rows sparse(
      Arena arena, Kernels kernels, Rows x, RouterResult routing, ExpertWeights experts, int rows) {
    Apart apart = (Apart) experts.gateUp();
    int choices = rows * routing.topK();
    Rows gate = Rows.allocate(arena, choices, experts.width());
    Rows up = Rows.allocate(arena, choices, experts.width());
    Rows down = Rows.allocate(arena, choices, experts.hidden());
    Rows out = TestRows.guarded(arena, rows, experts.hidden());
    kernels.groupedMatmul(x, false, routing, apart.gate(), rows, gate);
    kernels.groupedMatmul(x, false, routing, apart.up(), rows, up);
    kernels.gate(experts.activation(), gate, up, choices);
    kernels.groupedMatmul(gate, true, routing, experts.down(), rows, down);
    kernels.combine(down, routing, rows, out);
    return out;
  }

  static Rows expertsByHand(
      Arena arena, Rows x, RouterResult routing, ExpertWeights experts, int rows, Dot dot) {
    Apart apart = (Apart) experts.gateUp();
    Rows out = TestRows.guarded(arena, rows, experts.hidden());
    for (int row = 0; row < rows; row++) {
      float[] input = TestRows.values(x, row);
      float[] sums = new float[experts.hidden()];
      for (int rank : TestWeights.ranksByExpert(routing, row)) {
        int expert = routing.expert(row, rank);
        float[] inner = new float[experts.width()];
        for (int i = 0; i < inner.length; i++) {
          float gate = dot.of(apart.gate().get(expert), i, input);
          inner[i] = FloatMath.silu(gate) * dot.of(apart.up().get(expert), i, input);
        }
        for (int i = 0; i < sums.length; i++) {
          float y = dot.of(experts.down().get(expert), i, inner);
          sums[i] = Math.fma(routing.weight(row, rank), y, sums[i]);
        }
      }
      for (int i = 0; i < sums.length; i++) {
        out.set(row, i, sums[i]);
      }
    }
    return out;
  }
}
