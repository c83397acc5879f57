package io.moka.kernels.cpu.x86;

/**
 * Memory at base + index * scale + displacement.
 *
 * @param base any register
 * @param index any register but RSP; RSP, as in the encoding, stands for none
 * @param scale 1, 2, 4 or 8
 * @param displacement bytes
 * @param broadcast whether one number is read and given to every lane
 */
record Mem(Gp base, Gp index, int scale, int displacement, boolean broadcast) implements Operand {
  Mem {
    if (scale != 1 && scale != 2 && scale != 4 && scale != 8) {
      throw new IllegalArgumentException("an index is scaled by 1, 2, 4 or 8, not " + scale);
    }
  }

  static Mem at(Gp base, int displacement) {
    return new Mem(base, Gp.RSP, 1, displacement, false);
  }

  static Mem at(Gp base, Gp index, int displacement) {
    if (index == Gp.RSP) {
      throw new IllegalArgumentException("RSP cannot be an index");
    }
    return new Mem(base, index, 1, displacement, false);
  }

  static Mem broadcast(Gp base, int displacement) {
    return new Mem(base, Gp.RSP, 1, displacement, true);
  }

  /** The same place; one number from there for every lane. */
  Mem toAllLanes() {
    return new Mem(base, index, scale, displacement, true);
  }

  /** Some bytes further. */
  Mem plus(int bytes) {
    return new Mem(base, index, scale, Math.addExact(displacement, bytes), broadcast);
  }

  boolean hasIndex() {
    return index != Gp.RSP;
  }
}
