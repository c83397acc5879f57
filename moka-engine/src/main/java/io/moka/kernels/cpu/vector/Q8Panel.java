package io.moka.kernels.cpu.vector;

import io.moka.kernels.Q8Strips;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** As {@link SpanPanel}, keys and values of 8 bits, which {@link Q8Strips} describes. */
final class Q8Panel {
  private static final int LANES = Q8Strips.LANES;

  private Q8Panel() {}

  /**
   * Makes floats of the keys of a block, column after column.
   *
   * @param data memory of the cache
   * @param strip where the keys begin there, in bytes
   * @param headDim d
   * @param out takes them
   * @param to where they begin
   * @param spare where 16 floats of it are free
   */
  static void keys(MemorySegment data, long strip, int headDim, float[] out, int to, int spare) {
    long scales = strip + Q8Strips.keyCodes(headDim);
    for (int first = 0; first < headDim; first += Q8Strips.KEY_GROUP) {
      int count = Math.min(Q8Strips.KEY_GROUP, headDim - first);
      scales(data, scales + first / Q8Strips.KEY_GROUP * Q8Strips.SCALES_BYTES, out, spare);
      int at = first * LANES;
      columnsOfLaneScales(data, strip + at, count, out, to + at, spare);
    }
  }

  /** As above, the values of a block, strip after strip. */
  static void values(MemorySegment data, long value, int strips, float[] out, int to, int spare) {
    for (int s = 0; s < strips; s++) {
      long codes = value + s * (long) Q8Strips.VALUE_STRIP_BYTES;
      scales(data, codes + Q8Strips.VALUE_CODES, out, spare);
      columnsOfOwnScales(data, codes, out, to + s * Q8Strips.VALUE_CODES, spare);
    }
  }

  private static void scales(MemorySegment data, long at, float[] out, int spare) {
    for (int i = 0; i < LANES; i++) {
      short half = data.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + (long) i * Short.BYTES);
      out[spare + i] = Float.float16ToFloat(half);
    }
  }

  private static void columnsOfLaneScales(
      MemorySegment data, long codes, int columns, float[] out, int to, int spare) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector scale = FloatVector.fromArray(Lanes.FLOATS, out, spare + lane);
      for (int at = lane; at < columns * LANES; at += LANES) {
        ByteVector.fromMemorySegment(Lanes.QUARTER_WIDTH, data, codes + at, Lanes.ORDER)
            .convertShape(VectorOperators.B2F, Lanes.FLOATS, 0)
            .reinterpretAsFloats()
            .mul(scale)
            .intoArray(out, to + at);
      }
    }
  }

  private static void columnsOfOwnScales(
      MemorySegment data, long codes, float[] out, int to, int spare) {
    for (int column = 0; column < LANES; column++) {
      float scale = out[spare + column];
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        int at = column * LANES + lane;
        ByteVector.fromMemorySegment(Lanes.QUARTER_WIDTH, data, codes + at, Lanes.ORDER)
            .convertShape(VectorOperators.B2F, Lanes.FLOATS, 0)
            .reinterpretAsFloats()
            .mul(scale)
            .intoArray(out, to + at);
      }
    }
  }
}
