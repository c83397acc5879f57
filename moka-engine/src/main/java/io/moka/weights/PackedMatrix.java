package io.moka.weights;

import java.lang.foreign.MemorySegment;

/**
 * A matrix [rows, columns] in the order in which the CPU kernels read it.
 *
 * <pre>
 * matrix = groups of 64 rows      rows beyond the matrix are zero
 * group  = 4 strips of 16 rows    four streams, each strictly ascending
 * strip  = columns in pairs       a last odd column is paired with zero
 * pair   = F32:  16 x column 2p, then 16 x column 2p + 1        128 bytes
 *          F16:  the same                                         64 bytes
 *          BF16: 16 x (column 2p | column 2p + 1 &lt;&lt; 16)          64 bytes
 * </pre>
 *
 * <p>Pairs of BF16 are what its dot products take, and a shift or a mask makes floats of them;
 * halves are converted 16 neighbours at a time.
 *
 * <p>Strips of quantised formats are made of tiles instead: {@link TileLayout}.
 *
 * <p>A vector lane is a row, so a product runs over the columns in ascending order whatever the
 * width of the vectors and the number of tokens: the one order of summation.
 *
 * @param format how the numbers are stored, unchanged from the file
 * @param rows rows of the matrix
 * @param columns columns of the matrix
 * @param data the groups, 64-byte aligned
 */
public record PackedMatrix(WeightFormat format, int rows, int columns, MemorySegment data) {
  /**
   * Names what this class, {@link TileLayout} and {@link JoinedMatrix} draw. Packed files carry it:
   * whoever changes where a byte lies raises it, and files of the older layout are refused.
   */
  public static final int LAYOUT_VERSION = 2;

  /** Rows of a strip: the lanes of a 512-bit vector of floats. */
  public static final int STRIP_ROWS = 16;

  /** Strips of a group. */
  public static final int GROUP_STRIPS = 4;

  /** Rows of a group. */
  public static final int GROUP_ROWS = STRIP_ROWS * GROUP_STRIPS;

  /** Checks that the data has the size of the layout. */
  public PackedMatrix {
    if (columns % format.blockElements() != 0) {
      throw new IllegalArgumentException(
          columns + " columns are not whole blocks of " + format.blockElements() + " of " + format);
    }
    if (data.byteSize() != bytes(format, rows, columns)) {
      throw new IllegalArgumentException(
          data.byteSize() + " bytes do not hold [" + rows + ", " + columns + "] of " + format);
    }
  }

  /**
   * Bytes of a packed matrix.
   *
   * @param format how the numbers are stored
   * @param rows rows
   * @param columns columns
   * @return the count, a multiple of 64
   */
  public static long bytes(WeightFormat format, int rows, int columns) {
    return (long) groups(rows) * GROUP_STRIPS * stripBytes(format, columns);
  }

  /**
   * Bytes of one strip.
   *
   * @param format how the numbers are stored
   * @param columns columns
   * @return the count
   */
  public static long stripBytes(WeightFormat format, int columns) {
    if (format.tiles().isPresent()) {
      return format.tiles().get().stripBytes(columns);
    }
    return (columns + 1L) / 2 * pairBytes(format);
  }

  /**
   * Bytes of a pair of columns within a strip.
   *
   * @param format how the numbers are stored, as floats
   * @return the count
   */
  public static int pairBytes(WeightFormat format) {
    return 2 * STRIP_ROWS * format.blockBytes();
  }

  static int groups(int rows) {
    return Math.ceilDiv(rows, GROUP_ROWS);
  }

  /**
   * Groups of 64 rows.
   *
   * @return the count
   */
  public int groups() {
    return groups(rows);
  }

  /**
   * Bytes of one strip of this matrix.
   *
   * @return the count
   */
  public long stripBytes() {
    return stripBytes(format, columns);
  }

  /**
   * Bytes of one group of this matrix.
   *
   * @return the count
   */
  public long groupBytes() {
    return GROUP_STRIPS * stripBytes();
  }

  /**
   * Where an element lies within its strip.
   *
   * @param format how the numbers are stored, as floats
   * @param lane row within the strip
   * @param column column from 0
   * @return bytes from the beginning of the strip
   */
  public static long elementOffset(WeightFormat format, int lane, int column) {
    long pair = (long) (column / 2) * pairBytes(format);
    int half = column % 2;
    return switch (format) {
      case F32, F16 -> pair + (half * STRIP_ROWS + lane) * (long) format.blockBytes();
      case BF16 -> pair + (lane * 2 + half) * 2L;
      default -> throw new IllegalArgumentException(format + " lies in tiles");
    };
  }

  /**
   * One element, decoded. For tests and the reference; a kernel reads strips.
   *
   * @param row row from 0
   * @param column column from 0
   * @return its value
   */
  public float get(int row, int column) {
    long strip = row / STRIP_ROWS * stripBytes();
    if (format.tiles().isEmpty()) {
      return format.get(data, strip + elementOffset(format, row % STRIP_ROWS, column));
    }
    TileLayout layout = format.tiles().get();
    long block = strip + (long) (column / format.blockElements()) * layout.blockBytes();
    TileLane lane = new TileLane();
    PackedLanes.read(layout, data, block, row % STRIP_ROWS, lane);
    return lane.value(layout, column % format.blockElements());
  }

  /**
   * One row, decoded. For tests and the reference.
   *
   * @param row row from 0
   * @return its values
   */
  public float[] row(int row) {
    float[] values = new float[columns];
    if (format.tiles().isEmpty()) {
      for (int column = 0; column < columns; column++) {
        values[column] = get(row, column);
      }
      return values;
    }
    TileLayout layout = format.tiles().get();
    TileLane lane = new TileLane();
    int step = format.blockElements();
    for (int column = 0; column < columns; column++) {
      if (column % step == 0) {
        long block = row / STRIP_ROWS * stripBytes() + (long) (column / step) * layout.blockBytes();
        PackedLanes.read(layout, data, block, row % STRIP_ROWS, lane);
      }
      values[column] = lane.value(layout, column % step);
    }
    return values;
  }
}
