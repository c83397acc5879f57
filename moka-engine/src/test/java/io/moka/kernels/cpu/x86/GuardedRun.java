package io.moka.kernels.cpu.x86;

import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/** Runs every kernel between forbidden pages; the process of {@link GuardPagesTest}. */
final class GuardedRun {
  /** Groups that rows are multiplied with at once. */
  private static final int[] GROUPS = {1, 3};

  private static final int[] BLOCKS = {1, 2, 5, 16};
  private static final int[] COLUMNS = {1, 2, 3, 37, 200, 513};
  private static final int[] HEAD_DIMS = {2, 14, 16, 34, 48, 80};
  private static final int SPAN_BLOCKS = 4;

  /** Each that has a function of its own, and each rest of the loop over many. */
  private static final int[] INT8_ROWS =
      IntStream.concat(IntStream.rangeClosed(1, 20), IntStream.of(GroupProducts.MAX_ROWS))
          .toArray();

  /** Two full panels and a last one. */
  private static final int TILE_ROWS = 37;

  private GuardedRun() {}

  public static void main(String[] arguments) {
    if (arguments[0].equals("overrun")) {
      overrun(arguments[1].equals("end"));
      return;
    }
    CpuFeatures features =
        ((CpuFeatures.Found) CpuFeatures.detect())
            .features()
            .limitedTo(InstructionSet.valueOf(arguments[0]));
    int calls = 0;
    for (boolean atEnd : new boolean[] {true, false}) {
      calls +=
          switch (arguments[1]) {
            case "rounded" -> bf16(features, atEnd);
            case "gates" -> gates(features, atEnd);
            case "parts" -> parts(features, atEnd);
            case "tiles" -> tiles(WeightFormat.valueOf(arguments[2]), features, atEnd);
            case "attention" ->
                attention(SpanFunctions.load(KvType.valueOf(arguments[2]), features), atEnd);
            case "attention-rounded" -> attention(SpanFunctions.loadRounding(features), atEnd);
            default ->
                Processor.ofEachFamily(features).stream()
                    .mapToInt(each -> products(WeightFormat.valueOf(arguments[1]), each, atEnd))
                    .sum();
          };
    }
    System.out.println(calls + " products");
  }

  private static int products(WeightFormat format, CpuFeatures features, boolean atEnd) {
    return format.isQuantised()
        ? quantised(format, features, atEnd)
        : floats(format, features, atEnd);
  }

  private static int gates(CpuFeatures features, boolean atEnd) {
    try (GateFunctions functions =
        ((Availability.Ready<GateFunctions>) GateFunctions.load(features)).value()) {
      for (int count = 1; count <= GroupProducts.MAX_ROWS; count++) {
        try (GuardedArena arena = new GuardedArena(atEnd)) {
          GateCalls.silu(functions, arena.allocate(count * GroupProducts.SUM_BYTES, 4), count);
        }
      }
    }
    return GroupProducts.MAX_ROWS;
  }

  private static int bf16(CpuFeatures features, boolean atEnd) {
    int calls = 0;
    try (Bf16Functions functions =
        ((Availability.Ready<Bf16Functions>) Bf16Functions.load(features)).value()) {
      for (int columns : COLUMNS) {
        for (int rows = 1; rows <= GroupCode.MAX_ROWS; rows++) {
          for (int groups : GROUPS) {
            bf16(functions, columns, rows, groups, atEnd);
            calls++;
          }
        }
      }
    }
    return calls;
  }

  private static void bf16(
      Bf16Functions functions, int columns, int rows, int groups, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      long strip = PackedMatrix.stripBytes(WeightFormat.BF16, columns);
      MemorySegment weights = arena.allocate(groups * PackedMatrix.GROUP_STRIPS * strip, 64);
      long stride = (columns + 1L) * Float.BYTES;
      MemorySegment x = arena.allocate((rows - 1) * stride + columns * 4L, 4);
      MemorySegment panel = arena.allocate(Bf16Calls.panelBytes(columns, rows), 4);
      MemorySegment out = arena.allocate(groups * rows * GroupProducts.SUM_BYTES, 4);
      for (int row = 0; row < rows; row++) {
        long from = row * stride;
        Bf16RowCalls.fill(
            functions.round(), 1, x, from, stride, 0, columns, panel, 0, row, rows, rows);
      }
      long next = weights.address();
      int shares = groups == 1 ? 3 : 1;
      Bf16Calls.product(
          functions, weights, 0, groups, columns, next, shares / 2, shares, panel, 0, rows, out, 0);
    }
  }

  private static int quantised(WeightFormat format, CpuFeatures features, boolean atEnd) {
    TileLayout layout = format.tiles().orElseThrow();
    int calls = 0;
    try (Int8Functions functions =
        ((Availability.Ready<Int8Functions>) Int8Functions.load(layout, features)).value()) {
      for (int blocks : BLOCKS) {
        for (int rows : INT8_ROWS) {
          for (int groups : GROUPS) {
            if (rows > functions.mostRows() || groups * rows > GroupProducts.MAX_ROWS) {
              continue;
            }
            quantised(functions, blocks * format.blockElements(), rows, groups, atEnd);
            calls++;
          }
        }
      }
    }
    return calls;
  }

  private static void quantised(
      Int8Functions functions, int columns, int rows, int groups, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      int tiles = columns / TileLayout.TILE_COLUMNS;
      long group = PackedMatrix.GROUP_STRIPS * functions.layout().stripBytes(columns);
      MemorySegment weights = arena.allocate(groups * group, 64);
      long stride = (columns + 1L) * Float.BYTES;
      MemorySegment x = arena.allocate((rows - 1) * stride + columns * 4L, 4);
      MemorySegment panel = arena.allocate(functions.rec().panelBytes(columns, rows), 4);
      MemorySegment out = arena.allocate(groups * rows * GroupProducts.SUM_BYTES, 4);
      for (int row = 0; row < rows; row++) {
        Int8Calls.quantise(functions, x, 0, stride, 0, tiles, panel, 0, row, rows, rows);
        long from = row * stride;
        Int8Calls.quantise(functions, x, from, 0, 0, tiles, panel, 0, row, row + 1, rows);
      }
      long next = weights.address();
      Int8Calls.product(functions, weights, 0, groups, columns, next, panel, 0, rows, out, 0);
    }
  }

  private static int tiles(WeightFormat format, CpuFeatures features, boolean atEnd) {
    TilePermission.request();
    TileLayout layout = format.tiles().orElseThrow();
    int calls = 0;
    try (AmxInt8Functions functions =
        ((Availability.Ready<AmxInt8Functions>) AmxInt8Functions.load(layout, features)).value()) {
      for (int blocks : BLOCKS) {
        for (int rows = 1; rows <= TILE_ROWS; rows++) {
          tiles(functions, blocks * format.blockElements(), rows, atEnd);
          calls++;
        }
      }
    }
    return calls;
  }

  private static void tiles(AmxInt8Functions functions, int columns, int rows, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      long group = PackedMatrix.GROUP_STRIPS * functions.layout().stripBytes(columns);
      MemorySegment weights = arena.allocate(group, 64);
      MemorySegment panels = arena.allocate(functions.rec().panelBytes(columns, rows), 4);
      MemorySegment out = arena.allocate(rows * GroupProducts.SUM_BYTES, 4);
      MemorySegment chunk = arena.allocate(AmxInt8Calls.chunkBytes(functions), 64);
      long next = weights.address();
      AmxInt8Calls.product(functions, weights, 0, columns, next, panels, 0, rows, out, 0, chunk);
    }
  }

  private static int parts(CpuFeatures features, boolean atEnd) {
    TilePermission.request();
    int calls = 0;
    for (boolean rounded : new boolean[] {true, false}) {
      try (AmxBf16Functions functions =
          ((Availability.Ready<AmxBf16Functions>)
                  (rounded ? AmxBf16Functions.rounded(features) : AmxBf16Functions.exact(features)))
              .value()) {
        for (int columns : COLUMNS) {
          for (int rows = 1; rows <= TILE_ROWS; rows++) {
            parts(functions, columns, rows, atEnd);
            calls++;
          }
        }
      }
    }
    return calls;
  }

  private static void parts(AmxBf16Functions functions, int columns, int rows, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      long strip = PackedMatrix.stripBytes(WeightFormat.BF16, columns);
      MemorySegment weights = arena.allocate(PackedMatrix.GROUP_STRIPS * strip, 64);
      MemorySegment x = arena.allocate(columns * 4L, 4);
      MemorySegment panels = arena.allocate(AmxBf16Calls.panelBytes(functions, columns, rows), 4);
      MemorySegment out = arena.allocate(rows * GroupProducts.SUM_BYTES, 4);
      MemorySegment rest = arena.allocate(AmxBf16Calls.REST_BYTES, 64);
      for (int row = 0; row < rows; row++) {
        int first = row / GroupCode.MAX_ROWS * GroupCode.MAX_ROWS;
        long at = AmxBf16Calls.panelBytes(functions, columns, first);
        int own = Math.min(GroupCode.MAX_ROWS, rows - first);
        Bf16RowCalls.fill(
            functions.toParts(),
            functions.parts(),
            x,
            0,
            0,
            0,
            columns,
            panels,
            at,
            row - first,
            row - first + 1,
            own);
      }
      long next = weights.address();
      AmxBf16Calls.product(functions, weights, 0, columns, next, panels, 0, rows, out, 0, rest);
    }
  }

  private static int floats(WeightFormat format, CpuFeatures features, boolean atEnd) {
    int calls = 0;
    try (FloatFunctions functions =
        ((Availability.Ready<FloatFunctions>) FloatFunctions.load(format, features)).value()) {
      for (int columns : COLUMNS) {
        for (int rows = 1; rows <= functions.mostRows(); rows++) {
          for (int groups : GROUPS) {
            floats(functions, columns, rows, groups, atEnd);
            calls++;
          }
        }
      }
    }
    return calls;
  }

  private static void floats(
      FloatFunctions functions, int columns, int rows, int groups, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      long group = PackedMatrix.GROUP_STRIPS * PackedMatrix.stripBytes(functions.format(), columns);
      MemorySegment weights = arena.allocate(groups * group, 64);
      long rowBytes = (columns + 1) / 2 * 8L;
      MemorySegment x = arena.allocate(rows * rowBytes, 4);
      MemorySegment out = arena.allocate(groups * rows * GroupProducts.SUM_BYTES, 4);
      MemorySegment table = arena.allocate(FloatCalls.TABLE_BYTES, 8);
      long[] offsets = new long[rows];
      for (int row = 0; row < rows; row++) {
        offsets[row] = row * rowBytes;
      }
      long next = weights.address();
      FloatCalls.product(
          functions, weights, 0, groups, columns, next, x, offsets, 0, rows, out, 0, table);
    }
  }

  private static int attention(Availability<SpanFunctions> loaded, boolean atEnd) {
    int calls = 0;
    try (SpanFunctions functions = ((Availability.Ready<SpanFunctions>) loaded).value()) {
      for (int headDim : HEAD_DIMS) {
        if (functions.widening().isPresent()) {
          widen(functions, headDim, atEnd);
          calls += 2;
        }
        for (int blocks = 1; blocks <= SPAN_BLOCKS; blocks++) {
          for (int heads = 1; heads <= SpanProducts.MAX_HEADS; heads++) {
            scores(functions, headDim, blocks, heads, atEnd);
            values(functions, headDim, blocks, heads, atEnd);
            softmax(functions, blocks, heads, atEnd);
            calls += 3;
          }
        }
      }
    }
    return calls;
  }

  /** The blocks from the last in memory to the first. */
  private static void scores(
      SpanFunctions functions, int headDim, int blocks, int heads, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd);
        KvCache cache = new KvCache(functions.type(), 1, 1, 1, headDim)) {
      long bytes = cache.keysBytes();
      MemorySegment keys = arena.allocate(blocks * bytes, 64);
      MemorySegment queries = arena.allocate(heads * headDim * 4L, 4);
      long even = (blocks + 1) / 2 * 2L;
      MemorySegment scores = arena.allocate(even * SpanProducts.SCORE_BLOCK_BYTES, 4);
      MemorySegment table =
          arena.allocate(SpanCalls.scoresBytes(functions, headDim, blocks, heads), 8);
      long[] offsets = backwards(blocks, bytes);
      SpanCalls.scores(
          functions, cache, keys, offsets, blocks, queries, 0, heads, 1f, scores, 0, table);
    }
  }

  private static void values(
      SpanFunctions functions, int headDim, int blocks, int heads, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd);
        KvCache cache = new KvCache(functions.type(), 1, 1, 1, headDim)) {
      long bytes = cache.valuesBytes();
      MemorySegment values = arena.allocate(blocks * bytes, 64);
      MemorySegment p = arena.allocate(blocks * (long) SpanProducts.SCORE_BLOCK_BYTES, 4);
      MemorySegment sums = arena.allocate(heads * SpanProducts.sumsStride(headDim), 4);
      MemorySegment table = arena.allocate(SpanCalls.tableBytes(blocks), 8);
      long[] offsets = backwards(blocks, bytes);
      SpanCalls.addValues(functions, cache, values, offsets, 0, blocks, p, 0, heads, sums, table);
    }
  }

  private static void widen(SpanFunctions functions, int headDim, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd);
        KvCache cache = new KvCache(functions.type(), 1, 1, 1, headDim);
        KvCache floats = new KvCache(KvType.F32, 1, 1, 1, headDim)) {
      MemorySegment keys = arena.allocate(cache.keysBytes(), 1);
      MemorySegment wideKeys = arena.allocate(floats.keysBytes(), 4);
      SpanCalls.widenKeys(functions, cache, keys, 0, wideKeys, 0);
      MemorySegment values = arena.allocate(cache.valuesBytes(), 1);
      MemorySegment wideValues = arena.allocate(floats.valuesBytes(), 4);
      SpanCalls.widenValues(functions, cache, values, 0, wideValues, 0);
    }
  }

  private static void softmax(SpanFunctions functions, int blocks, int heads, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      MemorySegment scores = arena.allocate(blocks * (long) SpanProducts.SCORE_BLOCK_BYTES, 4);
      MemorySegment results = arena.allocate(SoftmaxCode.RESULT_BYTES, 4);
      SpanCalls.softmax(functions, scores, blocks, heads, results);
    }
  }

  private static long[] backwards(int blocks, long bytes) {
    long[] offsets = new long[blocks];
    for (int i = 0; i < blocks; i++) {
      offsets[i] = (blocks - 1 - i) * bytes;
    }
    return offsets;
  }

  /** One byte too far, to show that the pages forbid it. */
  private static void overrun(boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      MemorySegment memory = arena.allocate(100, 1);
      long address = memory.address() + (atEnd ? 100 : -1);
      byte read = MemorySegment.ofAddress(address).reinterpret(1).get(ValueLayout.JAVA_BYTE, 0);
      System.out.println("read " + read);
    }
  }
}
