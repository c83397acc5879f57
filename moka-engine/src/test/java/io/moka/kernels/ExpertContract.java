package io.moka.kernels;

import static io.moka.kernels.Bound.ROUNDING;
import static io.moka.kernels.TestRows.assertGuarded;
import static io.moka.kernels.TestRows.assertSameBits;
import static io.moka.kernels.TestRows.assertWithin;
import static io.moka.kernels.TestRows.assertZeroAround;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.TestWeights.Experts;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The MoE layer as one operation, and its parts. */
interface ExpertContract extends KernelsUnderTest {
  int EXPERTS = 13;
  int TOP_K = 3;
  int[] HIDDEN = {1, 2, 3, 15, 17, 33, 48, 100};
  int[] WIDTHS = {40, 1, 33, 40, 17, 40, 65, 40};
  int[] ROWS = {1, 2, 3, 5, 8, 16, 33, 64};

  /** Arguments of one layer. */
  record Layer(Rows x, RouterResult routing, ExpertWeights experts, int rows, Dice dice) {
    public Layer {
      TestRows.forProduct(x);
    }

    MoeOracle oracle() {
      return new MoeOracle(x, routing, experts, rows);
    }

    /** Runs it into a guarded copy of {@code before}, which counts only when accumulating. */
    Rows run(Kernels kernels, Arena arena, boolean accumulate, Rows before) {
      Rows out =
          accumulate
              ? TestRows.copy(arena, before, rows)
              : TestRows.guarded(arena, rows, experts.hidden());
      kernels.moe(x, routing, experts, rows, accumulate, out);
      assertGuarded(out, rows, dice);
      return out;
    }
  }

  /** What a test does with one layer. */
  @FunctionalInterface
  interface LayerCheck {
    void run(Arena arena, Layer layer);
  }

  /** Every format, activation and number of columns, gate and up joined as well as apart. */
  default void overLayers(String what, LayerCheck check) {
    for (WeightFormat format : TestWeights.FLOATS) {
      for (Activation activation : Activation.values()) {
        for (int i = 0; i < HIDDEN.length; i++) {
          String name = "%s, %s, %s, %d columns".formatted(what, format, activation, HIDDEN[i]);
          Dice dice = new Dice(name);
          try (Arena arena = Arena.ofShared()) {
            Experts experts =
                TestWeights.experts(arena, EXPERTS, format, activation, HIDDEN[i], WIDTHS[i], dice);
            int rows = ROWS[(i + activation.ordinal()) % ROWS.length];
            Rows x = TestRows.random(arena, rows, HIDDEN[i], dice);
            RouterResult routing = TestWeights.routing(rows, EXPERTS, TOP_K, dice);
            check.run(arena, new Layer(x, routing, experts.joined(), rows, dice));
            check.run(arena, new Layer(x, routing, experts.apart(), rows, dice));
          }
        }
      }
    }
  }

  default void checkClose(Arena arena, Layer layer) {
    MoeOracle oracle = layer.oracle();
    Rows before = TestRows.random(arena, layer.rows(), layer.experts().hidden(), layer.dice());
    for (boolean accumulate : new boolean[] {false, true}) {
      Rows expected = layer.run(new ReferenceKernels(), arena, accumulate, before);
      withEach(kernels ->
          assertWithin(
              layer.run(kernels, arena, accumulate, before),
              expected,
              layer.rows(),
              (row, i) -> oracle.error(row, i, accumulate ? before.get(row, i) : 0),
              layer.dice()));
    }
  }

  @Test
  default void addsExpertsCloseToTheReference() {
    overLayers("moe", this::checkClose);
  }

  @Test
  default void addsExpertsOfManyColumns() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("moe of 2,048 columns");
      Experts experts =
          TestWeights.experts(arena, EXPERTS, WeightFormat.BF16, Activation.SILU, 2_048, 40, dice);
      Rows x = TestRows.random(arena, 5, 2_048, dice);
      RouterResult routing = TestWeights.routing(5, EXPERTS, TOP_K, dice);
      checkClose(arena, new Layer(x, routing, experts.joined(), 5, dice));
      checkClose(arena, new Layer(x, routing, experts.apart(), 5, dice));
    }
  }

  @Test
  default void addsExpertsWhereAllRowsGoToTheSame() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("moe of 300 rows, all to the same experts");
      int rows = 300;
      Experts experts =
          TestWeights.experts(arena, EXPERTS, WeightFormat.F16, Activation.GELU, 48, 40, dice);
      Rows x = TestRows.random(arena, rows, 48, dice);
      RouterResult one = TestWeights.routing(1, EXPERTS, TOP_K, dice);
      RouterResult routing = TestWeights.pick(one, new int[rows]);
      checkClose(arena, new Layer(x, routing, experts.joined(), rows, dice));
      checkClose(arena, new Layer(x, routing, experts.apart(), rows, dice));
    }
  }

  @Test
  default void addsAllExpertsOfARow() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("moe where k is E");
      Experts experts =
          TestWeights.experts(arena, EXPERTS, WeightFormat.F32, Activation.SILU, 33, 40, dice);
      Rows x = TestRows.random(arena, 9, 33, dice);
      RouterResult routing = TestWeights.routing(9, EXPERTS, EXPERTS, dice);
      checkClose(arena, new Layer(x, routing, experts.joined(), 9, dice));
      checkClose(arena, new Layer(x, routing, experts.apart(), 9, dice));
    }
  }

  default void checkInOrder(Arena arena, Layer layer) {
    int hidden = layer.experts().hidden();
    Rows before = TestRows.random(arena, layer.rows(), hidden, layer.dice());
    for (boolean accumulate : new boolean[] {false, true}) {
      Rows expected = TestRows.guarded(arena, layer.rows(), hidden);
      for (int row = 0; row < layer.rows(); row++) {
        layer.oracle().inOrder(this, row, accumulate, before, expected);
      }
      withEach(kernels ->
          assertSameBits(
              layer.run(kernels, arena, accumulate, before), expected, layer.rows(), layer.dice()));
    }
  }

  @Test
  default void addsExpertsInTheOneOrderOfSummation() {
    assumeTrue(sumsInOrder(), "these kernels do not promise an order of summation");
    overLayers("moe in order", this::checkInOrder);
  }

  @Test
  default void leavesThePaddingOfSumsZero() {
    overLayers(
        "moe into whole rows",
        (arena, layer) -> {
          Rows out = Rows.allocate(arena, layer.rows() + 1, layer.experts().hidden());
          withEach(kernels -> {
            kernels.moe(layer.x(), layer.routing(), layer.experts(), layer.rows(), false, out);
            assertZeroAround(out, layer.rows(), layer.dice());
          });
        });
  }

  @Test
  default void aSumOfExpertsDependsOnItsRowAlone() {
    for (WeightFormat format : TestWeights.FLOATS) {
      try (Arena arena = Arena.ofShared()) {
        Dice dice = new Dice("moe alone and together, " + format);
        Experts experts =
            TestWeights.experts(arena, EXPERTS, format, Activation.SILU, 33, 40, dice);
        Rows x = TestRows.random(arena, Independence.SOURCE_ROWS, 33, dice);
        RouterResult routing = TestWeights.routing(Independence.SOURCE_ROWS, EXPERTS, TOP_K, dice);
        for (ExpertWeights weights : List.of(experts.joined(), experts.apart())) {
          Independence.check(
              this,
              dice,
              (kernels, own, picks) -> {
                Rows picked = TestRows.pick(own, x, picks);
                RouterResult pickedRouting = TestWeights.pick(routing, picks);
                return new Layer(picked, pickedRouting, weights, picks.length, dice)
                    .run(kernels, own, true, picked);
              });
        }
      }
    }
  }

  /** Runs a product of each choice with its expert. */
  default Rows grouped(
      Kernels kernels,
      Arena arena,
      Rows x,
      boolean perChoice,
      RouterResult routing,
      List<PackedMatrix> weights,
      int rows,
      Dice dice) {
    int choices = rows * routing.topK();
    Rows out = TestRows.guarded(arena, choices, weights.getFirst().rows());
    kernels.groupedMatmul(TestRows.forProduct(x), perChoice, routing, weights, rows, out);
    assertGuarded(out, choices, dice);
    return out;
  }

  @Test
  default void multipliesEachChoiceByItsExpert() {
    for (WeightFormat format : TestWeights.FLOATS) {
      for (int i = 0; i < HIDDEN.length; i++) {
        for (boolean perChoice : new boolean[] {false, true}) {
          Dice dice =
              new Dice("groupedMatmul %s %d columns %s".formatted(format, HIDDEN[i], perChoice));
          try (Arena arena = Arena.ofShared()) {
            int rows = ROWS[i];
            int choices = rows * TOP_K;
            List<PackedMatrix> weights =
                TestWeights.matrices(arena, EXPERTS, format, WIDTHS[i], HIDDEN[i], dice);
            RouterResult routing = TestWeights.routing(rows, EXPERTS, TOP_K, dice);
            Rows x = TestRows.random(arena, perChoice ? choices : rows, HIDDEN[i], dice);
            Rows expected =
                grouped(new ReferenceKernels(), arena, x, perChoice, routing, weights, rows, dice);
            withEach(kernels ->
                assertWithin(
                    grouped(kernels, arena, x, perChoice, routing, weights, rows, dice),
                    expected,
                    choices,
                    (choice, output) -> {
                      int row = choice / TOP_K;
                      int expert = routing.expert(row, choice % TOP_K);
                      Bound[] input = Bound.exactRow(x, perChoice ? choice : row);
                      return Bound.dot(weights.get(expert), output, input).error();
                    },
                    dice));
          }
        }
      }
    }
  }

  @Test
  default void combinesChoices() {
    Dice dice = new Dice("combine");
    for (int i = 0; i < HIDDEN.length; i++) {
      try (Arena arena = Arena.ofShared()) {
        int rows = ROWS[i];
        RouterResult routing = TestWeights.routing(rows, EXPERTS, TOP_K, dice);
        Rows x = TestRows.random(arena, rows * TOP_K, HIDDEN[i], dice);
        Rows expected = TestRows.guarded(arena, rows, HIDDEN[i]);
        new ReferenceKernels().combine(x, routing, rows, expected);
        withEach(kernels -> {
          Rows out = TestRows.guarded(arena, rows, x.columns());
          kernels.combine(x, routing, rows, out);
          assertWithin(
              out,
              expected,
              rows,
              (row, column) -> {
                double magnitudes = 0;
                for (int rank = 0; rank < TOP_K; rank++) {
                  magnitudes +=
                      Math.abs(routing.weight(row, rank) * x.get(row * TOP_K + rank, column));
                }
                return (TOP_K + 2) * ROUNDING * magnitudes + Float.MIN_NORMAL;
              },
              dice);
          assertGuarded(out, rows, dice);
        });
      }
    }
  }

  @Test
  default void choicesDependOnTheirRowAlone() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("groupedMatmul and combine alone and together");
      Rows x = TestRows.random(arena, Independence.SOURCE_ROWS, 33, dice);
      RouterResult routing = TestWeights.routing(Independence.SOURCE_ROWS, EXPERTS, TOP_K, dice);
      List<PackedMatrix> up = TestWeights.matrices(arena, EXPERTS, WeightFormat.BF16, 40, 33, dice);
      List<PackedMatrix> down =
          TestWeights.matrices(arena, EXPERTS, WeightFormat.BF16, 33, 40, dice);
      Independence.check(
          this,
          dice,
          (kernels, own, picks) -> {
            int rows = picks.length;
            RouterResult picked = TestWeights.pick(routing, picks);
            Rows input = TestRows.pick(own, x, picks);
            Rows inner = grouped(kernels, own, input, false, picked, up, rows, dice);
            Rows choices = grouped(kernels, own, inner, true, picked, down, rows, dice);
            Rows out = TestRows.guarded(own, rows, 33);
            kernels.combine(choices, picked, rows, out);
            return out;
          });
    }
  }
}
