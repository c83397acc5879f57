package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.moka.kernels.TestWeights.Experts;
import io.moka.weights.Activation;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Arguments that do not fit each other end in an exception, whatever the operation. */
interface ArgumentContract extends KernelsUnderTest {
  @Test
  default void refusesArgumentsThatDoNotFit() {
    try (Arena arena = Arena.ofShared();
        KvCache cache = new KvCache(KvType.F32, 2, 4, 2, 16)) {
      Map<String, Consumer<Kernels>> calls = new LinkedHashMap<>();
      wrongRows(arena, calls);
      wrongExperts(arena, calls);
      wrongSlots(arena, cache, calls);
      withEach(kernels ->
          calls.forEach((what, call) ->
              assertThat(catchThrowable(() -> call.accept(kernels)))
                  .as(what)
                  .isInstanceOfAny(
                      IllegalArgumentException.class, IndexOutOfBoundsException.class)));
    }
  }

  private static void wrongRows(Arena arena, Map<String, Consumer<Kernels>> calls) {
    Dice dice = new Dice("wrong rows");
    Rows rows = Rows.allocate(arena, 4, 48);
    Rows narrow = Rows.allocate(arena, 4, 47);
    Tensor table = TestWeights.tensor(arena, WeightFormat.F32, 10, 48, 1, dice);
    PackedMatrix matrix = TestWeights.matrix(arena, WeightFormat.F32, 48, 48, 1, dice);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment bias = TestWeights.vector(arena, 47, dice);
    MemorySegment weight = TestWeights.vector(arena, 48, dice);
    int[] ids = {0, 1, 2, 10, -1};

    calls.put("forEach of -1", k -> k.forEach(-1, i -> {}));
    calls.put("embed: id 10 of 10", k -> k.embed(table, ids, 4, rows));
    calls.put("embed: id -1", k -> k.embed(table, new int[] {-1}, 1, rows));
    calls.put("embed: no id", k -> k.embed(table, new int[1], 2, rows));
    calls.put("embed: columns", k -> k.embed(table, ids, 1, narrow));
    calls.put("rmsNorm: weight", k -> k.rmsNorm(rows, bias, 1, 1, 1, rows));
    calls.put("rmsNorm: heads", k -> k.rmsNorm(rows, weight, 1, 1, 5, rows));
    calls.put("rmsNorm: no heads", k -> k.rmsNorm(rows, weight, 1, 1, 0, rows));
    calls.put("rmsNorm: out", k -> k.rmsNorm(rows, weight, 1, 1, 1, narrow));
    calls.put("matmul: x", k -> k.matmul(narrow, matrix, none, 1, rows));
    calls.put("matmul: out", k -> k.matmul(rows, matrix, none, 1, narrow));
    calls.put("matmul: bias", k -> k.matmul(rows, matrix, bias, 1, rows));
    calls.put("matmul: 5 rows of 4", k -> k.matmul(rows, matrix, none, 5, rows));
    calls.put("matmul: -1 rows", k -> k.matmul(rows, matrix, none, -1, rows));
    calls.put("add: columns", k -> k.add(rows, narrow, 1));
    calls.put("add: 5 rows of 4", k -> k.add(rows, rows, 5));
    calls.put("addScaled: factors", k -> k.addScaled(rows, new float[1], 2, rows));
    calls.put("addScaled: columns", k -> k.addScaled(rows, new float[2], 2, narrow));
    calls.put("rotate: angles", k -> k.rotate(rows, rows, 1, 2));
    calls.put("rotate: odd width", k -> k.rotate(narrow, narrow, 1, 1));
    calls.put("gate: columns", k -> k.gate(Activation.SILU, rows, narrow, 1));
  }

  private static void wrongExperts(Arena arena, Map<String, Consumer<Kernels>> calls) {
    Dice dice = new Dice("wrong experts");
    Rows rows = Rows.allocate(arena, 4, 48);
    Rows narrow = Rows.allocate(arena, 4, 47);
    Experts experts =
        TestWeights.experts(arena, 3, WeightFormat.F32, Activation.SILU, 48, 40, dice);
    List<PackedMatrix> matrices = TestWeights.matrices(arena, 3, WeightFormat.F32, 48, 48, dice);
    RouterResult good = routed(0, 2);

    calls.put(
        "moe: expert 3 of 3", k -> k.moe(rows, routed(0, 3), experts.joined(), 1, false, rows));
    calls.put("moe: expert -1", k -> k.moe(rows, routed(-1, 0), experts.apart(), 1, false, rows));
    calls.put("moe: twice", k -> k.moe(rows, routed(1, 1), experts.joined(), 1, false, rows));
    calls.put("moe: 2 rows of 1", k -> k.moe(rows, good, experts.joined(), 2, false, rows));
    calls.put("moe: x", k -> k.moe(narrow, good, experts.joined(), 1, false, rows));
    calls.put("moe: out", k -> k.moe(rows, good, experts.joined(), 1, false, narrow));
    calls.put(
        "groupedMatmul: expert 3 of 3",
        k -> k.groupedMatmul(rows, false, routed(3, 0), matrices, 1, rows));
    calls.put("groupedMatmul: x", k -> k.groupedMatmul(narrow, false, good, matrices, 1, rows));
    calls.put("groupedMatmul: out", k -> k.groupedMatmul(rows, false, good, matrices, 1, narrow));
    calls.put(
        "groupedMatmul: capacity",
        k -> k.groupedMatmul(rows, true, new RouterResult(3, 2), matrices, 3, rows));
    calls.put("combine: columns", k -> k.combine(rows, good, 1, narrow));
    calls.put("combine: capacity", k -> k.combine(rows, new RouterResult(3, 2), 3, rows));
  }

  private static RouterResult routed(int first, int second) {
    RouterResult routing = new RouterResult(1, 2);
    routing.set(0, 0, first, 1);
    routing.set(0, 1, second, 1);
    return routing;
  }

  private static void wrongSlots(Arena arena, KvCache cache, Map<String, Consumer<Kernels>> calls) {
    AttentionShape good = new AttentionShape(4, 2, 16, 100);
    AttentionShape heads = new AttentionShape(4, 1, 32, 100);
    AttentionShape width = new AttentionShape(8, 4, 8, 100);
    slots(arena, cache, "heads", 0, heads, 5, 0, calls);
    slots(arena, cache, "width", 0, width, 5, 0, calls);
    slots(arena, cache, "layer 2 of 2", 2, good, 5, 0, calls);
    slots(arena, cache, "layer -1", -1, good, 5, 0, calls);
    slots(arena, cache, "position -1", 0, good, -1, 0, calls);
    slots(arena, cache, "block 4 of 4", 0, good, 5, 4, calls);
    slots(arena, cache, "block -1", 0, good, 5, -1, calls);
    Rows narrow = Rows.allocate(arena, 1, 31);
    Rows keys = Rows.allocate(arena, 1, 32);
    SlotMap slots = slot(0, 0);
    calls.put("store: keys", k -> k.store(narrow, keys, cache, 0, slots, good, 1));
    calls.put("store: values", k -> k.store(keys, narrow, cache, 0, slots, good, 1));
    calls.put("attention: queries", k -> k.attention(keys, cache, 0, slots, good, 1, keys));
  }

  private static void slots(
      Arena arena,
      KvCache cache,
      String what,
      int layer,
      AttentionShape shape,
      int position,
      int block,
      Map<String, Consumer<Kernels>> calls) {
    Rows keys = Rows.allocate(arena, 1, shape.kvHeads() * shape.headDim());
    Rows queries = Rows.allocate(arena, 1, shape.heads() * shape.headDim());
    SlotMap slots = slot(position, block);
    calls.put("store: " + what, k -> k.store(keys, keys, cache, layer, slots, shape, 1));
    calls.put(
        "attention: " + what, k -> k.attention(queries, cache, layer, slots, shape, 1, queries));
  }

  private static SlotMap slot(int position, int block) {
    return new SlotMap() {
      @Override
      public int position(int row) {
        return position;
      }

      @Override
      public int block(int row, int index) {
        return block;
      }
    };
  }
}
