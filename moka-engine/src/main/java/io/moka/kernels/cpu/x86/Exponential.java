package io.moka.kernels.cpu.x86;

import io.moka.kernels.FloatMath;

/**
 * Writes e^x for a vector, in AVX-512 or AVX2: the steps of {@link FloatMath#exp} lane by lane. Its
 * constants have registers of their own, the upper ones, where there are 32; there it overwrites
 * the masks k1 and k2, too.
 */
final class Exponential {
  /** Registers that it needs beside those of its constants. */
  static final int REGISTERS = 5;

  /** Of 32 registers, the first that holds a constant. */
  private static final int FIRST_CONSTANT = 16;

  /** Factors of the series, of the seventh power first. */
  private static final float[] SERIES = {
    1 / 5040f, 1 / 720f, 1 / 120f, 1 / 24f, 1 / 6f, 0.5f, 1f, 1f
  };

  private static final int NORMAL = 1;
  private static final int INFINITE = 2;

  /** Predicates of VCMPPS: not less, true for NaN, and greater, false for NaN. */
  private static final int NOT_LESS = 0x05;

  private static final int GREATER = 0x0E;

  private final Assembler assembler;
  private final int bits;
  private final Vec p;
  private final Vec rounded;
  private final Vec n;
  private final Vec normal;
  private final Vec infinite;
  private final Operand[] series = new Operand[SERIES.length];
  private Operand log2E;
  private Operand rounder;
  private Operand ln2High;
  private Operand ln2Low;
  private Operand one;
  private Operand lowest;
  private Operand highest;
  private Operand infinity;
  private int constants;

  /**
   * An emitter.
   *
   * @param own registers that are overwritten; the first one takes the result
   */
  Exponential(Assembler assembler, Vec[] own) {
    this.assembler = assembler;
    bits = own[0].bits();
    p = own[0];
    rounded = own[1];
    n = own[2];
    normal = own[3];
    infinite = own[4];
  }

  /** Before the first of them: loads the constants. */
  void prepare() {
    log2E = constant(FloatMath.LOG2_E);
    rounder = constant(FloatMath.ROUNDER);
    ln2High = constant(-FloatMath.LN2_HIGH);
    ln2Low = constant(-FloatMath.LN2_LOW);
    one = constant(1f);
    lowest = constant(FloatMath.EXP_LOWEST);
    highest = constant(FloatMath.EXP_HIGHEST);
    infinity = constant(Float.POSITIVE_INFINITY);
    for (int i = 0; i < series.length; i++) {
      series[i] = SERIES[i] == 1 ? one : constant(SERIES[i]);
    }
  }

  /** The number one, for whoever needs it, too. */
  Operand one() {
    return one;
  }

  private Operand constant(float value) {
    if (bits < 512) {
      return Constant.lanes(value, bits);
    }
    Vec register = Vec.zmm(FIRST_CONSTANT + constants++);
    assembler.emit(Op.VBROADCASTSS, register, Constant.one(value));
    return register;
  }

  /**
   * Writes e^x for x of at most zero, or NaN.
   *
   * @param x overwritten
   * @return the register that holds it
   */
  Vec ofAtMostZero(Vec x) {
    power(x, false);
    return p;
  }

  /** The same for any x. */
  Vec of(Vec x) {
    power(x, true);
    return p;
  }

  private void power(Vec x, boolean any) {
    assembler.emit(Op.VMOVUPS, rounded, rounder);
    assembler.emit(Op.VFMADD231PS, rounded, x, log2E);
    assembler.emit(Op.VSUBPS, n, rounded, rounder);
    compare(NORMAL, normal, x, lowest, NOT_LESS);
    if (any) {
      compare(INFINITE, infinite, x, highest, GREATER);
    }
    assembler.emit(Op.VFMADD231PS, x, n, ln2High);
    assembler.emit(Op.VFMADD231PS, x, n, ln2Low);
    assembler.emit(Op.VMOVUPS, p, series[0]);
    for (int i = 1; i < series.length; i++) {
      assembler.emit(Op.VFMADD213PS, p, x, series[i]);
    }
    // the integer in the low bits of rounded becomes the exponent
    assembler.emit(Op.VPSLLD, rounded, rounded, 23);
    assembler.emit(Op.VPADDD, rounded, rounded, one);
    if (bits < 512) {
      assembler.emit(Op.VMULPS, p, p, rounded);
      assembler.emit(Op.VPANDD, p, p, normal);
      if (any) {
        assembler.emit(Op.VPANDND, p, infinite, p);
        assembler.emit(Op.VPANDD, infinite, infinite, infinity);
        assembler.emit(Op.VPORD, p, p, infinite);
      }
    } else {
      assembler.emit(Op.VMULPS, p.zeroing(NORMAL), p, rounded);
      if (any) {
        assembler.emit(Op.VMOVUPS, p.merging(INFINITE), infinity);
      }
    }
  }

  /** Into a mask where there are masks, else into a register. */
  private void compare(int mask, Vec register, Vec x, Operand bound, int predicate) {
    if (bits < 512) {
      assembler.emit(Op.VCMPPS_LANES, register, x, bound, predicate);
    } else {
      assembler.compare(Op.VCMPPS, mask, x, bound, predicate);
    }
  }
}
