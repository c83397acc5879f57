package io.moka.kernels.cpu;

import io.moka.kernels.FloatMath;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The width of vectors, fixed for the life of the JVM so that the compiler sees constants. */
public final class Lanes {
  /** Forces a narrower width, for tests: 128, 256 or 512. */
  private static final String BITS_PROPERTY = "moka.vector.bits";

  /** How numbers lie in memory. */
  public static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Vectors of the full width. */
  public static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, shape());

  /** Vectors of the full width. */
  public static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, shape());

  /** Vectors of the full width. */
  public static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, shape());

  /** Floats in a vector: 4, 8 or 16. */
  public static final int COUNT = FLOATS.length();

  /** Bytes of a vector. */
  public static final int BYTES = COUNT * Float.BYTES;

  /** As many shorts as there are floats in a vector. */
  public static final VectorSpecies<Short> HALF_WIDTH =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /** As many bytes, but no fewer than eight. */
  public static final VectorSpecies<Byte> QUARTER_WIDTH =
      VectorSpecies.of(
          byte.class, VectorShape.forBitSize(Math.max(FLOATS.vectorBitSize() / 4, 64)));

  private Lanes() {}

  private static VectorShape shape() {
    int preferred = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    return VectorShape.forBitSize(
        Math.clamp(Integer.getInteger(BITS_PROPERTY, preferred), 128, 512));
  }

  /**
   * The steps of {@link FloatMath#exp}, lane by lane.
   *
   * @param x exponents
   * @return e to each of them
   */
  public static FloatVector exp(FloatVector x) {
    FloatVector rounder = FloatVector.broadcast(FLOATS, FloatMath.ROUNDER);
    FloatVector rounded = x.fma(FloatVector.broadcast(FLOATS, FloatMath.LOG2_E), rounder);
    FloatVector n = rounded.sub(rounder);
    FloatVector r =
        n.fma(
            FloatVector.broadcast(FLOATS, -FloatMath.LN2_LOW),
            n.fma(FloatVector.broadcast(FLOATS, -FloatMath.LN2_HIGH), x));
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    FloatVector p =
        r.fma(FloatVector.broadcast(FLOATS, 1 / 5040f), FloatVector.broadcast(FLOATS, 1 / 720f));
    p = r.fma(p, FloatVector.broadcast(FLOATS, 1 / 120f));
    p = r.fma(p, FloatVector.broadcast(FLOATS, 1 / 24f));
    p = r.fma(p, FloatVector.broadcast(FLOATS, 1 / 6f));
    p = r.fma(p, FloatVector.broadcast(FLOATS, 0.5f));
    p = r.fma(p, one);
    p = r.fma(p, one);
    FloatVector scale =
        rounded
            .reinterpretAsInts()
            .lanewise(VectorOperators.LSHL, 23)
            .add(one.reinterpretAsInts())
            .reinterpretAsFloats();
    return p.mul(scale)
        .blend(0f, x.compare(VectorOperators.LT, FloatMath.EXP_LOWEST))
        .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, FloatMath.EXP_HIGHEST));
  }
}
