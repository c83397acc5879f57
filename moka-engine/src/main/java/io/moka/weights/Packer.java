package io.moka.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Lays tensors out as {@link PackedMatrix} describes. The numbers stay as they are; only their
 * order changes. Every method may run on several threads at once, each with a destination of its
 * own.
 */
public final class Packer {
  /** Words of a row that are turned at a time: one cache line. */
  private static final int BLOCK_WORDS = 16;

  /** Bytes of one word of all lanes of a strip. */
  private static final int STRIP_WORD_BYTES = PackedMatrix.STRIP_ROWS * Integer.BYTES;

  private Packer() {}

  /**
   * Packs a whole tensor.
   *
   * @param arena who owns the packed matrix
   * @param tensor [rows, columns]
   * @return the matrix
   */
  public static PackedMatrix pack(Arena arena, Tensor tensor) {
    return stack(arena, List.of(MatrixView.of(tensor)));
  }

  /**
   * Packs matrices of equal columns and format, one below the other; for joined query, key and
   * value weights.
   *
   * @param arena who owns the packed matrix
   * @param parts what to stack
   * @return [sum of rows, columns]
   */
  public static PackedMatrix stack(Arena arena, List<MatrixView> parts) {
    MatrixView first = parts.getFirst();
    int rows = 0;
    for (MatrixView part : parts) {
      same(first, part);
      rows = Math.addExact(rows, part.rows());
    }
    PackedMatrix packed = allocate(arena, first.format(), rows, first.columns());
    int row = 0;
    for (MatrixView part : parts) {
      packInto(part, packed, row);
      row += part.rows();
    }
    return packed;
  }

  /**
   * Packs gate and up joined.
   *
   * @param arena who owns the packed matrix
   * @param gate [F, D]
   * @param up [F, D]
   * @return both
   */
  public static JoinedMatrix join(Arena arena, MatrixView gate, MatrixView up) {
    same(gate, up);
    if (gate.rows() != up.rows()) {
      throw new IllegalArgumentException("gate has " + gate.rows() + " rows, up has " + up.rows());
    }
    int rows = JoinedMatrix.joinedRows(gate.rows());
    PackedMatrix packed = allocate(arena, gate.format(), rows, gate.columns());
    for (int row = 0; row < gate.rows(); row += JoinedMatrix.HALF_ROWS) {
      int count = Math.min(JoinedMatrix.HALF_ROWS, gate.rows() - row);
      packInto(gate.rows(row, count), packed, JoinedMatrix.gateRow(row));
      packInto(up.rows(row, count), packed, JoinedMatrix.upRow(row));
    }
    return new JoinedMatrix(packed, gate.rows());
  }

  /**
   * Copies the gate out of a join, as if it had been packed alone.
   *
   * @param arena who owns the copy
   * @param joined gate and up
   * @return [F, D]
   */
  public static PackedMatrix gate(Arena arena, JoinedMatrix joined) {
    return side(arena, joined, 0);
  }

  /**
   * Copies the up out of a join, as if it had been packed alone.
   *
   * @param arena who owns the copy
   * @param joined gate and up
   * @return [F, D]
   */
  public static PackedMatrix up(Arena arena, JoinedMatrix joined) {
    return side(arena, joined, 1);
  }

  /** Each group of the join holds two strips of one side, then two of the other. */
  private static PackedMatrix side(Arena arena, JoinedMatrix joined, int side) {
    PackedMatrix both = joined.packed();
    PackedMatrix alone = allocate(arena, both.format(), joined.width(), both.columns());
    long pairBytes = 2 * both.stripBytes();
    for (int group = 0; group < both.groups(); group++) {
      long from = (2L * group + side) * pairBytes;
      MemorySegment.copy(both.data(), from, alone.data(), group * pairBytes, pairBytes);
    }
    return alone;
  }

  /**
   * Allocates a packed matrix of zeros.
   *
   * @param arena its owner
   * @param format how numbers are stored
   * @param rows rows
   * @param columns columns
   * @return the matrix
   */
  public static PackedMatrix allocate(Arena arena, WeightFormat format, int rows, int columns) {
    long bytes = PackedMatrix.bytes(format, rows, columns);
    MemorySegment data =
        arena instanceof WeightArena weights
            ? weights.allocateMatrix(bytes, PackedMatrix.groups(rows))
            : NativeMemory.allocate(arena, bytes);
    return new PackedMatrix(format, rows, columns, data);
  }

  private static void same(MatrixView first, MatrixView other) {
    if (other.columns() != first.columns() || other.format() != first.format()) {
      throw new IllegalArgumentException(
          "%s has %d columns of %s, %s has %d of %s"
              .formatted(
                  first.tensor().name(),
                  first.columns(),
                  first.format(),
                  other.tensor().name(),
                  other.columns(),
                  other.format()));
    }
  }

  /**
   * Packs rows into a matrix that exists; different strips may be packed by different threads.
   *
   * @param part what to pack
   * @param packed where to
   * @param firstRow the row of the matrix that the first row of the part becomes
   */
  public static void packInto(MatrixView part, PackedMatrix packed, int firstRow) {
    if (part.format().isQuantised()) {
      packTiles(part, packed, firstRow);
      return;
    }
    long stripBytes = packed.stripBytes();
    // arrays, not segments: this runs once, cold, and plain loops over arrays are quick even then
    int[] words = new int[PackedMatrix.STRIP_ROWS * (int) (stripBytes / STRIP_WORD_BYTES)];
    int[] strip = new int[words.length];
    for (int row = 0; row < part.rows(); ) {
      int lane = (firstRow + row) % PackedMatrix.STRIP_ROWS;
      int lanes = Math.min(PackedMatrix.STRIP_ROWS - lane, part.rows() - row);
      long offset = (firstRow + row) / PackedMatrix.STRIP_ROWS * stripBytes;
      MemorySegment target = packed.data().asSlice(offset, stripBytes);
      boolean planes = part.format() == WeightFormat.F16;
      if (lanes < PackedMatrix.STRIP_ROWS) {
        MemorySegment.copy(target, ValueLayout.JAVA_INT, 0, strip, 0, strip.length);
        if (planes) {
          planesToPairs(strip);
        }
      }
      readRows(part, row, lanes, words);
      turn(words, lanes, strip, lane);
      if (planes) {
        pairsToPlanes(strip);
      }
      MemorySegment.copy(strip, 0, target, ValueLayout.JAVA_INT, 0, strip.length);
      row += lanes;
    }
  }

  private static void packTiles(MatrixView part, PackedMatrix packed, int firstRow) {
    WeightFormat format = part.format();
    TileLayout layout = format.tiles().orElseThrow();
    long stripBytes = packed.stripBytes();
    byte[] raw = new byte[Math.toIntExact(format.bytes(part.columns()))];
    MemorySegment rawSegment = MemorySegment.ofArray(raw);
    TileLane lane = new TileLane();
    int blocks = part.columns() / format.blockElements();
    for (int row = 0; row < part.rows(); row++) {
      MemorySegment.copy(part.data(), part.offsetBytes(row, 0), rawSegment, 0, raw.length);
      int target = firstRow + row;
      MemorySegment strip =
          packed.data().asSlice(target / PackedMatrix.STRIP_ROWS * stripBytes, stripBytes);
      for (int block = 0; block < blocks; block++) {
        BlockReader.read(format, raw, block * format.blockBytes(), lane);
        long at = (long) block * layout.blockBytes();
        PackedLanes.write(layout, lane, strip, at, target % PackedMatrix.STRIP_ROWS);
      }
    }
  }

  /** Copies rows one after the other, each padded with zeros to the words of a lane. */
  private static void readRows(MatrixView part, int row, int lanes, int[] words) {
    long rowBytes = part.format().bytes(part.columns());
    long laneBytes = words.length / PackedMatrix.STRIP_ROWS * (long) Integer.BYTES;
    MemorySegment target = MemorySegment.ofArray(words);
    for (int i = 0; i < lanes; i++) {
      MemorySegment.copy(
          part.data(), part.offsetBytes(row + i, 0), target, i * laneBytes, rowBytes);
    }
  }

  /**
   * Word w of row i becomes word 16 w + lane + i: a pair of 16-bit columns or one column of floats
   * a word.
   */
  private static void turn(int[] words, int lanes, int[] strip, int lane) {
    int count = words.length / PackedMatrix.STRIP_ROWS;
    for (int first = 0; first < count; first += BLOCK_WORDS) {
      int end = Math.min(count, first + BLOCK_WORDS);
      for (int i = 0; i < lanes; i++) {
        int row = i * count;
        for (int word = first; word < end; word++) {
          strip[word * PackedMatrix.STRIP_ROWS + lane + i] = words[row + word];
        }
      }
    }
  }

  /** In each vector of 16 pairs of halves: the first of all pairs, then the second of all. */
  private static void pairsToPlanes(int[] strip) {
    int[] pairs = new int[PackedMatrix.STRIP_ROWS];
    for (int at = 0; at < strip.length; at += pairs.length) {
      System.arraycopy(strip, at, pairs, 0, pairs.length);
      for (int i = 0; i < pairs.length / 2; i++) {
        int one = pairs[2 * i];
        int two = pairs[2 * i + 1];
        strip[at + i] = one & 0xFFFF | two << 16;
        strip[at + pairs.length / 2 + i] = one >>> 16 | two & 0xFFFF0000;
      }
    }
  }

  /** The inverse. */
  private static void planesToPairs(int[] strip) {
    int[] planes = new int[PackedMatrix.STRIP_ROWS];
    for (int at = 0; at < strip.length; at += planes.length) {
      System.arraycopy(strip, at, planes, 0, planes.length);
      for (int i = 0; i < planes.length / 2; i++) {
        int first = planes[i];
        int second = planes[planes.length / 2 + i];
        strip[at + 2 * i] = first & 0xFFFF | second << 16;
        strip[at + 2 * i + 1] = first >>> 16 | second & 0xFFFF0000;
      }
    }
  }
}
