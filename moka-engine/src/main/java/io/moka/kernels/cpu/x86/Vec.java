package io.moka.kernels.cpu.x86;

/**
 * A vector register. As a destination it may carry a mask: lanes whose bit is clear stay as they
 * were, or become zero.
 *
 * @param number 0 to 31
 * @param bits 128, 256 or 512
 * @param mask register k1 to k7, or 0 for none
 * @param zeroing whether lanes left out become zero
 */
record Vec(int number, int bits, int mask, boolean zeroing) implements Operand {
  Vec {
    if (number < 0 || number > 31 || mask < 0 || mask > 7 || zeroing && mask == 0) {
      throw new IllegalArgumentException(
          "no vector register " + number + " with mask k" + mask + ", zeroing " + zeroing);
    }
    if (bits != 128 && bits != 256 && bits != 512) {
      throw new IllegalArgumentException("no vector register has " + bits + " bits");
    }
  }

  static Vec xmm(int number) {
    return new Vec(number, 128, 0, false);
  }

  static Vec ymm(int number) {
    return new Vec(number, 256, 0, false);
  }

  static Vec zmm(int number) {
    return new Vec(number, 512, 0, false);
  }

  /** Neighbouring registers. */
  static Vec[] range(int first, int count, int bits) {
    Vec[] registers = new Vec[count];
    for (int i = 0; i < count; i++) {
      registers[i] = new Vec(first + i, bits, 0, false);
    }
    return registers;
  }

  /** The same register, cut to its lowest bits or widened. */
  Vec as(int newBits) {
    return new Vec(number, newBits, mask, zeroing);
  }

  /** Lanes whose bit is clear stay as they were. */
  Vec merging(int k) {
    return new Vec(number, bits, k, false);
  }

  /** Lanes whose bit is clear become zero. */
  Vec zeroing(int k) {
    return new Vec(number, bits, k, true);
  }
}
