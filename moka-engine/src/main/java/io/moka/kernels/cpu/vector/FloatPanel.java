package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.SHORTS;

import io.moka.kernels.cpu.Lanes;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A panel of keys and values that are floats; F32 is read where it lies, the others as copied.
 *
 * @param format of the numbers
 * @param swapped whether of each pair the odd column comes first; BF16 only
 */
record FloatPanel(WeightFormat format, boolean swapped) implements SpanPanel {
  private static final int LANES = PackedMatrix.STRIP_ROWS;

  private static final int UPPER_HALF = 0xFFFF_0000;

  @Override
  public boolean copiesAhead() {
    return true;
  }

  @Override
  public void keys(
      MemorySegment data, long keys, short[] copy, int headDim, float[] out, int at, int spare) {
    decode(data, keys, copy, at, headDim * LANES, out);
  }

  @Override
  public void values(
      MemorySegment data, long values, short[] copy, int strips, float[] out, int spare) {
    decode(data, values, copy, 0, strips * LANES * LANES, out);
  }

  private void decode(MemorySegment data, long from, short[] copy, int at, int count, float[] out) {
    switch (format) {
      case F32 -> MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, out, at, count);
      case F16 -> halves(copy, at, count, out);
      case BF16 -> {
        int even = swapped ? at + LANES : at;
        int odd = swapped ? at : at + LANES;
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          pairs(copy, at + 2 * lane, count, out, even + lane, odd + lane);
        }
      }
      default -> throw new IllegalStateException("numbers of " + format + " are no floats");
    }
  }

  /** A plain loop, which the compiler vectorises: the Vector API has no such conversion. */
  private static void halves(short[] copy, int at, int count, float[] out) {
    for (int i = at; i < at + count; i++) {
      out[i] = Float.float16ToFloat(copy[i]);
    }
  }

  private static void pairs(short[] copy, int at, int count, float[] out, int even, int odd) {
    for (int i = 0; i < count; i += 2 * LANES) {
      IntVector both = ShortVector.fromArray(SHORTS, copy, at + i).reinterpretAsInts();
      both.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, even + i);
      both.and(UPPER_HALF).reinterpretAsFloats().intoArray(out, odd + i);
    }
  }
}
