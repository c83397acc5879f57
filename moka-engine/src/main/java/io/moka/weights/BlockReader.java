package io.moka.weights;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Takes the blocks of quantised formats apart. The bytes of each are those of ggml ({@code
 * ggml-common.h}); a comment gives their order.
 */
final class BlockReader {
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int NIBBLE = 0x0F0F0F0F;
  private static final int PAIR = 0x03030303;
  private static final int BIT = 0x01010101;

  private BlockReader() {}

  /** Reads the block that begins at {@code at}. */
  static void read(WeightFormat format, byte[] raw, int at, TileLane lane) {
    switch (format) {
      case Q8_0 -> q80(raw, at, lane);
      case Q4_0, IQ4_NL -> { // d, 16 bytes
        lane.entries[0] = half(raw, at);
        copyWords(raw, at + 2, 4, lane.words, 0);
      }
      case Q4_1 -> { // d, m, 16 bytes
        lane.entries[0] = half(raw, at);
        lane.entries[1] = half(raw, at + 2);
        copyWords(raw, at + 4, 4, lane.words, 0);
      }
      case Q5_0 -> { // d, 32 fifth bits, 16 bytes
        lane.entries[0] = half(raw, at);
        lane.words[4] = spread(word(raw, at + 2));
        copyWords(raw, at + 6, 4, lane.words, 0);
      }
      case Q5_1 -> { // d, m, 32 fifth bits, 16 bytes
        lane.entries[0] = half(raw, at);
        lane.entries[1] = half(raw, at + 2);
        lane.words[4] = spread(word(raw, at + 4));
        copyWords(raw, at + 8, 4, lane.words, 0);
      }
      case MXFP4 -> { // e, 16 bytes
        lane.entries[0] = raw[at];
        copyWords(raw, at + 1, 4, lane.words, 0);
      }
      case Q2_K -> q2k(raw, at, lane);
      case Q3_K -> q3k(raw, at, lane);
      case Q4_K -> q4k(raw, at, lane);
      case Q5_K -> q5k(raw, at, lane);
      case Q6_K -> q6k(raw, at, lane);
      case IQ4_XS -> iq4xs(raw, at, lane);
      case F32, F16, BF16 -> throw new IllegalArgumentException(format + " has no blocks");
    }
  }

  /** d, 32 signed bytes. */
  private static void q80(byte[] raw, int at, TileLane lane) {
    lane.entries[0] = half(raw, at);
    for (int i = 0; i < 8; i++) {
      lane.words[i] = word(raw, at + 2 + 4 * i) ^ 0x80808080; // plus 128
    }
  }

  /** 16 scales, 64 bytes, d, dmin. */
  private static void q2k(byte[] raw, int at, TileLane lane) {
    lane.halves[0] = half(raw, at + 80);
    lane.halves[1] = half(raw, at + 82);
    for (int i = 0; i < 16; i++) {
      lane.entries[i] = raw[at + i];
    }
    for (int tile = 0; tile < 8; tile++) {
      pairs(raw, at + 16 + tile / 4 * 32, tile % 4 * 2, lane.words, 2 * tile);
    }
  }

  /** 32 bytes of third bits, 64 bytes, 12 bytes of scales, d. */
  private static void q3k(byte[] raw, int at, TileLane lane) {
    lane.halves[0] = half(raw, at + 108);
    int scales = at + 96;
    for (int i = 0; i < 16; i++) {
      int low = raw[scales + i % 8] >>> i / 8 * 4 & 15;
      int high = raw[scales + 8 + i % 4] >>> i / 4 * 2 & 3;
      lane.entries[i] = (low | high << 4) - 32;
    }
    for (int tile = 0; tile < 8; tile++) {
      pairs(raw, at + 32 + tile / 4 * 32, tile % 4 * 2, lane.words, 3 * tile);
      lane.words[3 * tile + 2] = bits(raw, at, tile);
    }
  }

  /** d, dmin, 12 bytes of scales, 128 bytes. */
  private static void q4k(byte[] raw, int at, TileLane lane) {
    scales(raw, at, lane);
    for (int tile = 0; tile < 8; tile++) {
      nibbles(raw, at + 16 + tile / 2 * 32, tile % 2 * 4, lane.words, 4 * tile);
    }
  }

  /** d, dmin, 12 bytes of scales, 32 bytes of fifth bits, 128 bytes. */
  private static void q5k(byte[] raw, int at, TileLane lane) {
    scales(raw, at, lane);
    for (int tile = 0; tile < 8; tile++) {
      nibbles(raw, at + 48 + tile / 2 * 32, tile % 2 * 4, lane.words, 5 * tile);
      lane.words[5 * tile + 4] = bits(raw, at + 16, tile);
    }
  }

  /** 128 bytes of low nibbles, 64 bytes of upper pairs, 16 scales, d. */
  private static void q6k(byte[] raw, int at, TileLane lane) {
    lane.halves[0] = half(raw, at + 208);
    for (int i = 0; i < 16; i++) {
      lane.entries[i] = raw[at + 192 + i];
    }
    for (int tile = 0; tile < 8; tile++) {
      int half = tile / 4;
      int k = tile % 4;
      nibbles(raw, at + 64 * half + k % 2 * 32, k / 2 * 4, lane.words, 6 * tile);
      pairs(raw, at + 128 + 32 * half, 2 * k, lane.words, 6 * tile + 4);
    }
  }

  /** d, 16 bits of upper scale bits, 4 bytes of lower ones, 128 bytes. */
  private static void iq4xs(byte[] raw, int at, TileLane lane) {
    lane.halves[0] = half(raw, at);
    int high = half(raw, at + 2);
    for (int tile = 0; tile < 8; tile++) {
      int low = raw[at + 4 + tile / 2] >>> tile % 2 * 4 & 15;
      lane.entries[tile] = (low | (high >>> 2 * tile & 3) << 4) - 32;
      copyWords(raw, at + 8 + 16 * tile, 4, lane.words, 4 * tile);
    }
  }

  /** The halves and the six-bit scales and offsets of Q4_K and Q5_K. */
  private static void scales(byte[] raw, int at, TileLane lane) {
    lane.halves[0] = half(raw, at);
    lane.halves[1] = half(raw, at + 2);
    int packed = at + 4;
    for (int tile = 0; tile < 8; tile++) {
      int scale;
      int offset;
      if (tile < 4) {
        scale = raw[packed + tile] & 63;
        offset = raw[packed + 4 + tile] & 63;
      } else {
        int both = raw[packed + 4 + tile];
        scale = both & 15 | (raw[packed + tile - 4] >>> 6 & 3) << 4;
        offset = both >>> 4 & 15 | (raw[packed + tile] >>> 6 & 3) << 4;
      }
      lane.entries[2 * tile] = scale;
      lane.entries[2 * tile + 1] = offset;
    }
  }

  /** Low or high nibbles of 32 bytes, one for each column, become a plane of nibbles. */
  private static void nibbles(byte[] raw, int at, int shift, int[] words, int to) {
    for (int j = 0; j < 4; j++) {
      int low = word(raw, at + 4 * j) >>> shift & NIBBLE;
      int high = word(raw, at + 16 + 4 * j) >>> shift & NIBBLE;
      words[to + j] = low | high << 4;
    }
  }

  /** Two bits of each of 32 bytes become a plane of pairs. */
  private static void pairs(byte[] raw, int at, int shift, int[] words, int to) {
    for (int vector = 0; vector < 2; vector++) {
      int pairs = 0;
      for (int p = 0; p < 4; p++) {
        pairs |= (word(raw, at + 16 * vector + 4 * p) >>> shift & PAIR) << 2 * p;
      }
      words[to + vector] = pairs;
    }
  }

  /** One bit of each of 32 bytes becomes a word of a plane of bits. */
  private static int bits(byte[] raw, int at, int shift) {
    int bits = 0;
    for (int quad = 0; quad < 8; quad++) {
      bits |= (word(raw, at + 4 * quad) >>> shift & BIT) << quad;
    }
    return bits;
  }

  /** Bit c, of column c, becomes bit c / 4 of byte c % 4. */
  private static int spread(int bits) {
    int spread = 0;
    for (int b = 0; b < 4; b++) {
      spread |= Integer.compress(bits, 0x11111111 << b) << 8 * b;
    }
    return spread;
  }

  private static void copyWords(byte[] raw, int at, int count, int[] words, int to) {
    for (int i = 0; i < count; i++) {
      words[to + i] = word(raw, at + 4 * i);
    }
  }

  private static int word(byte[] raw, int at) {
    return (int) INTS.get(raw, at);
  }

  private static int half(byte[] raw, int at) {
    return (short) SHORTS.get(raw, at);
  }
}
