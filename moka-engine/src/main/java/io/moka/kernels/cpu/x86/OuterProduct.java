package io.moka.kernels.cpu.x86;

import io.moka.weights.WeightFormat;

/**
 * A column of some vectors of weights times one number of each row: {@code sum[v][row] = fma(w[v],
 * x[row], sum[v][row])}, and which registers that takes. Where the instruction is a dot product, a
 * pair of columns is taken so.
 *
 * <p>Of 32 registers 16 hold sums; the weights stay, the numbers of the rows pass by. Of 16 there
 * are 12 for sums: whichever are fewer stay, the others pass by.
 */
final class OuterProduct {
  private static final int MOST_PASSING = 4;

  private final Assembler assembler;
  private final Op multiplyAdd;
  private final int rows;
  private final boolean keepsInputs;
  private final Vec[] sums;
  private final Vec[] kept;
  private final Vec[] passing;
  private final Operand upperHalves;

  /** Brings weights of a vector, or the number of a row, into a register. */
  interface Loader {
    void load(int index, Vec to);
  }

  /**
   * An emitter.
   *
   * @param assembler takes the code
   * @param bits of the vectors
   * @param rows with one number each
   * @param vectors of weights; with the rows no more sums than {@link #mostSums}
   */
  OuterProduct(Assembler assembler, int bits, int rows, int vectors) {
    this(assembler, Op.VFMADD231PS, bits, rows, vectors);
  }

  /**
   * As above, with another instruction.
   *
   * @param multiplyAdd adds products of its second and third operand to its first
   */
  OuterProduct(Assembler assembler, Op multiplyAdd, int bits, int rows, int vectors) {
    this.assembler = assembler;
    this.multiplyAdd = multiplyAdd;
    this.rows = rows;
    int registers = bits == 512 ? 32 : 16;
    keepsInputs = bits < 512 && rows <= vectors;
    sums = Vec.range(0, rows * vectors, bits);
    kept = Vec.range(sums.length, keepsInputs ? rows : vectors, bits);
    int first = sums.length + kept.length;
    boolean hasSpare = first + 1 < registers;
    int left = registers - first - (hasSpare ? 1 : 0);
    passing = Vec.range(first, Math.min(MOST_PASSING, left), bits);
    upperHalves =
        hasSpare ? new Vec(registers - 1, bits, 0, false) : FloatColumns.upperHalves(bits);
  }

  /** Sums that there are registers for. */
  static int mostSums(int bits) {
    return bits == 512 ? 16 : 12;
  }

  /** Before all columns: what the weights of a format need. */
  void prepare(WeightFormat format) {
    if (format == WeightFormat.BF16 && upperHalves instanceof Vec register) {
      FloatColumns.loadUpperHalves(assembler, register);
    }
  }

  /** The mask that {@link FloatColumns#emit} takes. */
  Operand upperHalves() {
    return upperHalves;
  }

  /** A register that is free between columns. */
  Vec free() {
    return passing[0];
  }

  Vec sum(int vector, int row) {
    return sums[vector * rows + row];
  }

  void clear() {
    for (Vec sum : sums) {
      assembler.emit(Op.VPXORD, sum, sum, sum);
    }
  }

  /** Adds a column. */
  void add(Loader weights, Loader inputs) {
    int vectors = sums.length / rows;
    Loader keeping = keepsInputs ? inputs : weights;
    for (int i = 0; i < kept.length; i++) {
      keeping.load(i, kept[i]);
    }
    int others = keepsInputs ? vectors : rows;
    for (int j = 0; j < others; j++) {
      Vec other = passing[j % passing.length];
      (keepsInputs ? weights : inputs).load(j, other);
      for (int i = 0; i < kept.length; i++) {
        Vec sum = keepsInputs ? sum(j, i) : sum(i, j);
        assembler.emit(multiplyAdd, sum, kept[i], other);
      }
    }
  }
}
