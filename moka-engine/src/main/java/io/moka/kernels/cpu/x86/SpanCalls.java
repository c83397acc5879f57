package io.moka.kernels.cpu.x86;

import io.moka.kernels.KvCache;
import io.moka.kernels.cpu.SpanProducts;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/** The only way into {@link SpanFunctions}: checks first, by {@link CallChecks}. */
final class SpanCalls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle CALL =
      Linker.nativeLinker()
          .downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private static final MethodHandle SOFTMAX =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD));

  private static final MethodHandle WIDEN =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD));

  /** Entries of a table beyond its blocks: one to make their number even, two to fetch ahead. */
  private static final int SPARE_ENTRIES = 3;

  private SpanCalls() {}

  /** Bytes that a call needs for its table. */
  static long tableBytes(int blocks) {
    return (blocks + SPARE_ENTRIES) * WORD.byteSize();
  }

  /** Bytes that scores need for their table and, where they are rounded, the query heads. */
  static long scoresBytes(SpanFunctions functions, int headDim, int blocks, int heads) {
    long rounded = functions.round().isPresent() ? heads * Bf16Calls.panelBytes(headDim, 1) : 0;
    return tableBytes(blocks) + rounded;
  }

  /**
   * Scores of some blocks, as {@link SpanProducts#scores} says; those of one block more may be
   * overwritten.
   *
   * @param functions of the type of the cache
   * @param cache whose shape the keys have
   * @param data where they lie
   * @param keys where each block's keys begin in it, in bytes
   * @param blocks how many
   * @param queries memory of the query heads
   * @param from where the first begins, in bytes
   * @param heads from 1 to 8
   * @param scale what sums are multiplied by
   * @param scores takes the result
   * @param to where it begins, in bytes
   * @param table memory of this thread, {@link #scoresBytes}
   */
  static void scores(
      SpanFunctions functions,
      KvCache cache,
      MemorySegment data,
      long[] keys,
      int blocks,
      MemorySegment queries,
      long from,
      int heads,
      float scale,
      MemorySegment scores,
      long to,
      MemorySegment table) {
    checkCounts(functions, cache, blocks, heads);
    fill(table, data, keys, 0, blocks, cache.keysBytes());
    int even = blocks + blocks % 2;
    if (even > blocks) {
      // blocks go in pairs: the last of an odd number is taken twice
      set(table, blocks, get(table, blocks - 1));
    }
    // the values of the first blocks come next
    long base = data.address();
    set(table, even, base + cache.valuesOfKeys(keys[0]));
    set(table, even + 1, base + cache.valuesOfKeys(keys[Math.min(1, blocks - 1)]));
    long pairs = even / 2;
    long headBytes = (long) cache.headDim() * Float.BYTES;
    long q = CallChecks.address(queries, from, heads * headBytes);
    if (functions.round().isPresent()) {
      long at = tableBytes(blocks);
      headBytes = Bf16Calls.panelBytes(cache.headDim(), 1);
      q = CallChecks.address(table, at, heads * headBytes);
      round(functions.round().get(), queries, from, cache.headDim(), heads, table, at);
    }
    long out =
        CallChecks.address(
            CallChecks.writable(scores), to, 2 * pairs * SpanProducts.SCORE_BLOCK_BYTES);
    long columnPairs = cache.headDim() / 2;
    long bits = Float.floatToRawIntBits(scale);
    try {
      CALL.invokeExact(
          functions.scores()[heads - 1],
          table.address(),
          pairs,
          q,
          headBytes,
          columnPairs,
          out,
          bits);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }

  /** Each head becomes a panel of one row; whole ones lie as if they were one row. */
  private static void round(
      MemorySegment function,
      MemorySegment queries,
      long from,
      int headDim,
      int heads,
      MemorySegment panels,
      long at) {
    long panel = Bf16Calls.panelBytes(headDim, 1);
    boolean whole = panel == headDim * (long) Short.BYTES;
    int count = whole ? heads * headDim : headDim;
    for (int done = 0; done < heads * headDim; done += count) {
      long to = at + done / headDim * panel;
      Bf16RowCalls.fill(
          function, 1, queries, from + done * (long) Float.BYTES, 0, 0, count, panels, to, 0, 1, 1);
    }
  }

  /**
   * Adds the values of some blocks, as {@link SpanProducts#addValues} says.
   *
   * @param functions of the type of the cache
   * @param cache whose shape the values have
   * @param data where they lie
   * @param values where each block's values begin in it, in bytes
   * @param firstBlock the first of these blocks to take
   * @param blocks how many
   * @param probabilities laid out as scores
   * @param from where those of the first block begin, in bytes
   * @param heads from 1 to 8
   * @param sums what is added to
   * @param table memory of this thread, {@link #tableBytes}
   */
  static void addValues(
      SpanFunctions functions,
      KvCache cache,
      MemorySegment data,
      long[] values,
      int firstBlock,
      int blocks,
      MemorySegment probabilities,
      long from,
      int heads,
      MemorySegment sums,
      MemorySegment table) {
    checkCounts(functions, cache, blocks, heads);
    long strips = Math.ceilDiv(cache.headDim(), SpanProducts.BLOCK);
    long stripBytes = cache.valueStripBytes();
    fill(table, data, values, firstBlock, blocks, cache.valuesBytes());
    set(table, blocks, get(table, blocks - 1));
    long p =
        CallChecks.address(probabilities, from, blocks * (long) SpanProducts.SCORE_BLOCK_BYTES);
    long stride = SpanProducts.sumsStride(cache.headDim());
    long out = CallChecks.address(CallChecks.writable(sums), 0, heads * stride);
    try {
      CALL.invokeExact(
          functions.values()[heads - 1],
          table.address(),
          (long) blocks,
          p,
          strips,
          stripBytes,
          out,
          stride);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }

  /**
   * Scores become exponentials, as {@link SpanProducts#softmax} says.
   *
   * @param functions of any type
   * @param scores in place
   * @param blocks how many
   * @param heads from 1 to 8
   * @param results takes the largest score of each of 8 heads, then the sums
   */
  static void softmax(
      SpanFunctions functions, MemorySegment scores, int blocks, int heads, MemorySegment results) {
    checkCounts(blocks, heads);
    long in =
        CallChecks.address(
            CallChecks.writable(scores), 0, blocks * (long) SpanProducts.SCORE_BLOCK_BYTES);
    long out = CallChecks.address(CallChecks.writable(results), 0, SoftmaxCode.RESULT_BYTES);
    try {
      SOFTMAX.invokeExact(functions.softmax(), in, (long) blocks, (long) heads, out);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }

  /**
   * Makes floats of the keys of a block.
   *
   * @param functions of the type of the cache; they widen
   * @param cache whose shape the keys have
   * @param data where they lie
   * @param keys where they begin in it, in bytes
   * @param floats takes a strip of F32
   * @param to where it begins, in bytes
   */
  static void widenKeys(
      SpanFunctions functions,
      KvCache cache,
      MemorySegment data,
      long keys,
      MemorySegment floats,
      long to) {
    SpanFunctions.Widening widening = widening(functions, cache);
    int columns = cache.headDim();
    long from = CallChecks.address(data, keys, cache.keysBytes());
    long bytes = columns * (long) SpanProducts.SCORE_BYTES;
    long out = CallChecks.address(CallChecks.writable(floats), to, bytes);
    widen(widening.keys(), from, out, widening.pairs() ? columns / 2 : columns);
  }

  /**
   * Makes floats of the values of a block.
   *
   * @param functions of the type of the cache; they widen
   * @param cache whose shape the values have
   * @param data where they lie
   * @param values where they begin in it, in bytes
   * @param floats takes strips of F32
   * @param to where the first begins, in bytes
   */
  static void widenValues(
      SpanFunctions functions,
      KvCache cache,
      MemorySegment data,
      long values,
      MemorySegment floats,
      long to) {
    SpanFunctions.Widening widening = widening(functions, cache);
    int strips = Math.ceilDiv(cache.headDim(), SpanProducts.BLOCK);
    long from = CallChecks.address(data, values, cache.valuesBytes());
    long bytes = strips * (long) SpanProducts.BLOCK * SpanProducts.SCORE_BYTES;
    long out = CallChecks.address(CallChecks.writable(floats), to, bytes);
    int count = widening.pairs() ? strips * SpanProducts.BLOCK / 2 : strips;
    widen(widening.values(), from, out, count);
  }

  private static SpanFunctions.Widening widening(SpanFunctions functions, KvCache cache) {
    checkType(functions, cache);
    if (functions.widening().isEmpty()) {
      throw new IllegalArgumentException(cache.type() + " is read as it lies");
    }
    return functions.widening().get();
  }

  private static void widen(MemorySegment function, long from, long to, long count) {
    try {
      WIDEN.invokeExact(function, from, to, count);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }

  private static void checkCounts(SpanFunctions functions, KvCache cache, int blocks, int heads) {
    checkType(functions, cache);
    checkCounts(blocks, heads);
  }

  private static void checkType(SpanFunctions functions, KvCache cache) {
    if (cache.type() != functions.type()) {
      throw new IllegalArgumentException(
          "a cache of " + cache.type() + " for functions of " + functions.type());
    }
  }

  private static void checkCounts(int blocks, int heads) {
    if (blocks < 1) {
      throw new IllegalArgumentException(blocks + " blocks");
    }
    if (heads < 1 || heads > SpanProducts.MAX_HEADS) {
      throw new IllegalArgumentException(heads + " heads; a call takes 1 to 8");
    }
  }

  private static void fill(
      MemorySegment table, MemorySegment data, long[] offsets, int first, int blocks, long bytes) {
    CallChecks.address(table, 0, tableBytes(blocks));
    long base = CallChecks.address(data, 0, data.byteSize());
    for (int i = 0; i < blocks; i++) {
      long offset = offsets[first + i];
      Objects.checkFromIndexSize(offset, bytes, data.byteSize());
      set(table, i, base + offset);
    }
  }

  private static void set(MemorySegment table, int entry, long address) {
    table.set(WORD, entry * WORD.byteSize(), address);
  }

  private static long get(MemorySegment table, int entry) {
    return table.get(WORD, entry * WORD.byteSize());
  }
}
