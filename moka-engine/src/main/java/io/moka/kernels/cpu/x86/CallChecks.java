package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** What every way into machine code checks first, since machine code checks nothing. */
final class CallChecks {
  private CallChecks() {}

  /** Refuses numbers of rows and groups that no call takes. */
  static void checkCounts(int rows, int mostRows, int groups) {
    if (rows < 1 || rows > mostRows) {
      throw new IllegalArgumentException(rows + " rows; a call takes 1 to " + mostRows);
    }
    if (groups < 1 || groups > GroupProducts.MAX_ROWS / rows) {
      throw new IllegalArgumentException(
          groups + " groups with " + rows + " rows; their product may be 1 to 128");
    }
  }

  /** Where some bytes of a segment lie; refuses those beyond it and memory that is given back. */
  static long address(MemorySegment segment, long offset, long bytes) {
    Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
    if (!segment.isNative()) {
      throw new IllegalArgumentException("machine code cannot reach the heap");
    }
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("the memory is given back already");
    }
    return segment.address() + offset;
  }

  /**
   * Where some bytes of rows begin that lie at equal distances; refuses those beyond the segment.
   *
   * @param bytes of each row, at least 1
   * @param rows how many, at least 1
   * @param stride bytes from one to the next
   */
  static long rows(MemorySegment segment, long offset, long bytes, int rows, long stride) {
    if (stride < 0) {
      throw new IllegalArgumentException("rows that are " + stride + " bytes apart");
    }
    if (rows > 1 && stride > segment.byteSize() / (rows - 1)) {
      throw new IndexOutOfBoundsException(rows + " rows that are " + stride + " bytes apart");
    }
    return address(segment, offset, (rows - 1) * stride + bytes);
  }

  /** The segment, unless it is read-only. */
  static MemorySegment writable(MemorySegment segment) {
    if (segment.isReadOnly()) {
      throw new IllegalArgumentException("results cannot go to read-only memory");
    }
    return segment;
  }

  /** What a call has thrown, as an exception that need not be declared. */
  static RuntimeException unchecked(Throwable thrown) {
    return switch (thrown) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException(thrown);
    };
  }
}
