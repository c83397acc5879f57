package io.moka.weights;

/**
 * How a strip of 16 rows holds a quantised format. A number is {@code scale * code + offset}, where
 * code is a small integer and scale and offset belong to 32 columns, or 16, of one row.
 *
 * <pre>
 * strip = blocks, padded with zeros to a multiple of 64 bytes
 * block = halves of a super-block (16 x f16 each), then its tiles; without halves, one tile
 * tile  = 32 columns: code planes, then entries (16 x 1 or 2 bytes each)
 *
 * plane: vectors of 64 bytes; the 32-bit lane r belongs to row r, its byte b to columns 4 s + b;
 * s, from 0 to 7, is a quad of columns
 *   nibbles   4 vectors   vector j: low nibbles are quad j, high nibbles quad j + 4
 *   bytes     8 vectors   vector s: quad s
 *   bits      1 vector    bit s of each byte: quad s
 *   pairs     2 vectors   vector h, bits 2p and 2p + 1 of each byte: quad p + 4 h
 * </pre>
 *
 * <p>So an integer dot product of four bytes serves one row each, and shifts alone bring the bits
 * of any quad to their place. Bytes are stored plus 128, all codes are therefore unsigned.
 *
 * @param low the plane of the low bits of codes
 * @param high the plane of the bits above them
 * @param codes what a code stands for
 * @param scales what entries and halves stand for
 * @param subColumns columns that share a scale: 32 or 16
 */
public record TileLayout(LowPlane low, HighPlane high, Codes codes, Scales scales, int subColumns) {
  /** Columns of a tile. */
  public static final int TILE_COLUMNS = 32;

  /** Bytes of a vector: one 32-bit word for each row of a strip. */
  public static final int VECTOR_BYTES = PackedMatrix.STRIP_ROWS * Integer.BYTES;

  static final TileLayout Q8_0 =
      new TileLayout(LowPlane.BYTES, HighPlane.NONE, Codes.minus(128), Scales.HALF, 32);
  static final TileLayout Q4_0 =
      new TileLayout(LowPlane.NIBBLES, HighPlane.NONE, Codes.minus(8), Scales.HALF, 32);
  static final TileLayout Q4_1 =
      new TileLayout(LowPlane.NIBBLES, HighPlane.NONE, Codes.minus(0), Scales.HALF_AND_OFFSET, 32);
  static final TileLayout Q5_0 =
      new TileLayout(LowPlane.NIBBLES, HighPlane.BITS, Codes.minus(16), Scales.HALF, 32);
  static final TileLayout Q5_1 =
      new TileLayout(LowPlane.NIBBLES, HighPlane.BITS, Codes.minus(0), Scales.HALF_AND_OFFSET, 32);
  static final TileLayout Q2_K =
      new TileLayout(LowPlane.PAIRS, HighPlane.NONE, Codes.minus(0), Scales.NIBBLES, 16);
  static final TileLayout Q3_K =
      new TileLayout(LowPlane.PAIRS, HighPlane.BITS, Codes.minus(4), Scales.SIGNED, 16);
  static final TileLayout Q4_K =
      new TileLayout(LowPlane.NIBBLES, HighPlane.NONE, Codes.minus(0), Scales.BYTE_AND_OFFSET, 32);
  static final TileLayout Q5_K =
      new TileLayout(LowPlane.NIBBLES, HighPlane.BITS, Codes.minus(0), Scales.BYTE_AND_OFFSET, 32);
  static final TileLayout Q6_K =
      new TileLayout(LowPlane.NIBBLES, HighPlane.PAIRS, Codes.minus(32), Scales.SIGNED, 16);
  static final TileLayout IQ4_NL =
      new TileLayout(LowPlane.NIBBLES, HighPlane.NONE, Codes.UNEVEN, Scales.HALF, 32);
  static final TileLayout IQ4_XS =
      new TileLayout(LowPlane.NIBBLES, HighPlane.NONE, Codes.UNEVEN, Scales.SIGNED, 32);
  static final TileLayout MXFP4 =
      new TileLayout(LowPlane.NIBBLES, HighPlane.NONE, Codes.E2M1, Scales.EXPONENT, 32);

  /** Where the low bits of codes lie. */
  public enum LowPlane {
    /** 4 bits. */
    NIBBLES(4, 4, 0x0F0F0F0F),
    /** 8 bits. */
    BYTES(8, 8, -1),
    /** 2 bits. */
    PAIRS(2, 2, 0x03030303);

    private final int vectors;
    private final int bits;
    private final int mask;

    LowPlane(int vectors, int bits, int mask) {
      this.vectors = vectors;
      this.bits = bits;
      this.mask = mask;
    }

    /**
     * The vector that holds a quad.
     *
     * @param quad from 0 to 7
     * @return from 0
     */
    public int vector(int quad) {
      return this == PAIRS ? quad / 4 : quad % vectors;
    }

    /**
     * How far a quad's bits are shifted left in their words.
     *
     * @param quad from 0 to 7
     * @return bits
     */
    public int shift(int quad) {
      return bits * (this == PAIRS ? quad % 4 : quad / vectors);
    }

    /**
     * A quad's bits in a word, shifted to the right.
     *
     * @return a mask of four bytes
     */
    public int mask() {
      return mask;
    }

    /**
     * Vectors of 64 bytes.
     *
     * @return the count
     */
    public int vectors() {
      return vectors;
    }

    /**
     * Bits of a code that lie here.
     *
     * @return the count
     */
    public int bits() {
      return bits;
    }
  }

  /** Where the bits above the low ones lie. */
  public enum HighPlane {
    /** There are none. */
    NONE(0, 0),
    /** One bit. */
    BITS(1, 0x01010101),
    /** 2 bits. */
    PAIRS(2, 0x03030303);

    private final int vectors;
    private final int mask;

    HighPlane(int vectors, int mask) {
      this.vectors = vectors;
      this.mask = mask;
    }

    /**
     * The vector that holds a quad.
     *
     * @param quad from 0 to 7
     * @return from 0
     */
    public int vector(int quad) {
      return this == PAIRS ? quad / 4 : 0;
    }

    /**
     * How far a quad's bits are shifted left in their words.
     *
     * @param quad from 0 to 7
     * @return bits
     */
    public int shift(int quad) {
      return this == PAIRS ? quad % 4 * 2 : quad;
    }

    /**
     * A quad's bits in a word, shifted to the right.
     *
     * @return a mask of four bytes
     */
    public int mask() {
      return mask;
    }

    /**
     * Vectors of 64 bytes.
     *
     * @return the count
     */
    public int vectors() {
      return vectors;
    }
  }

  /** What the stored, unsigned code stands for. */
  public sealed interface Codes {
    /** The levels of IQ4_NL and IQ4_XS (ggml's {@code kvalues_iq4nl}). */
    Table UNEVEN =
        new Table(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    /** The 4-bit floats of the OCP Microscaling specification, doubled to be integers. */
    Table E2M1 = new Table(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    /**
     * The integer that a stored code stands for.
     *
     * @param stored unsigned
     * @return from -128 to 127
     */
    int value(int stored);

    private static Bias minus(int bias) {
      return new Bias(bias);
    }

    /**
     * The stored code less a constant.
     *
     * @param bias the constant
     */
    record Bias(int bias) implements Codes {
      @Override
      public int value(int stored) {
        return stored - bias;
      }
    }

    /** An entry of a table of 16. */
    final class Table implements Codes {
      private final byte[] values = new byte[16];
      private final int[] ints = new int[16];

      private Table(int... values) {
        for (int i = 0; i < values.length; i++) {
          this.values[i] = (byte) values[i];
          ints[i] = values[i];
        }
      }

      @Override
      public int value(int stored) {
        return values[stored];
      }

      /**
       * The entries as ints.
       *
       * @return the one array of this table; not to be changed
       */
      public int[] ints() {
        return ints;
      }
    }
  }

  /** What the entries of a tile and the halves of a super-block stand for. */
  public enum Scales {
    /** Entry: scale. */
    HALF(2, 1, 0, false),
    /** Entries: scale, offset. */
    HALF_AND_OFFSET(2, 2, 0, true),
    /** Entry: e, the scale is 2^(e - 128). */
    EXPONENT(1, 1, 0, false),
    /** Halves d, dmin; entries s, m, unsigned: scale d s, offset -(dmin m). */
    BYTE_AND_OFFSET(1, 2, 2, true),
    /** Half d; an entry s, signed, for each sub-block: scale d s. */
    SIGNED(1, 1, 1, false),
    /** Halves d, dmin; an entry for each sub-block: scale d (low nibble), offset -(dmin high). */
    NIBBLES(1, 1, 2, true);

    private final int entryBytes;
    private final int entries;
    private final int halves;
    private final boolean offset;

    Scales(int entryBytes, int entries, int halves, boolean offset) {
      this.entryBytes = entryBytes;
      this.entries = entries;
      this.halves = halves;
      this.offset = offset;
    }

    /**
     * Bytes of an entry of one row.
     *
     * @return 1 or 2
     */
    public int entryBytes() {
      return entryBytes;
    }

    /**
     * Halves of a super-block of one row.
     *
     * @return 0 for a format without super-blocks
     */
    public int halves() {
      return halves;
    }

    /**
     * Whether numbers have an offset.
     *
     * @return true where {@code + offset} is part of the formula
     */
    public boolean hasOffset() {
      return offset;
    }
  }

  /**
   * Vectors of 64 bytes that hold the codes of a tile.
   *
   * @return the count
   */
  public int codeVectors() {
    return low.vectors() + high.vectors();
  }

  /**
   * Sub-blocks of a tile.
   *
   * @return 1 or 2
   */
  public int subBlocks() {
    return TILE_COLUMNS / subColumns;
  }

  /**
   * Entries of one row in a tile.
   *
   * @return the count
   */
  public int entries() {
    return scales.entries * subBlocks();
  }

  /**
   * Bytes of a tile.
   *
   * @return the count
   */
  public int tileBytes() {
    return codeVectors() * VECTOR_BYTES + entries() * entryVectorBytes();
  }

  /**
   * Bytes of one entry of all rows of a strip.
   *
   * @return 16 or 32
   */
  public int entryVectorBytes() {
    return PackedMatrix.STRIP_ROWS * scales.entryBytes();
  }

  /**
   * Tiles of a block.
   *
   * @return 8 for a super-block, else 1
   */
  public int blockTiles() {
    return scales.halves() > 0 ? 8 : 1;
  }

  /**
   * Bytes of the halves before the tiles of a block.
   *
   * @return 0, 32 or 64
   */
  public int headerBytes() {
    return scales.halves() * PackedMatrix.STRIP_ROWS * Short.BYTES;
  }

  /**
   * Bytes of a block of a strip.
   *
   * @return the count
   */
  public int blockBytes() {
    return headerBytes() + blockTiles() * tileBytes();
  }

  /**
   * Bytes of a strip.
   *
   * @param columns whole blocks
   * @return a multiple of 64
   */
  public long stripBytes(int columns) {
    long blocks = columns / (blockTiles() * TILE_COLUMNS);
    return (blocks * blockBytes() + 63) / 64 * 64;
  }
}
