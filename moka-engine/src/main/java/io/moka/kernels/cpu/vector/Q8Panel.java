package io.moka.kernels.cpu.vector;

import io.moka.kernels.KvCache;
import io.moka.kernels.Q8Strips;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Decodes keys and values of 8 bits into strips of floats, as {@link Q8Strips} says. */
final class Q8Panel {
  private static final int LANES = Q8Strips.LANES;

  /** Where scales lie in the scratch, behind the columns that share them. */
  private static final int SCALES = Q8Strips.KEY_GROUP * LANES;

  private Q8Panel() {}

  /** Decodes the keys of some blocks, a step apart; returns the panel of the scratch. */
  static MemorySegment keys(
      KvCache cache, MemorySegment data, long strip, long step, int strips, Scratch scratch) {
    int headDim = cache.headDim();
    long stripBytes = PackedMatrix.stripBytes(WeightFormat.F32, headDim);
    MemorySegment panel = scratch.panel(strips * stripBytes);
    float[] values = scratch.floats(SCALES + LANES);
    for (int s = 0; s < strips; s++) {
      long codes = strip + s * step;
      long scales = codes + Q8Strips.keyCodes(headDim);
      for (int first = 0; first < headDim; first += Q8Strips.KEY_GROUP) {
        int count = Math.min(Q8Strips.KEY_GROUP, headDim - first);
        scales(data, scales + first / Q8Strips.KEY_GROUP * Q8Strips.SCALES_BYTES, values);
        columnsOfLaneScales(data, codes + (long) first * LANES, count, values);
        long to = s * stripBytes + (long) first * LANES * Float.BYTES;
        MemorySegment.copy(values, 0, panel, ValueLayout.JAVA_FLOAT, to, count * LANES);
      }
    }
    return panel;
  }

  /** Decodes some strips of a block's values; returns the panel of the scratch. */
  static MemorySegment values(
      KvCache cache, MemorySegment data, long strip, int strips, Scratch scratch) {
    long stripBytes = PackedMatrix.stripBytes(WeightFormat.F32, KvCache.BLOCK_TOKENS);
    MemorySegment panel = scratch.panel(strips * stripBytes);
    float[] values = scratch.floats(SCALES + LANES);
    for (int s = 0; s < strips; s++) {
      long codes = strip + s * cache.valueStripBytes();
      scales(data, codes + Q8Strips.VALUE_CODES, values);
      columnsOfOwnScales(data, codes, values);
      MemorySegment.copy(
          values, 0, panel, ValueLayout.JAVA_FLOAT, s * stripBytes, Q8Strips.VALUE_CODES);
    }
    return panel;
  }

  private static void scales(MemorySegment data, long at, float[] values) {
    for (int i = 0; i < LANES; i++) {
      short half = data.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + (long) i * Short.BYTES);
      values[SCALES + i] = Float.float16ToFloat(half);
    }
  }

  private static void columnsOfLaneScales(
      MemorySegment data, long codes, int columns, float[] values) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector scale = FloatVector.fromArray(Lanes.FLOATS, values, SCALES + lane);
      for (int at = lane; at < columns * LANES; at += LANES) {
        ByteVector.fromMemorySegment(Lanes.QUARTER_WIDTH, data, codes + at, Lanes.ORDER)
            .convertShape(VectorOperators.B2F, Lanes.FLOATS, 0)
            .reinterpretAsFloats()
            .mul(scale)
            .intoArray(values, at);
      }
    }
  }

  private static void columnsOfOwnScales(MemorySegment data, long codes, float[] values) {
    for (int column = 0; column < LANES; column++) {
      float scale = values[SCALES + column];
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        int at = column * LANES + lane;
        ByteVector.fromMemorySegment(Lanes.QUARTER_WIDTH, data, codes + at, Lanes.ORDER)
            .convertShape(VectorOperators.B2F, Lanes.FLOATS, 0)
            .reinterpretAsFloats()
            .mul(scale)
            .intoArray(values, at);
      }
    }
  }
}
