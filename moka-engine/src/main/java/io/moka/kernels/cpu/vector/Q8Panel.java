package io.moka.kernels.cpu.vector;

import io.moka.kernels.Q8Strips;
import io.moka.kernels.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** A panel of keys and values of 8 bits, which {@link Q8Strips} describes, read where they lie. */
record Q8Panel() implements SpanPanel {
  private static final int LANES = Q8Strips.LANES;

  @Override
  public boolean copiesAhead() {
    return false;
  }

  @Override
  public void keys(
      MemorySegment data, long keys, short[] copy, int headDim, float[] out, int at, int spare) {
    long scales = keys + Q8Strips.keyCodes(headDim);
    for (int first = 0; first < headDim; first += Q8Strips.KEY_GROUP) {
      int count = Math.min(Q8Strips.KEY_GROUP, headDim - first);
      scales(data, scales + first / Q8Strips.KEY_GROUP * Q8Strips.SCALES_BYTES, out, spare);
      int codes = first * LANES;
      columnsOfLaneScales(data, keys + codes, count, out, at + codes, spare);
    }
  }

  @Override
  public void values(
      MemorySegment data, long values, short[] copy, int strips, float[] out, int spare) {
    for (int s = 0; s < strips; s++) {
      long codes = values + s * (long) Q8Strips.VALUE_STRIP_BYTES;
      scales(data, codes + Q8Strips.VALUE_CODES, out, spare);
      columnsOfOwnScales(data, codes, out, s * Q8Strips.VALUE_CODES, spare);
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
