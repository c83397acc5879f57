package io.moka.checkpoint;

import io.moka.checkpoint.TensorKey.Part;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Fills a tensor with random BF16 numbers that depend on seed and key alone, four to a random word
 * and without any conversion of numbers: memory is the limit, not arithmetic.
 *
 * <p>A matrix's number has a random sign and mantissa and one of two neighbouring exponents, which
 * gives values of a standard deviation within a factor of 1.4 of 1/sqrt(columns), of 1 in the
 * embedding. Norm weights lie between 0.96 and 1.06.
 *
 * <p>The words are SplitMix64's: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014.
 */
final class RandomWeights {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long GAMMA = 0x9E3779B97F4A7C15L;
  private static final long EACH = 0x0001_0001_0001_0001L;

  /** Sign, the lowest bit of the exponent, mantissa. */
  private static final long MATRIX_BITS = 0x80FF * EACH;

  private static final long NORM_BITS = 0x000F * EACH;
  private static final long NORM_BASE = 0x3F78 * EACH; // 1 - 8/256

  /** Standard deviation of the numbers with exponents 0 and 1: sqrt(7/3 * (1 + 4) / 2). */
  private static final double DEVIATION = Math.sqrt(35.0 / 6);

  private RandomWeights() {}

  static void fill(MemorySegment target, long seed, TensorKey key, int columns) {
    boolean norm =
        switch (key.part()) {
          case ATTENTION_NORM, MLP_NORM, FINAL_NORM, Q_NORM, K_NORM -> true;
          case EMBEDDING,
              HEAD,
              WQ,
              WK,
              WV,
              WO,
              WQ_BIAS,
              WK_BIAS,
              WV_BIAS,
              WO_BIAS,
              ROUTER,
              GATE,
              UP,
              DOWN ->
              false;
        };
    long bits = norm ? NORM_BITS : MATRIX_BITS;
    // a token's own numbers must not drown in what layers add: else rows become alike, and so their
    // experts; where the embedding is the head, too, logits are as much larger
    int terms = key.part() == Part.EMBEDDING ? 1 : columns;
    long base = norm ? NORM_BASE : matrixBase(terms);
    long start = start(seed, key);
    long words = target.byteSize() / Long.BYTES;
    for (long word = 0; word < words; word++) {
      target.set(WORD, word * Long.BYTES, (mix(start + word * GAMMA) & bits) + base);
    }
    long last = (mix(start + words * GAMMA) & bits) + base;
    for (long offset = words * Long.BYTES; offset < target.byteSize(); offset++) {
      target.set(ValueLayout.JAVA_BYTE, offset, (byte) (last >>> 8 * (offset % Long.BYTES)));
    }
  }

  private static long matrixBase(int columns) {
    double exponent = Math.log(1 / (DEVIATION * Math.sqrt(columns))) / Math.log(2);
    return (127 + Math.round(exponent) << 7) * EACH;
  }

  private static long start(long seed, TensorKey key) {
    Part part = key.part();
    long name = part.name().hashCode(); // the same on every virtual machine, unlike an enum's own
    return mix(
        mix(mix(seed + GAMMA) + name) + ((long) key.layer() << 32 | key.expert() & 0xFFFFFFFFL));
  }

  private static long mix(long word) {
    long z = word;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
