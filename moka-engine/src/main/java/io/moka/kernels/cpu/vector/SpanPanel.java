package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.SHORTS;

import io.moka.kernels.KvType;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/** Keys and values on their way from strips of the cache to the floats that tiles multiply. */
final class SpanPanel {
  private static final int LANES = PackedMatrix.STRIP_ROWS;

  private static final int UPPER_HALF = 0xFFFF_0000;

  private SpanPanel() {}

  /**
   * Makes floats of strips, column after column.
   *
   * @param type of the cache, one of floats
   * @param swapped whether of each pair the odd column comes first; BF16 only
   * @param data memory of the cache
   * @param from where the strips begin there, in bytes: F32 is read from there
   * @param raw what lies there, copied, for the other types
   * @param at where the copy begins
   * @param count numbers, whole pairs of columns
   * @param out takes them
   * @param to where they begin
   */
  static void decode(
      KvType type,
      boolean swapped,
      MemorySegment data,
      long from,
      short[] raw,
      int at,
      int count,
      float[] out,
      int to) {
    switch (type) {
      case F32 -> MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, out, to, count);
      case F16 -> halves(raw, at, count, out, to);
      case BF16 -> {
        int even = swapped ? to + LANES : to;
        int odd = swapped ? to : to + LANES;
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          pairs(raw, at + 2 * lane, count, out, even + lane, odd + lane);
        }
      }
      case Q8 -> throw new IllegalStateException("codes are decoded by Q8Panel");
    }
  }

  /** A plain loop, which the compiler vectorises: the Vector API has no such conversion. */
  private static void halves(short[] raw, int at, int count, float[] out, int to) {
    for (int i = 0; i < count; i++) {
      out[to + i] = Float.float16ToFloat(raw[at + i]);
    }
  }

  private static void pairs(short[] raw, int at, int count, float[] out, int even, int odd) {
    for (int i = 0; i < count; i += 2 * LANES) {
      IntVector both = ShortVector.fromArray(SHORTS, raw, at + i).reinterpretAsInts();
      both.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, even + i);
      both.and(UPPER_HALF).reinterpretAsFloats().intoArray(out, odd + i);
    }
  }
}
