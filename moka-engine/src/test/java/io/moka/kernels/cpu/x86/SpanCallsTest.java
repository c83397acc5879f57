package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.Activations;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.SpanContract;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.vector.VectorSpans;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract, on machine code; and that calls refuse what machine code would not notice. */
class SpanCallsTest implements SpanContract {
  private static final Map<KvType, SpanFunctions> FUNCTIONS = new EnumMap<>(KvType.class);

  /** Empty where the processor has no dot products of bf16. */
  private static Optional<SpanFunctions> rounding = Optional.empty();

  @BeforeAll
  static void load() {
    for (KvType type : KvType.values()) {
      FUNCTIONS.put(type, functions(type));
    }
    if (SpanFunctions.loadRounding(Processor.whole())
        instanceof Availability.Ready<SpanFunctions>(SpanFunctions loaded)) {
      rounding = Optional.of(loaded);
    }
  }

  @AfterAll
  static void close() {
    FUNCTIONS.values().forEach(SpanFunctions::close);
    FUNCTIONS.clear();
    rounding.ifPresent(SpanFunctions::close);
  }

  static SpanFunctions functions(KvType type) {
    return Processor.ready(SpanFunctions.load(type, Processor.whole()));
  }

  @Override
  public SpanProducts products(Activations activations) {
    SpanProducts others = new VectorSpans(activations);
    if (activations != Activations.BF16) {
      return new X86Spans(FUNCTIONS, others);
    }
    Map<KvType, SpanFunctions> functions = new EnumMap<>(FUNCTIONS);
    functions.remove(KvType.BF16);
    rounding.ifPresent(own -> functions.put(KvType.BF16, own));
    return new X86Spans(functions, others);
  }

  /** Arguments of a call that is right; each test puts one wrong thing into it. */
  private record Call(
      SpanFunctions functions,
      KvCache cache,
      MemorySegment data,
      long[] offsets,
      int first,
      int blocks,
      MemorySegment inputs,
      long from,
      int heads,
      MemorySegment out,
      long to,
      MemorySegment table) {
    /** Offsets begin at {@code first} for values alone. */
    void scores() {
      SpanCalls.scores(
          functions, cache, data, offsets, blocks, inputs, from, heads, 1f, out, to, table);
    }

    void values() {
      SpanCalls.addValues(
          functions, cache, data, offsets, first, blocks, inputs, from, heads, out, table);
    }

    Call of(SpanFunctions other) {
      return new Call(
          other, cache, data, offsets, first, blocks, inputs, from, heads, out, to, table);
    }

    Call data(MemorySegment other) {
      return new Call(
          functions, cache, other, offsets, first, blocks, inputs, from, heads, out, to, table);
    }

    Call offsets(long... other) {
      return new Call(
          functions, cache, data, other, first, blocks, inputs, from, heads, out, to, table);
    }

    Call counts(int firstBlock, int blockCount, int headCount) {
      return new Call(
          functions,
          cache,
          data,
          offsets,
          firstBlock,
          blockCount,
          inputs,
          from,
          headCount,
          out,
          to,
          table);
    }

    Call inputs(MemorySegment other, long at) {
      return new Call(
          functions, cache, data, offsets, first, blocks, other, at, heads, out, to, table);
    }

    Call out(MemorySegment other, long at) {
      return new Call(
          functions, cache, data, offsets, first, blocks, inputs, from, heads, other, at, table);
    }

    Call table(MemorySegment other) {
      return new Call(
          functions, cache, data, offsets, first, blocks, inputs, from, heads, out, to, other);
    }
  }

  private static final KvType TYPE = KvType.F16;
  private static final int HEAD_DIM = 18;
  private static final int BLOCKS = 3;
  private static final int HEADS = 2;

  /** Everything just as large as it must be. */
  private static Call scores(Arena arena, KvCache cache) {
    return new Call(
        FUNCTIONS.get(TYPE),
        cache,
        cache.layer(0),
        new long[] {cache.keysOffset(2, 0), cache.keysOffset(0, 0), cache.keysOffset(1, 0)},
        0,
        BLOCKS,
        arena.allocate(HEADS * HEAD_DIM * 4L, 4),
        0,
        HEADS,
        // an even number of blocks
        arena.allocate((BLOCKS + 1L) * SpanProducts.SCORE_BLOCK_BYTES, 4),
        0,
        arena.allocate(SpanCalls.tableBytes(BLOCKS), 8));
  }

  private static Call values(Arena arena, KvCache cache) {
    return new Call(
        FUNCTIONS.get(TYPE),
        cache,
        cache.layer(0),
        new long[] {
          -1, cache.valuesOffset(2, 0), cache.valuesOffset(0, 0), cache.valuesOffset(1, 0)
        },
        1,
        BLOCKS,
        arena.allocate(BLOCKS * (long) SpanProducts.SCORE_BLOCK_BYTES, 4),
        0,
        HEADS,
        arena.allocate(HEADS * SpanProducts.sumsStride(HEAD_DIM), 4),
        0,
        arena.allocate(SpanCalls.tableBytes(BLOCKS), 8));
  }

  private static KvCache cache(KvType type) {
    return new KvCache(type, 1, BLOCKS, 1, HEAD_DIM);
  }

  @Test
  void scoresRefuseWhatDoesNotFit() {
    try (Arena arena = Arena.ofShared();
        KvCache cache = cache(TYPE)) {
      Call right = scores(arena, cache);
      right.scores();
      long end = cache.layer(0).byteSize();
      long keysBytes = cache.keysBytes();
      right.offsets(0, 0, end - keysBytes).scores();
      assertOutOfBounds(
          right.offsets(0, 0, end - keysBytes + 1)::scores,
          right.offsets(0, end, 0)::scores,
          right.offsets(-1, 0, 0)::scores,
          right.offsets(Long.MAX_VALUE, 0, 0)::scores,
          right.offsets(0, 0)::scores,
          right.counts(0, BLOCKS + 1, HEADS)::scores,
          right.counts(0, BLOCKS, HEADS + 1)::scores,
          right.inputs(right.inputs(), 4)::scores,
          right.inputs(right.inputs(), -4)::scores,
          right.out(right.out(), 4)::scores,
          right.out(right.out(), -4)::scores,
          right.out(less(right.out()), 0)::scores,
          right.table(less(right.table()))::scores);
      assertRefused(right, Call::scores);
    }
  }

  @Test
  void sumsRefuseWhatDoesNotFit() {
    try (Arena arena = Arena.ofShared();
        KvCache cache = cache(TYPE)) {
      Call right = values(arena, cache);
      right.values();
      long end = cache.layer(0).byteSize();
      long valuesBytes = cache.valuesBytes();
      right.offsets(-1, 0, 0, end - valuesBytes).values();
      assertOutOfBounds(
          right.offsets(-1, 0, 0, end - valuesBytes + 1)::values,
          right.offsets(-1, 0, end, 0)::values,
          right.offsets(-1, Long.MIN_VALUE, 0, 0)::values,
          right.offsets(0, 0, 0)::values,
          right.counts(0, BLOCKS, HEADS)::values,
          right.counts(-1, BLOCKS, HEADS)::values,
          right.counts(2, BLOCKS, HEADS)::values,
          right.counts(1, BLOCKS, HEADS + 1)::values,
          right.inputs(right.inputs(), 4)::values,
          right.inputs(right.inputs(), -4)::values,
          right.inputs(less(right.inputs()), 0)::values,
          right.out(less(right.out()), 0)::values,
          right.table(less(right.table()))::values);
      assertRefused(right, Call::values);
    }
  }

  @Test
  void allTypesWidenButFloatsThemselves() {
    SpanProducts products = products(Activations.EXACT);
    for (KvType type : KvType.values()) {
      assertThat(products.widens(type)).as("%s", type).isEqualTo(type != KvType.F32);
    }
    // dot products read bf16
    assertThat(products(Activations.BF16).widens(KvType.BF16)).isFalse();
  }

  @Test
  void wideningRefusesWhatDoesNotFit() {
    for (KvType type : new KvType[] {KvType.F16, KvType.Q8}) {
      try (Arena arena = Arena.ofShared();
          KvCache cache = cache(type)) {
        SpanFunctions functions = FUNCTIONS.get(type);
        MemorySegment data = cache.layer(0);
        long keys = data.byteSize() - cache.keysBytes();
        long values = data.byteSize() - cache.valuesBytes();
        MemorySegment keyFloats = arena.allocate(HEAD_DIM * 64L, 4);
        MemorySegment valueFloats = arena.allocate(2 * 16 * 64L, 4);
        SpanCalls.widenKeys(functions, cache, data, keys, keyFloats, 0);
        SpanCalls.widenValues(functions, cache, data, values, valueFloats, 0);
        assertOutOfBounds(
            () -> SpanCalls.widenKeys(functions, cache, data, keys + 1, keyFloats, 0),
            () -> SpanCalls.widenKeys(functions, cache, data, -1, keyFloats, 0),
            () -> SpanCalls.widenKeys(functions, cache, data, keys, keyFloats, 4),
            () -> SpanCalls.widenKeys(functions, cache, data, keys, less(keyFloats), 0),
            () -> SpanCalls.widenValues(functions, cache, data, values + 1, valueFloats, 0),
            () -> SpanCalls.widenValues(functions, cache, data, -1, valueFloats, 0),
            () -> SpanCalls.widenValues(functions, cache, data, values, valueFloats, -4),
            () -> SpanCalls.widenValues(functions, cache, data, values, less(valueFloats), 0));
        SpanFunctions others = FUNCTIONS.get(KvType.BF16);
        MemorySegment sealed = keyFloats.asReadOnly();
        MemorySegment heap = MemorySegment.ofArray(new long[1024]);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SpanCalls.widenKeys(others, cache, data, keys, keyFloats, 0));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SpanCalls.widenKeys(functions, cache, data, keys, sealed, 0));
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SpanCalls.widenKeys(functions, cache, heap, 0, keyFloats, 0));
      }
    }
    try (KvCache cache = cache(KvType.F32)) {
      MemorySegment data = cache.layer(0);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SpanCalls.widenKeys(FUNCTIONS.get(KvType.F32), cache, data, 0, data, 0))
          .withMessage("F32 is read as it lies");
    }
  }

  @Test
  void roundedQueriesNeedRoom() {
    assumeTrue(rounding.isPresent(), "this machine has no dot products of bf16");
    try (Arena arena = Arena.ofShared();
        KvCache cache = cache(KvType.BF16)) {
      long bytes = SpanCalls.scoresBytes(rounding.get(), HEAD_DIM, BLOCKS, HEADS);
      assertThat(bytes).isEqualTo(SpanCalls.tableBytes(BLOCKS) + HEADS * 64);
      Call right =
          scores(arena, cache)
              .of(rounding.get())
              .data(cache.layer(0))
              .offsets(0, 0, 0)
              .table(arena.allocate(bytes, 8));
      right.scores();
      assertOutOfBounds(
          right.table(less(right.table()))::scores, right.inputs(right.inputs(), 4)::scores);
    }
  }

  @Test
  void softmaxRefusesWhatDoesNotFit() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment scores = arena.allocate(2L * SpanProducts.SCORE_BLOCK_BYTES, 4);
      MemorySegment results = arena.allocate(SoftmaxCode.RESULT_BYTES, 4);
      SpanFunctions softmax = FUNCTIONS.get(TYPE);
      SpanCalls.softmax(softmax, scores, 2, HEADS, results);
      assertOutOfBounds(
          () -> SpanCalls.softmax(softmax, scores, 3, HEADS, results),
          () -> SpanCalls.softmax(softmax, less(scores), 2, HEADS, results),
          () -> SpanCalls.softmax(softmax, scores, 2, HEADS, less(results)));
      for (int[] counts : new int[][] {{0, 1}, {-1, 1}, {1, 0}, {1, 9}}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SpanCalls.softmax(softmax, scores, counts[0], counts[1], results));
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SpanCalls.softmax(softmax, scores.asReadOnly(), 2, 1, results));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SpanCalls.softmax(softmax, scores, 2, 1, results.asReadOnly()));
    }
  }

  private static MemorySegment less(MemorySegment segment) {
    return segment.asSlice(0, segment.byteSize() - 1);
  }

  private static void assertOutOfBounds(ThrowingCallable... calls) {
    for (int i = 0; i < calls.length; i++) {
      assertThatThrownBy(calls[i]).as("call %d", i).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  private interface Way {
    void call(Call arguments);
  }

  /** Counts, types and kinds of memory that neither function takes. */
  private static void assertRefused(Call right, Way way) {
    int first = right.first();
    MemorySegment heap = MemorySegment.ofArray(new long[1024]);
    for (Call wrong :
        new Call[] {
          right.counts(first, 0, HEADS),
          right.counts(first, -1, HEADS),
          right.counts(first, BLOCKS, 0),
          right.counts(first, BLOCKS, -1),
          right.counts(first, BLOCKS, 9),
          right.of(FUNCTIONS.get(KvType.BF16)),
          right.out(right.out().asReadOnly(), 0),
          right.table(right.table().asReadOnly()),
          right.data(heap),
          right.inputs(heap, 0),
          right.out(heap, 0),
          right.table(heap)
        }) {
      assertThatIllegalArgumentException().as("%s", wrong).isThrownBy(() -> way.call(wrong));
    }
    Arena gone = Arena.ofShared();
    MemorySegment closed = gone.allocate(1 << 15, 64);
    gone.close();
    for (Call wrong :
        new Call[] {
          right.data(closed), right.inputs(closed, 0), right.out(closed, 0), right.table(closed)
        }) {
      assertThatIllegalStateException().as("%s", wrong).isThrownBy(() -> way.call(wrong));
    }
  }

  @Test
  void refusesFunctionsAndCachesThatAreGone() {
    try (Arena arena = Arena.ofShared()) {
      KvCache cache = cache(TYPE);
      Call scores = scores(arena, cache);
      Call values = values(arena, cache);
      SpanFunctions gone = functions(TYPE);
      gone.close();
      assertThatIllegalStateException().isThrownBy(scores.of(gone)::scores);
      assertThatIllegalStateException().isThrownBy(values.of(gone)::values);
      cache.close();
      assertThatIllegalStateException().isThrownBy(scores::scores);
      assertThatIllegalStateException().isThrownBy(values::values);
    }
  }

  @Test
  void saysWhatTheProcessorLacks() {
    CpuFeatures old =
        new CpuFeatures(Set.of(CpuFeatures.Feature.AVX512F, CpuFeatures.Feature.FMA), 6, 85);
    assertThat(SpanFunctions.load(KvType.F16, old))
        .isEqualTo(new Availability.Unavailable<>("the processor or the system lacks AVX2, F16C"));
  }
}
