package io.moka.kernels.cpu.x86;

import io.moka.kernels.KvType;
import io.moka.kernels.Q8Strips;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.util.Optional;

/**
 * What the products of attention for 1 to 8 query heads of one key/value head have in common, in
 * AVX-512 or AVX2. Keys and values lie in strips of 16 lanes by pairs of columns; both functions
 * take two strips at a time, one where AVX2 has no registers for two, and its halves one after the
 * other where it has none for one.
 *
 * <ul>
 *   <li>Floats are taken column by column.
 *   <li>By dot products of bf16 a step takes both columns of a pair: sum += k.odd * q.odd; sum +=
 *       k.even * q.even. The inputs are in bf16, too.
 *   <li>Codes of 8 bits become floats in registers: widened, converted, times their scale.
 * </ul>
 *
 * <p>The blocks of a head may lie apart, each shorter than what the processor's own prefetching
 * needs to start: so each is fetched while the one before is multiplied, line by line.
 */
abstract class SpanCode {
  static final int VECTOR_BYTES = 64;
  static final int PAIR_FLOATS = 2 * Float.BYTES;
  static final int PAIR_BF16 = 2 * Short.BYTES;
  static final int MOST_STRIPS = 2;

  private static final Gp[] SAVED = {Gp.RBX, Gp.RBP, Gp.R12, Gp.R13, Gp.R14, Gp.R15};

  /** The seventh argument: above the return address and the saved registers. */
  static final Mem LAST_ARGUMENT = Mem.at(Gp.RSP, 8 * (SAVED.length + 1));

  static final Gp TABLE = Gp.RDI;
  static final Gp COUNT = Gp.RSI;
  static final Gp INPUT = Gp.RDX;
  static final Gp OUT = Gp.R9;
  static final Gp[] STRIP = {Gp.RAX, Gp.R10};
  static final Gp LOOP = Gp.R11;

  /** Head i lies at (i < 4 ? FIRST : FOURTH) + i % 4 * STRIDE, THRICE being three of it. */
  static final Gp STRIDE = Gp.RCX;

  static final Gp THRICE = Gp.RBX;
  static final Gp FOURTH = Gp.R12;

  final Assembler assembler;

  /** Of keys and values; none where they are codes. */
  final Optional<WeightFormat> floats;

  final boolean dots;
  final int heads;
  final int bits;

  /** Strips of a pass. */
  final int strips;

  /** Vectors of each strip in a pass. */
  final int parts;

  /**
   * An emitter.
   *
   * @param assembler takes the code
   * @param shape what is multiplied with what
   */
  SpanCode(Assembler assembler, Shape shape) {
    this.assembler = assembler;
    floats = shape.type().format();
    dots = shape.dots();
    heads = shape.heads();
    bits = shape.bits();
    int most = OuterProduct.mostSums(bits);
    parts = heads * parts(bits) <= most ? parts(bits) : 1;
    strips = Math.min(MOST_STRIPS, most / (heads * parts));
  }

  /**
   * What is multiplied with what.
   *
   * @param type of keys and values
   * @param dots by dot products of bf16, for that type in AVX-512
   * @param heads query heads, 1 to 8
   * @param bits of the vectors; 512 where the type is not of floats
   */
  record Shape(KvType type, boolean dots, int heads, int bits) {}

  /** Writes the function. */
  abstract void emit();

  /** Vectors that make up a strip. */
  static int parts(int bits) {
    return 8 * VECTOR_BYTES / bits;
  }

  final boolean codes() {
    return floats.isEmpty();
  }

  final int pairBytes() {
    return floats.map(PackedMatrix::pairBytes).orElse(2 * Q8Strips.LANES);
  }

  final void start() {
    for (Gp saved : SAVED) {
      assembler.push(saved);
    }
  }

  final void end() {
    for (int i = SAVED.length - 1; i >= 0; i--) {
      assembler.pop(SAVED[i]);
    }
    assembler.vzeroupper();
    assembler.ret();
  }

  static Mem head(Gp first, int head, int displacement) {
    Gp base = head < 4 ? first : FOURTH;
    return switch (head % 4) {
      case 0 -> Mem.at(base, displacement);
      case 3 -> Mem.at(base, THRICE, displacement);
      default -> new Mem(base, STRIDE, head % 4, displacement, false);
    };
  }

  /** The sums of a pass, cleared. */
  final OuterProduct product(int count) {
    Op multiplyAdd = dots ? Op.VDPBF16PS : Op.VFMADD231PS;
    OuterProduct product = new OuterProduct(assembler, multiplyAdd, bits, heads, count * parts);
    if (!dots) {
      floats.ifPresent(product::prepare);
    }
    product.clear();
    return product;
  }

  /** The lines of a pair, unless a pass over another part has fetched them. */
  final void prefetch(int firstPart, Mem pair) {
    if (firstPart > 0) {
      return;
    }
    for (int line = 0; line < pairBytes(); line += VECTOR_BYTES) {
      assembler.prefetch(Assembler.Hint.T0, pair.plus(line));
    }
  }

  final void broadcast(Mem number, Vec to) {
    assembler.emit(Op.VBROADCASTSS, to, number);
  }

  /** Both columns of a pair of the strips of a pass, by dot products. */
  final void addPair(OuterProduct product, int offset, OuterProduct.Loader inputs) {
    product.add((i, to) -> assembler.emit(Op.VMOVDQU32, to, Mem.at(STRIP[i], offset)), inputs);
  }

  /** One column of the strips of a pass, of floats. */
  final void add(OuterProduct product, int firstPart, int half, OuterProduct.Loader inputs) {
    WeightFormat format = floats.orElseThrow();
    OuterProduct.Loader columns =
        (i, to) -> {
          Mem pair = Mem.at(STRIP[i / parts], 0);
          int part = firstPart + i % parts;
          FloatColumns.emit(assembler, format, pair, half, part, product.upperHalves(), to);
        };
    product.add(columns, inputs);
  }

  /** One column of the strips of a pass, of codes; scales of each strip, or one for all lanes. */
  final void addCodes(
      OuterProduct product, int offset, Operand[] scales, OuterProduct.Loader inputs) {
    OuterProduct.Loader columns =
        (i, to) -> {
          assembler.emit(Op.VPMOVSXBD, to, Mem.at(STRIP[i], offset));
          assembler.emit(Op.VCVTDQ2PS, to, to);
          assembler.emit(Op.VMULPS, to, to, scales[i]);
        };
    product.add(columns, inputs);
  }
}
