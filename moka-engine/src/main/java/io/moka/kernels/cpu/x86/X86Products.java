package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * The products in machine code; formats that have none, and exact products with quantised weights,
 * are left to other products. Both give the same bits. Owns its code.
 */
public final class X86Products implements GroupProducts, AutoCloseable {
  private final Activations activations;
  private final GroupProducts rest;
  private final Map<WeightFormat, Int8Functions> functions = new EnumMap<>(WeightFormat.class);
  private final Map<WeightFormat, FloatFunctions> floats = new EnumMap<>(WeightFormat.class);
  private final Map<KvType, SpanFunctions> spans = new EnumMap<>(KvType.class);

  /** For BF16 where rows are rounded to it, and the processor multiplies it. */
  private final Map<WeightFormat, Bf16Functions> bf16 = new EnumMap<>(WeightFormat.class);

  private final int threads;
  private final String instructions;

  private X86Products(
      Activations activations, GroupProducts rest, int threads, CpuFeatures features) {
    this.activations = activations;
    this.rest = rest;
    this.threads = threads;
    this.instructions = features.instructions();
  }

  /** What became of an attempt to use machine code. */
  public sealed interface Attempt {}

  /**
   * It can be used.
   *
   * @param products to be closed when no call is under way
   */
  public record Ready(X86Products products) implements Attempt {}

  /**
   * It cannot be used.
   *
   * @param reason one clause, for a log
   */
  public record Refused(String reason) implements Attempt {}

  /**
   * Asks processor and system for what is needed, and writes the code.
   *
   * @param activations which rows are rounded
   * @param rest takes the formats and rows that have no machine code
   * @param threads threads that will call, each taking the next group of a matrix in turn
   * @param most the last step of instructions to use
   * @return the products, or why there are none
   */
  public static Attempt open(
      Activations activations, GroupProducts rest, int threads, InstructionSet most) {
    return switch (CpuFeatures.detect()) {
      case CpuFeatures.Unknown(String reason) -> new Refused(reason);
      case CpuFeatures.Found(CpuFeatures features) ->
          open(activations, rest, threads, features.limitedTo(most));
    };
  }

  static Attempt open(
      Activations activations, GroupProducts rest, int threads, CpuFeatures features) {
    X86Products products = new X86Products(activations, rest, threads, features);
    Optional<String> refusal = products.load(features);
    if (refusal.isPresent()) {
      products.close();
      return new Refused(refusal.get());
    }
    return new Ready(products);
  }

  /** Writes the functions of all formats; answers why one of them could not be had. */
  private Optional<String> load(CpuFeatures features) {
    for (WeightFormat format : WeightFormat.values()) {
      if (!format.isQuantised()) {
        switch (FloatFunctions.load(format, features)) {
          case Availability.Ready(FloatFunctions ready) -> floats.put(format, ready);
          case Availability.Unavailable(String reason) -> {
            return Optional.of(reason);
          }
        }
        if (activations.roundsToBf16(format)
            && Bf16Functions.load(features) instanceof Availability.Ready(Bf16Functions ready)) {
          bf16.put(format, ready);
        }
      } else if (activations.quantises(format)) {
        switch (Int8Functions.load(format.tiles().orElseThrow(), features)) {
          case Availability.Ready(Int8Functions ready) -> functions.put(format, ready);
          case Availability.Unavailable(String reason) -> {
            return Optional.of(reason);
          }
        }
      }
    }
    for (KvType type : KvType.values()) {
      switch (SpanFunctions.load(type, features)) {
        case Availability.Ready(SpanFunctions ready) -> spans.put(type, ready);
        case Availability.Unavailable(String reason) -> {
          return Optional.of(reason);
        }
      }
    }
    return Optional.empty();
  }

  /**
   * The products of attention.
   *
   * @return as long as these are open
   */
  public SpanProducts spans() {
    return new X86Spans(spans);
  }

  @Override
  public String description() {
    return "x86 machine code, " + instructions + (bf16.isEmpty() ? "" : " and BF16");
  }

  @Override
  public boolean usesTiles(WeightFormat format) {
    return activations.rounds(format);
  }

  @Override
  public int tileRows() {
    return GroupCode.MAX_ROWS;
  }

  @Override
  public long tileRowBytes(WeightFormat format, int columns) {
    if (bf16.containsKey(format)) {
      return Bf16Calls.panelBytes(columns, 1);
    }
    Int8Functions own = functions.get(format);
    return own == null ? rest.tileRowBytes(format, columns) : own.rec().panelBytes(columns, 1);
  }

  @Override
  public void quantise(
      WeightFormat format,
      MemorySegment x,
      long from,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int rows,
      int columns) {
    Bf16Functions rounded = bf16.get(format);
    if (rounded != null) {
      Bf16Calls.round(rounded, x, from, firstColumn, count, tiles, at, row, rows);
      return;
    }
    Int8Functions own = functions.get(format);
    if (own == null) {
      rest.quantise(format, x, from, firstColumn, count, tiles, at, row, rows, columns);
    } else {
      int firstBlock = firstColumn / ActivationRecord.COLUMNS;
      int blocks = count / ActivationRecord.COLUMNS;
      Int8Calls.quantise(own, x, from, firstBlock, blocks, tiles, at, row, rows);
    }
  }

  @Override
  public void multiplyTiles(
      PackedMatrix weights,
      long strip,
      int strips,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch) {
    if (bf16.containsKey(weights.format())) {
      multiplyBf16(weights, strip, tiles, at, count, scratch);
      return;
    }
    Int8Functions own = functions.get(weights.format());
    if (own == null) {
      rest.multiplyTiles(weights, strip, strips, tiles, at, count, scratch);
      return;
    }
    int columns = weights.columns();
    long rowBytes = own.rec().panelBytes(columns, 1);
    long next = weights.data().address() + strip + PackedMatrix.GROUP_STRIPS * weights.stripBytes();
    for (int first = 0; first < count; first += GroupCode.MAX_ROWS) {
      int rows = Math.min(GroupCode.MAX_ROWS, count - first);
      Int8Calls.product(
          own,
          weights.data(),
          strip,
          columns,
          next,
          tiles,
          at + first * rowBytes,
          rows,
          scratch.sums(),
          first * SUM_BYTES);
    }
  }

  private void multiplyBf16(
      PackedMatrix weights, long strip, MemorySegment tiles, long at, int count, Scratch scratch) {
    int columns = weights.columns();
    long rowBytes = Bf16Calls.panelBytes(columns, 1);
    // threads take groups in turn
    long ahead = threads * PackedMatrix.GROUP_STRIPS * weights.stripBytes();
    long next = weights.data().address() + strip + ahead;
    int panels = Math.ceilDiv(count, GroupCode.MAX_ROWS);
    for (int panel = 0; panel < panels; panel++) {
      int first = panel * GroupCode.MAX_ROWS;
      Bf16Calls.product(
          bf16.get(weights.format()),
          weights.data(),
          strip,
          columns,
          next,
          panel,
          panels,
          tiles,
          at + first * rowBytes,
          Math.min(GroupCode.MAX_ROWS, count - first),
          scratch.sums(),
          first * SUM_BYTES);
    }
  }

  @Override
  public void multiplyRows(
      PackedMatrix weights, long strip, int strips, MemorySegment x, int count, Scratch scratch) {
    FloatFunctions own = floats.get(weights.format());
    if (own == null) {
      rest.multiplyRows(weights, strip, strips, x, count, scratch);
      return;
    }
    long next = weights.data().address() + strip + PackedMatrix.GROUP_STRIPS * weights.stripBytes();
    MemorySegment table = scratch.panel(FloatCalls.TABLE_BYTES);
    // calls of about as many rows each: with very few the weights would be read for little
    int calls = Math.max(1, Math.ceilDiv(count, own.mostRows()));
    int atOnce = Math.ceilDiv(count, calls);
    for (int first = 0; first < count; first += atOnce) {
      FloatCalls.product(
          own,
          weights.data(),
          strip,
          weights.columns(),
          next,
          x,
          scratch.rows(),
          first,
          Math.min(atOnce, count - first),
          scratch.sums(),
          first * SUM_BYTES,
          table);
    }
  }

  @Override
  public void close() {
    functions.values().forEach(Int8Functions::close);
    functions.clear();
    floats.values().forEach(FloatFunctions::close);
    floats.clear();
    spans.values().forEach(SpanFunctions::close);
    spans.clear();
    bf16.values().forEach(Bf16Functions::close);
    bf16.clear();
  }
}
