package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;

/**
 * The product of 1 to 8 rows of floats with float weights, in AVX-512: {@code sum = fma(w, x, sum)}
 * over ascending columns. A block is a pair of columns. The input is the memory of the rows; a
 * seventh argument is a table of i64, where each row begins in it.
 *
 * <pre>
 * for each half of the pair
 *   w[s] = the column's 16 weights of each strip, as floats
 *   for each row
 *     x = its value, in all lanes
 *     for each strip: sum += w[s] * x
 * </pre>
 */
final class FloatGroupCode extends GroupCode {
  /** Rows that one call takes at most: each has a pointer. */
  static final int MOST_ROWS = 8;

  /** Pointers of the rows; R10 is a strip's only where there are four rows at most. */
  private static final Gp[] ROW = {
    Gp.RAX, Gp.RBX, Gp.RCX, Gp.R9, Gp.R13, Gp.R14, Gp.R15, Gp.R10,
  };

  /** Bytes from a row's beginning to the pair. */
  private static final Gp OFFSET = Gp.RDX;

  private static final int PAIR_BYTES = 2 * Float.BYTES;
  private static final Vec MASK = Vec.zmm(31);

  private final WeightFormat format;

  private FloatGroupCode(Assembler assembler, WeightFormat format, int rows, ReadPattern pattern) {
    super(assembler, rows, PackedMatrix.pairBytes(format), pattern);
    this.format = format;
  }

  /** Writes the function for a number of rows. */
  static void emit(Assembler assembler, WeightFormat format, int rows, ReadPattern pattern) {
    new FloatGroupCode(assembler, format, rows, pattern).function();
  }

  private static Vec weight(int strip) {
    return Vec.zmm(16 + strip);
  }

  @Override
  void prepare() {
    if (format == WeightFormat.BF16) {
      Constant upperHalf = new Constant(Constant.all(0xFFFF0000).words(), false);
      assembler.emit(Op.VPBROADCASTD, MASK, upperHalf);
    }
  }

  @Override
  void startPass() {
    assembler.load(OFFSET, INPUT_SLOT);
    assembler.load(BLOCKS, stackArgument(0));
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
      for (int s = 0; s < strips; s++) {
        FloatColumns.emit(assembler, format, Mem.at(STRIP[s], 0), half, MASK, weight(s));
      }
      for (int row = 0; row < rows; row++) {
        Vec x = Vec.zmm(20 + row % 4);
        assembler.emit(Op.VBROADCASTSS, x, Mem.at(ROW[row], OFFSET, half * Float.BYTES));
        for (int s = 0; s < strips; s++) {
          assembler.emit(Op.VFMADD231PS, sum(s, row), weight(s), x);
        }
      }
    }
    for (int s = 0; s < strips; s++) {
      assembler.alu(Alu.ADD, STRIP[s], blockBytes);
    }
    assembler.alu(Alu.ADD, OFFSET, PAIR_BYTES);
  }
}
