package io.moka.kernels.cpu;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.FloatMath;
import io.moka.weights.Activation;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Loops over the floats of one row. Each element's result is the same in a lane and in the scalar
 * tail, so the width of vectors does not show.
 *
 * <p>Loads call the API itself, which is always inlined: a method of ours around them that gets
 * compiled alone first is never inlined again, and then every load allocates.
 */
final class RowMath {
  private static final int PARTIAL_SUMS = 16;

  private RowMath() {}

  /** out = x; for short rows, whose copies by way of the JVM cost more than they move. */
  static void copy(MemorySegment x, long from, MemorySegment out, long to, int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER)
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      out.set(JAVA_FLOAT, to + at, x.get(JAVA_FLOAT, from + at));
    }
  }

  /** out = x + bias; an empty bias is none. */
  static void copyWithBias(
      MemorySegment x,
      long from,
      MemorySegment bias,
      long biasFrom,
      MemorySegment out,
      long to,
      int count) {
    if (bias.byteSize() == 0) {
      copy(x, from, out, to, count);
      return;
    }
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER)
          .add(FloatVector.fromMemorySegment(FLOATS, bias, biasFrom + at, ORDER))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      out.set(
          JAVA_FLOAT, to + at, x.get(JAVA_FLOAT, from + at) + bias.get(JAVA_FLOAT, biasFrom + at));
    }
  }

  /** out = 0. */
  static void zero(MemorySegment out, long to, int count) {
    FloatVector zeros = FloatVector.zero(FLOATS);
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      zeros.intoMemorySegment(out, to + i * 4L, ORDER);
    }
    for (; i < count; i++) {
      out.set(JAVA_FLOAT, to + i * 4L, 0);
    }
  }

  /** out += x. */
  static void add(MemorySegment x, long from, MemorySegment out, long to, int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector.fromMemorySegment(FLOATS, out, to + at, ORDER)
          .add(FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      out.set(JAVA_FLOAT, to + at, out.get(JAVA_FLOAT, to + at) + x.get(JAVA_FLOAT, from + at));
    }
  }

  /**
   * out += factors[i] * row i of x, one term after the other, each in one rounding.
   *
   * @param rows where the rows of x begin, in bytes
   */
  static void addWeighted(
      float[] factors,
      MemorySegment x,
      long[] rows,
      int terms,
      MemorySegment out,
      long to,
      int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector sum = FloatVector.fromMemorySegment(FLOATS, out, to + at, ORDER);
      for (int term = 0; term < terms; term++) {
        sum =
            FloatVector.fromMemorySegment(FLOATS, x, rows[term] + at, ORDER)
                .fma(FloatVector.broadcast(FLOATS, factors[term]), sum);
      }
      sum.intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      float sum = out.get(JAVA_FLOAT, to + at);
      for (int term = 0; term < terms; term++) {
        sum = Math.fma(factors[term], x.get(JAVA_FLOAT, rows[term] + at), sum);
      }
      out.set(JAVA_FLOAT, to + at, sum);
    }
  }

  /** out = factor * x + out, in one rounding. */
  static void addScaled(
      float factor, MemorySegment x, long from, MemorySegment out, long to, int count) {
    FloatVector factors = FloatVector.broadcast(FLOATS, factor);
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      factors
          .fma(
              FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER),
              FloatVector.fromMemorySegment(FLOATS, out, to + at, ORDER))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      float sum = Math.fma(factor, x.get(JAVA_FLOAT, from + at), out.get(JAVA_FLOAT, to + at));
      out.set(JAVA_FLOAT, to + at, sum);
    }
  }

  /** out = keep * out + factor * x: the product with out is rounded first. */
  static void blend(
      float keep, float factor, MemorySegment x, long from, MemorySegment out, long to, int count) {
    FloatVector factors = FloatVector.broadcast(FLOATS, factor);
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      factors
          .fma(
              FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER),
              FloatVector.fromMemorySegment(FLOATS, out, to + at, ORDER).mul(keep))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      float kept = out.get(JAVA_FLOAT, to + at) * keep;
      out.set(JAVA_FLOAT, to + at, Math.fma(factor, x.get(JAVA_FLOAT, from + at), kept));
    }
  }

  /** out = x / divisor. */
  static void divide(
      float divisor, MemorySegment x, long from, MemorySegment out, long to, int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER)
          .div(divisor)
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      out.set(JAVA_FLOAT, to + at, x.get(JAVA_FLOAT, from + at) / divisor);
    }
  }

  /** out = act(gate) * up. */
  static void gate(
      Activation activation,
      MemorySegment gate,
      long gateFrom,
      MemorySegment up,
      long upFrom,
      MemorySegment out,
      long to,
      int count) {
    // two loops, not one with a choice in it: C2 makes objects of vectors that meet behind a choice
    switch (activation) {
      case SILU -> silu(gate, gateFrom, up, upFrom, out, to, count);
      case GELU -> gelu(gate, gateFrom, up, upFrom, out, to, count);
    }
  }

  private static void silu(
      MemorySegment gate,
      long gateFrom,
      MemorySegment up,
      long upFrom,
      MemorySegment out,
      long to,
      int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, gate, gateFrom + at, ORDER);
      sigmoidTimes(x, x)
          .mul(FloatVector.fromMemorySegment(FLOATS, up, upFrom + at, ORDER))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      float y = FloatMath.silu(gate.get(JAVA_FLOAT, gateFrom + at));
      out.set(JAVA_FLOAT, to + at, y * up.get(JAVA_FLOAT, upFrom + at));
    }
  }

  private static void gelu(
      MemorySegment gate,
      long gateFrom,
      MemorySegment up,
      long upFrom,
      MemorySegment out,
      long to,
      int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, gate, gateFrom + at, ORDER);
      FloatVector inner = x.mul(FloatMath.GELU_CUBIC).mul(x).fma(x, x).mul(FloatMath.GELU_SCALE);
      sigmoidTimes(x, inner)
          .mul(FloatVector.fromMemorySegment(FLOATS, up, upFrom + at, ORDER))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      float y = FloatMath.gelu(gate.get(JAVA_FLOAT, gateFrom + at));
      out.set(JAVA_FLOAT, to + at, y * up.get(JAVA_FLOAT, upFrom + at));
    }
  }

  /** x / (1 + e^-inner). */
  private static FloatVector sigmoidTimes(FloatVector x, FloatVector inner) {
    return x.div(Lanes.exp(inner.neg()).add(1f));
  }

  /**
   * The sum of squares: sixteen partial sums, element i in sum i mod 16, then a tree; the same for
   * every width of vectors.
   *
   * @param partial room for the partial sums
   */
  static float sumOfSquares(MemorySegment x, long from, int count, float[] partial) {
    int whole = count - count % PARTIAL_SUMS;
    for (int part = 0; part < PARTIAL_SUMS; part += Lanes.COUNT) {
      FloatVector sum = FloatVector.zero(FLOATS);
      for (int i = part; i < whole; i += PARTIAL_SUMS) {
        FloatVector values = FloatVector.fromMemorySegment(FLOATS, x, from + i * 4L, ORDER);
        sum = values.fma(values, sum);
      }
      sum.intoArray(partial, part);
    }
    float even = tree(partial, 0);
    float odd = tree(partial, 1);
    float tail = 0;
    for (int i = whole; i < count; i++) {
      float value = x.get(JAVA_FLOAT, from + i * 4L);
      tail = Math.fma(value, value, tail);
    }
    return (even + odd) + tail;
  }

  /**
   * Every second of the partial sums: those half of them apart first, then a quarter, an eighth.
   */
  private static float tree(float[] sums, int first) {
    float halves = (sums[first] + sums[first + 8]) + (sums[first + 4] + sums[first + 12]);
    return halves + ((sums[first + 2] + sums[first + 10]) + (sums[first + 6] + sums[first + 14]));
  }

  /** out = x * scale * weight. */
  static void scaleBy(
      float scale,
      MemorySegment x,
      long from,
      MemorySegment weight,
      MemorySegment out,
      long to,
      int count) {
    int i = 0;
    for (; i <= count - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector.fromMemorySegment(FLOATS, x, from + at, ORDER)
          .mul(scale)
          .mul(FloatVector.fromMemorySegment(FLOATS, weight, at, ORDER))
          .intoMemorySegment(out, to + at, ORDER);
    }
    for (; i < count; i++) {
      long at = i * 4L;
      float value = x.get(JAVA_FLOAT, from + at) * scale * weight.get(JAVA_FLOAT, at);
      out.set(JAVA_FLOAT, to + at, value);
    }
  }

  /** (a, b) = (a c - b s, b c + a s) for the two halves of a head. */
  static void rotate(MemorySegment x, long head, MemorySegment angles, long row, int half) {
    long second = half * 4L;
    int i = 0;
    for (; i <= half - Lanes.COUNT; i += Lanes.COUNT) {
      long at = i * 4L;
      FloatVector a = FloatVector.fromMemorySegment(FLOATS, x, head + at, ORDER);
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, x, head + second + at, ORDER);
      FloatVector cos = FloatVector.fromMemorySegment(FLOATS, angles, row + at, ORDER);
      FloatVector sin = FloatVector.fromMemorySegment(FLOATS, angles, row + second + at, ORDER);
      a.fma(cos, b.mul(sin).neg()).intoMemorySegment(x, head + at, ORDER);
      b.fma(cos, a.mul(sin)).intoMemorySegment(x, head + second + at, ORDER);
    }
    for (; i < half; i++) {
      long at = i * 4L;
      float a = x.get(JAVA_FLOAT, head + at);
      float b = x.get(JAVA_FLOAT, head + second + at);
      float cos = angles.get(JAVA_FLOAT, row + at);
      float sin = angles.get(JAVA_FLOAT, row + second + at);
      x.set(JAVA_FLOAT, head + at, Math.fma(a, cos, -(b * sin)));
      x.set(JAVA_FLOAT, head + second + at, Math.fma(b, cos, a * sin));
    }
  }
}
