package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;

/**
 * The product of a few rows of floats with float weights, in AVX-512 or AVX2: {@code sum = fma(w,
 * x, sum)} over ascending columns. A block is a pair of columns. The input is the memory of the
 * rows; the argument after the groups is a table of i64, where each row begins in it.
 *
 * <pre>
 * for each half of the pair
 *   w[s] = the column's 16 weights of each strip, as floats; in AVX2 8 and 8
 *   for each row
 *     x = its value, in all lanes
 *     for each strip: sum += w[s] * x
 * </pre>
 */
final class FloatGroupCode extends GroupCode {
  /** Rows that one call takes at most, and its table has room for: each has a pointer. */
  static final int MOST_ROWS = 8;

  /** Pointers of the rows; R10 is a strip's only where there are four rows at most. */
  private static final Gp[] ROW = {
    Gp.RAX, Gp.RBX, Gp.RCX, Gp.R9, Gp.R13, Gp.R14, Gp.R15, Gp.R10,
  };

  /** Bytes from a row's beginning to the pair. */
  private static final Gp OFFSET = Gp.RDX;

  private static final int PAIR_BYTES = 2 * Float.BYTES;

  private final WeightFormat format;
  private final OuterProduct product;

  private FloatGroupCode(
      Assembler assembler, WeightFormat format, int rows, int bits, ReadPattern pattern) {
    super(
        assembler,
        rows,
        bits,
        OuterProduct.mostSums(bits),
        PackedMatrix.pairBytes(format),
        pattern);
    this.format = format;
    product = new OuterProduct(assembler, bits, rows, strips * parts);
  }

  /** Rows that a call takes at most: with more there would be no registers for whole strips. */
  static int mostRows(int bits) {
    return Math.min(MOST_ROWS, OuterProduct.mostSums(bits) * bits / (8 * VECTOR_BYTES));
  }

  /**
   * Writes the function for a number of rows.
   *
   * @param bits of its vectors: 512, or 256 for AVX2
   */
  static void emit(
      Assembler assembler, WeightFormat format, int rows, int bits, ReadPattern pattern) {
    new FloatGroupCode(assembler, format, rows, bits, pattern).function();
  }

  @Override
  void prepare() {
    product.prepare(format);
  }

  @Override
  void startPass() {
    assembler.load(OFFSET, INPUT_SLOT);
    assembler.load(BLOCKS, Frame.argument(1));
    for (int row = 0; row < rows; row++) {
      assembler.load(ROW[row], Mem.at(BLOCKS, 8 * row));
      assembler.alu(Alu.ADD, ROW[row], OFFSET);
    }
    assembler.alu(Alu.XOR, OFFSET, OFFSET);
  }

  @Override
  void block() {
    int blockBytes = PackedMatrix.pairBytes(format);
    for (int s = 0; s < strips; s++) {
      prefetch(s, blockBytes);
    }
    for (int half = 0; half < 2; half++) {
      int column = half;
      product.add((i, to) -> weights(i, column, to), (row, to) -> input(row, column, to));
    }
    for (int s = 0; s < strips; s++) {
      assembler.alu(Alu.ADD, STRIP[s], blockBytes);
    }
    assembler.alu(Alu.ADD, OFFSET, PAIR_BYTES);
  }

  private void input(int row, int half, Vec to) {
    assembler.emit(Op.VBROADCASTSS, to, Mem.at(ROW[row], OFFSET, half * Float.BYTES));
  }

  /** One column of vector i of the pass. */
  private void weights(int i, int half, Vec to) {
    Mem pair = Mem.at(STRIP[i / parts], 0);
    FloatColumns.emit(assembler, format, pair, half, i % parts, product.upperHalves(), to);
  }
}
