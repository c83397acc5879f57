package io.moka.kernels.cpu.vector;

import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.SpanProducts;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** The softmax of a span, less the division by the sum, which comes when all spans are known. */
final class SpanSoftmax {
  private static final int BLOCK = SpanProducts.BLOCK;

  private SpanSoftmax() {}

  /** See {@link SpanProducts#softmax}. */
  static void run(
      MemorySegment scores,
      int blocks,
      int heads,
      float[] maxima,
      float[] totals,
      float[] partial) {
    for (int i = 0; i < heads; i++) {
      long head = (long) i * SpanProducts.SCORE_BYTES;
      float max = max(scores, head, blocks, partial);
      maxima[i] = max;
      totals[i] = exponentials(scores, head, blocks, max, partial);
    }
  }

  private static float max(MemorySegment scores, long head, int blocks, float[] partial) {
    for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
      FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
      for (int block = 0; block < blocks; block++) {
        long at = head + (long) block * SpanProducts.SCORE_BLOCK_BYTES + lane * 4L;
        max =
            max.lanewise(
                VectorOperators.MAX,
                FloatVector.fromMemorySegment(Lanes.FLOATS, scores, at, Lanes.ORDER));
      }
      max.intoArray(partial, lane);
    }
    float max = partial[0];
    for (int i = 1; i < BLOCK; i++) {
      max = Math.max(max, partial[i]);
    }
    return max;
  }

  /** e^(x - max) in place; their sum: position p in partial sum p mod 16, then a tree. */
  private static float exponentials(
      MemorySegment scores, long head, int blocks, float max, float[] partial) {
    for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int block = 0; block < blocks; block++) {
        long at = head + (long) block * SpanProducts.SCORE_BLOCK_BYTES + lane * 4L;
        FloatVector score = FloatVector.fromMemorySegment(Lanes.FLOATS, scores, at, Lanes.ORDER);
        FloatVector e = Lanes.exp(score.sub(max));
        e.intoMemorySegment(scores, at, Lanes.ORDER);
        sum = sum.add(e);
      }
      sum.intoArray(partial, lane);
    }
    for (int width = BLOCK / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; i++) {
        partial[i] += partial[i + width];
      }
    }
    return partial[0];
  }
}
