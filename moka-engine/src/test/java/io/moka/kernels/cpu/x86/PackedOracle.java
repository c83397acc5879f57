package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** What the kernels must compute, bit for bit: plain loops over the packed bytes. */
final class PackedOracle {
  private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;

  private final TileLayout layout;
  private final MemorySegment weights;
  private final int columns;

  PackedOracle(TileLayout layout, MemorySegment weights, int columns) {
    this.layout = layout;
    this.weights = weights;
    this.columns = columns;
  }

  /** Random bytes; halves and exponents of moderate size, so that no sum overflows. */
  static void fill(TileLayout layout, MemorySegment weights, int columns, SplittableRandom random) {
    byte[] bytes = new byte[(int) weights.byteSize()];
    random.nextBytes(bytes);
    MemorySegment.copy(bytes, 0, weights, ValueLayout.JAVA_BYTE, 0, bytes.length);
    PackedOracle oracle = new PackedOracle(layout, weights, columns);
    int blocks = columns / (layout.blockTiles() * TileLayout.TILE_COLUMNS);
    for (long strip = 0; strip < weights.byteSize(); strip += layout.stripBytes(columns)) {
      for (int block = 0; block < blocks; block++) {
        long at = strip + (long) block * layout.blockBytes();
        oracle.halves(at, layout.headerBytes(), random);
        for (int tile = 0; tile < layout.blockTiles(); tile++) {
          long entries =
              at + layout.headerBytes() + (long) tile * layout.tileBytes() + oracle.codeBytes();
          switch (layout.scales()) {
            case HALF, HALF_AND_OFFSET ->
                oracle.halves(entries, layout.entries() * layout.entryVectorBytes(), random);
            case EXPONENT -> {
              for (int row = 0; row < PackedMatrix.STRIP_ROWS; row++) {
                byte exponent =
                    (byte) (random.nextInt(8) == 0 ? row % 3 : random.nextInt(100, 150));
                weights.set(ValueLayout.JAVA_BYTE, entries + row, exponent);
              }
            }
            case BYTE_AND_OFFSET, SIGNED, NIBBLES -> {}
          }
        }
      }
    }
  }

  /** The same byte in all planes of codes. */
  void fillCodes(byte value) {
    int blocks = columns / (layout.blockTiles() * TileLayout.TILE_COLUMNS);
    for (long strip = 0; strip < weights.byteSize(); strip += layout.stripBytes(columns)) {
      for (int tile = 0; tile < blocks * layout.blockTiles(); tile++) {
        long at =
            strip
                + (long) (tile / layout.blockTiles()) * layout.blockBytes()
                + layout.headerBytes()
                + (long) (tile % layout.blockTiles()) * layout.tileBytes();
        weights.asSlice(at, codeBytes()).fill(value);
      }
    }
  }

  private void halves(long offset, int bytes, SplittableRandom random) {
    for (int i = 0; i < bytes; i += 2) {
      float value = (float) random.nextDouble(-1, 1) * (random.nextInt(16) == 0 ? 1e-6f : 0.1f);
      weights.set(HALF, offset + i, Float.floatToFloat16(value));
    }
  }

  private int codeBytes() {
    return layout.codeVectors() * TileLayout.VECTOR_BYTES;
  }

  /** The product of a row with row {@code row} of the weights. */
  float product(int row, Quantised x) {
    float sum = 0;
    long strip = row / PackedMatrix.STRIP_ROWS * layout.stripBytes(columns);
    int lane = row % PackedMatrix.STRIP_ROWS;
    for (int block = 0; block < columns / TileLayout.TILE_COLUMNS; block++) {
      long header = strip + (long) (block / layout.blockTiles()) * layout.blockBytes();
      long tile =
          header + layout.headerBytes() + (long) (block % layout.blockTiles()) * layout.tileBytes();
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        int dot = 0;
        int sumA = 0;
        for (int i = 0; i < layout.subColumns(); i++) {
          int column = sub * layout.subColumns() + i;
          int a = x.codes[block * TileLayout.TILE_COLUMNS + column];
          dot += code(tile, lane, column) * a;
          sumA += a;
        }
        float da = x.scales[block];
        sum = Math.fma((float) dot, scale(header, tile, lane, sub) * da, sum);
        if (layout.scales().hasOffset()) {
          sum = Math.fma(offset(header, tile, lane, sub), da * (float) sumA, sum);
        }
      }
    }
    return sum;
  }

  private int unsigned(long offset) {
    return weights.get(ValueLayout.JAVA_BYTE, offset) & 255;
  }

  private int code(long tile, int lane, int column) {
    int quad = column / 4;
    long at = tile + lane * 4L + column % 4;
    int low =
        switch (layout.low()) {
          case NIBBLES -> unsigned(at + quad % 4 * 64) >> quad / 4 * 4 & 15;
          case BYTES -> unsigned(at + quad * 64);
          case PAIRS -> unsigned(at + quad / 4 * 64) >> quad % 4 * 2 & 3;
        };
    long above = at + layout.low().vectors() * 64L;
    int high =
        switch (layout.high()) {
          case NONE -> 0;
          case BITS -> unsigned(above) >> quad & 1;
          case PAIRS -> unsigned(above + quad / 4 * 64) >> quad % 4 * 2 & 3;
        };
    return layout.codes().value(low + (high << layout.low().bits()));
  }

  private float half(long offset, int lane) {
    return Float.float16ToFloat(weights.get(HALF, offset + lane * 2L));
  }

  private float scale(long header, long tile, int lane, int sub) {
    long entry = tile + codeBytes() + sub * layout.entryVectorBytes();
    return switch (layout.scales()) {
      case HALF, HALF_AND_OFFSET -> half(entry, lane);
      case EXPONENT -> (float) Math.pow(2, unsigned(entry + lane) - 128);
      case BYTE_AND_OFFSET -> half(header, lane) * unsigned(entry + lane);
      case SIGNED -> half(header, lane) * (byte) unsigned(entry + lane);
      case NIBBLES -> half(header, lane) * (unsigned(entry + lane) & 15);
    };
  }

  private float offset(long header, long tile, int lane, int sub) {
    long entries = tile + codeBytes();
    return switch (layout.scales()) {
      case HALF_AND_OFFSET -> half(entries + 32, lane);
      case BYTE_AND_OFFSET -> -(half(header + 32, lane) * unsigned(entries + 16 + lane));
      case NIBBLES -> -(half(header + 32, lane) * (unsigned(entries + 16 * sub + lane) >> 4));
      case HALF, EXPONENT, SIGNED -> 0;
    };
  }

  /** A row quantised as the specification says. */
  static final class Quantised {
    final byte[] codes;
    final float[] scales;

    Quantised(float[] x) {
      codes = new byte[x.length];
      scales = new float[x.length / 32];
      for (int block = 0; block < scales.length; block++) {
        float largest = 0;
        for (int i = 0; i < 32; i++) {
          largest = Math.max(largest, Math.abs(x[block * 32 + i]));
        }
        scales[block] = Float.isFinite(largest) ? largest / 127f : Float.NaN;
        float inverse = largest >= Activations.LEAST ? 127f / largest : 0;
        for (int i = 0; i < 32; i++) {
          codes[block * 32 + i] = (byte) Math.rint(x[block * 32 + i] * inverse);
        }
      }
    }
  }
}
