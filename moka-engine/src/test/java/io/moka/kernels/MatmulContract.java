package io.moka.kernels;

import static io.moka.kernels.TestRows.assertGuarded;
import static io.moka.kernels.TestRows.assertSameBits;
import static io.moka.kernels.TestRows.assertWithin;
import static io.moka.kernels.TestRows.assertZeroAround;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.reference.ReferenceKernels;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Products of rows with one matrix. */
interface MatmulContract extends KernelsUnderTest {
  int[] COLUMNS = {1, 2, 3, 15, 17, 33, 48, 100, 129, 2048};
  int[] MATRIX_ROWS = {257, 40, 1, 65, 13, 16, 64};
  int[] ROWS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 33, 64};

  /** Arguments of one product. */
  record Product(Rows x, PackedMatrix weights, MemorySegment bias, int rows, Dice dice) {
    public Product {
      TestRows.forProduct(x);
    }

    Bound bound(int row, int output) {
      Bound product = Bound.dot(weights, output, Bound.exactRow(x, row));
      double added = bias.byteSize() == 0 ? 0 : Math.abs(biasOf(output));
      return new Bound(product.value(), product.error() + 4 * Bound.ROUNDING * added);
    }

    /** The product in the one order of summation. */
    float inOrder(KernelsUnderTest kernels, int row, int output) {
      float sum = kernels.dot(weights, output, TestRows.values(x, row));
      return bias.byteSize() == 0 ? sum : sum + biasOf(output);
    }

    private float biasOf(int output) {
      return bias.getAtIndex(ValueLayout.JAVA_FLOAT, output);
    }

    Rows run(Kernels kernels, Arena arena) {
      Rows out = TestRows.guarded(arena, rows, weights.rows());
      kernels.matmul(x, weights, bias, rows, out);
      assertGuarded(out, rows, dice);
      return out;
    }
  }

  /** What a test does with one product. */
  @FunctionalInterface
  interface ProductCheck {
    void run(Arena arena, Product product);
  }

  /** Every format and number of columns, each with other numbers of outputs and rows. */
  default void overProducts(String what, ProductCheck check) {
    int turn = 0;
    for (WeightFormat format : TestWeights.FLOATS) {
      // one number near the largest of its format must not drown the test in infinities
      float extreme = format == WeightFormat.F16 ? 65504 : 1e30f;
      for (int columns : COLUMNS) {
        int outputs = MATRIX_ROWS[turn % MATRIX_ROWS.length];
        int rows = ROWS[turn % ROWS.length];
        String name = "%s: %s [%d, %d], %d rows".formatted(what, format, outputs, columns, rows);
        Dice dice = new Dice(name);
        try (Arena arena = Arena.ofShared()) {
          MemorySegment bias = TestWeights.vector(arena, turn % 2 == 0 ? outputs : 0, dice);
          PackedMatrix weights =
              TestWeights.matrix(
                  arena, format, outputs, columns, turn % 3 == 0 ? extreme : 1, dice);
          Rows x = TestRows.random(arena, rows, columns, dice);
          check.run(arena, new Product(x, weights, bias, rows, dice));
        }
        turn++;
      }
    }
  }

  @Test
  default void multipliesCloseToTheReference() {
    overProducts(
        "matmul",
        (arena, product) -> {
          Rows expected = product.run(new ReferenceKernels(), arena);
          withEach(kernels ->
              assertWithin(
                  product.run(kernels, arena),
                  expected,
                  product.rows(),
                  (row, output) -> product.bound(row, output).error(),
                  product.dice()));
        });
  }

  @Test
  default void multipliesInTheOneOrderOfSummation() {
    assumeTrue(sumsInOrder(), "these kernels do not promise an order of summation");
    overProducts(
        "matmul in order",
        (arena, product) -> {
          Rows expected = TestRows.guarded(arena, product.rows(), product.weights().rows());
          for (int row = 0; row < product.rows(); row++) {
            for (int output = 0; output < product.weights().rows(); output++) {
              expected.set(row, output, product.inOrder(this, row, output));
            }
          }
          withEach(kernels ->
              assertSameBits(
                  product.run(kernels, arena), expected, product.rows(), product.dice()));
        });
  }

  @Test
  default void multipliesManyRows() {
    try (Arena arena = Arena.ofShared()) {
      Dice dice = new Dice("matmul of 300 rows");
      int rows = 300;
      PackedMatrix weights = TestWeights.matrix(arena, WeightFormat.BF16, 70, 33, 1, dice);
      MemorySegment bias = TestWeights.vector(arena, 70, dice);
      Product product =
          new Product(TestRows.random(arena, rows, 33, dice), weights, bias, rows, dice);
      Rows expected = product.run(new ReferenceKernels(), arena);
      withEach(kernels ->
          assertWithin(
              product.run(kernels, arena),
              expected,
              rows,
              (row, output) -> product.bound(row, output).error(),
              dice));
    }
  }

  @Test
  default void leavesThePaddingOfProductsZero() {
    overProducts(
        "matmul into whole rows",
        (arena, product) -> {
          Rows out = Rows.allocate(arena, product.rows() + 1, product.weights().rows());
          withEach(kernels -> {
            kernels.matmul(product.x(), product.weights(), product.bias(), product.rows(), out);
            assertZeroAround(out, product.rows(), product.dice());
          });
        });
  }

  @Test
  default void aProductDependsOnItsRowAlone() {
    for (WeightFormat format : TestWeights.FLOATS) {
      try (Arena arena = Arena.ofShared()) {
        Dice dice = new Dice("matmul alone and together, " + format);
        Rows x = TestRows.random(arena, Independence.SOURCE_ROWS, 33, dice);
        PackedMatrix weights = TestWeights.matrix(arena, format, 97, 33, 300, dice);
        MemorySegment bias = TestWeights.vector(arena, 97, dice);
        Independence.check(
            this,
            dice,
            (kernels, own, picks) ->
                new Product(TestRows.pick(own, x, picks), weights, bias, picks.length, dice)
                    .run(kernels, own));
      }
    }
  }
}
