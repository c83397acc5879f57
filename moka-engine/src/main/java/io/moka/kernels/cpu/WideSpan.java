package io.moka.kernels.cpu;

import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * The keys and values of one span and key/value head as floats, for neighbouring rows that read the
 * same blocks: what each of them would widen again is widened once. One worker's.
 */
final class WideSpan implements AutoCloseable {
  /** Fewer rows gain less than widening costs. */
  private static final int LEAST_ROWS = 4;

  private static final int BLOCK = KvCache.BLOCK_TOKENS;
  private static final int SPAN_BLOCKS = Kernels.SPAN_TOKENS / BLOCK;
  private static final int UNSEEN = -1;

  private final SpanProducts products;

  /** One layer of one head; a block lies at its place in the span. */
  private final KvCache floats;

  private final SpanAttention attention;
  private final AttentionCall call = new AttentionCall();

  /** The block of the cache at each place of the span. */
  private final int[] blocks = new int[SPAN_BLOCKS];

  private final SlotMap slots =
      new SlotMap() {
        @Override
        public int position(int row) {
          return whole.position(row);
        }

        @Override
        public int block(int row, int index) {
          return index % SPAN_BLOCKS;
        }
      };

  /** Where the rows stand. */
  private SlotMap whole;

  WideSpan(Arena arena, KvCache cache, SpanProducts products, Scratch scratch) {
    this.products = products;
    floats = new KvCache(KvType.F32, 1, SPAN_BLOCKS, 1, cache.headDim());
    attention = new SpanAttention(arena, floats, products, scratch);
  }

  /**
   * Makes floats of what some rows see of a span.
   *
   * @param of what is asked for
   * @param firstRow the first of the rows
   * @param count how many there are
   * @param kvHead the key/value head
   * @param start the first position of the span
   * @return how many of the rows, from the first on, can be attended; 0 where they are too few
   */
  int fill(AttentionCall of, int firstRow, int count, int kvHead, int start) {
    if (count < LEAST_ROWS) {
      return 0;
    }
    Arrays.fill(blocks, UNSEEN);
    int rows = 0;
    int readers = 0;
    while (rows < count && sharesBlocks(of, firstRow + rows, start)) {
      int row = firstRow + rows;
      readers += of.firstSeen(row, start) < of.endSeen(row, start) ? 1 : 0;
      rows++;
    }
    if (readers < LEAST_ROWS) {
      return 0;
    }
    KvCache cache = of.cache;
    for (int i = 0; i < SPAN_BLOCKS; i++) {
      if (blocks[i] != UNSEEN) {
        long keys = cache.keysOffset(blocks[i], kvHead);
        long values = cache.valuesOffset(blocks[i], kvHead);
        products.widen(cache, of.layer, keys, values, floats, i);
      }
    }
    whole = of.slots;
    call.set(of.queries, floats, 0, slots, of.shape, of.rows, of.out);
    return rows;
  }

  /** Whether a row reads the blocks of the rows before it, and maybe more: notes those. */
  private boolean sharesBlocks(AttentionCall of, int row, int start) {
    int end = of.endSeen(row, start);
    for (int index = of.firstSeen(row, start) / BLOCK; index * BLOCK < end; index++) {
      int block = Shapes.block(of.slots, row, index, of.cache);
      int place = index % SPAN_BLOCKS;
      if (blocks[place] != UNSEEN && blocks[place] != block) {
        return false;
      }
      blocks[place] = block;
    }
    return true;
  }

  /** As {@link SpanAttention#attend}, of a row that {@link #fill} has counted. */
  void attend(int row, int head, int heads, int start, SpanSums into, int slot, boolean first) {
    attention.attend(call, row, 0, head, heads, start, into, slot, first);
  }

  @Override
  public void close() {
    floats.close();
  }
}
