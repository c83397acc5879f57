package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.ORDER;

import io.moka.kernels.Activations;
import io.moka.kernels.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A row rounded to bf16 and kept as floats, the two columns of a pair swapped: products take the
 * odd one first. After an odd last column stands a zero.
 */
final class Bf16Row {
  private static final int UPPER_HALF = 0xFFFF_0000;
  private static final int QUIET = 0x0040_0000;

  private Bf16Row() {}

  static long bytes(int columns) {
    return (columns + 1) / 2 * 2L * Float.BYTES;
  }

  /**
   * Rounds some columns.
   *
   * @param x memory of the floats
   * @param from where the first lies, in bytes
   * @param count columns
   * @param out memory of the row
   * @param to where the first goes, at an even column, in bytes
   */
  static void round(MemorySegment x, long from, int count, MemorySegment out, long to) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      swapped(FloatVector.fromMemorySegment(FLOATS, x, from + i * 4L, ORDER))
          .intoMemorySegment(out, to + i * 4L, ORDER);
    }
    for (; i < count; i += 2) {
      out.set(ValueLayout.JAVA_INT, to + i * 4L + 4, bits(x, from + i * 4L));
      int odd = i + 1 < count ? bits(x, from + i * 4L + 4) : 0;
      out.set(ValueLayout.JAVA_INT, to + i * 4L, odd);
    }
  }

  private static int bits(MemorySegment x, long at) {
    return Activations.bf16Bits(x.get(ValueLayout.JAVA_FLOAT, at));
  }

  /** The steps of {@link Activations#bf16Bits}, lane by lane. */
  private static LongVector swapped(FloatVector x) {
    IntVector bits = x.reinterpretAsInts();
    IntVector even = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    LongVector rounded =
        bits.add(even)
            .add(0x7FFF)
            .blend(bits.or(QUIET), x.test(VectorOperators.IS_NAN).cast(Lanes.INTS))
            .blend(0, x.abs().compare(VectorOperators.LT, Activations.LEAST_BF16).cast(Lanes.INTS))
            .and(UPPER_HALF)
            .reinterpretAsLongs();
    return rounded
        .lanewise(VectorOperators.LSHL, 32)
        .or(rounded.lanewise(VectorOperators.LSHR, 32));
  }
}
