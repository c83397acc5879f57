package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.weights.Activation;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The products in machine code; formats that have none, and exact products with quantised weights,
 * are left to other products. Both give the same bits, but for BF16 weights where the processor
 * multiplies tiles. Owns its code and those other products.
 */
public final class X86Products implements GroupProducts {
  private final Activations activations;
  private final GroupProducts rest;

  /** For formats whose rows come in tiles. */
  private final Map<WeightFormat, TileProducts> tiled = new EnumMap<>(WeightFormat.class);

  /** For formats whose rows stay as they are. */
  private final Map<WeightFormat, FloatFunctions> floats = new EnumMap<>(WeightFormat.class);

  private final Map<KvType, SpanFunctions> spans = new EnumMap<>(KvType.class);

  /** What joins gate and up; there once the code is loaded. */
  private Optional<GateFunctions> gates = Optional.empty();

  private String description = "";

  private X86Products(Activations activations, GroupProducts rest) {
    this.activations = activations;
    this.rest = rest;
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
   * @param rest takes the formats and rows that have no machine code; closed with the products, or
   *     at once where there are none
   * @param most the last step of instructions to use
   * @return the products, or why there are none
   */
  public static Attempt open(Activations activations, GroupProducts rest, InstructionSet most) {
    return switch (CpuFeatures.detect()) {
      case CpuFeatures.Unknown(String reason) -> {
        rest.close();
        yield new Refused(reason);
      }
      case CpuFeatures.Found(CpuFeatures features) ->
          open(activations, rest, features.limitedTo(most));
    };
  }

  static Attempt open(Activations activations, GroupProducts rest, CpuFeatures features) {
    X86Products products = new X86Products(activations, rest);
    boolean loaded = false;
    try {
      products.load(features);
      loaded = true;
      return new Ready(products);
    } catch (NotHere e) {
      return new Refused(e.getMessage());
    } finally {
      if (!loaded) {
        products.close();
      }
    }
  }

  /** Something that no product can do without is not to be had. */
  private static final class NotHere extends Exception {
    private static final long serialVersionUID = 1;

    NotHere(String reason) {
      super(reason);
    }
  }

  private static <T> T need(Availability<T> functions) throws NotHere {
    return switch (functions) {
      case Availability.Ready(T ready) -> ready;
      case Availability.Unavailable(String reason) -> throw new NotHere(reason);
    };
  }

  private static <T> Optional<T> ifThere(Availability<T> functions) {
    return functions instanceof Availability.Ready(T ready) ? Optional.of(ready) : Optional.empty();
  }

  /** Writes the functions of all formats. */
  private void load(CpuFeatures features) throws NotHere {
    Tiles tiles = Tiles.of(features);
    for (WeightFormat format : WeightFormat.values()) {
      if (activations.quantises(format)) {
        TileLayout layout = format.tiles().orElseThrow();
        Int8Functions functions = need(Int8Functions.load(layout, features));
        Optional<AmxInt8Functions> amx =
            tiles.usable() ? ifThere(AmxInt8Functions.load(layout, features)) : Optional.empty();
        tiled.put(format, new Int8Products(functions, amx));
      } else if (!format.isQuantised()) {
        floats.put(format, need(FloatFunctions.load(format, features)));
      }
    }
    if (tiles.usable()) {
      boolean rounds = activations.roundsToBf16(WeightFormat.BF16);
      ifThere(rounds ? AmxBf16Functions.rounded(features) : AmxBf16Functions.exact(features))
          .map(AmxBf16Products::new)
          .ifPresent(products -> tiled.put(WeightFormat.BF16, products));
    }
    if (activations.roundsToBf16(WeightFormat.BF16) && !tiled.containsKey(WeightFormat.BF16)) {
      ifThere(Bf16Functions.load(features))
          .map(Bf16Products::new)
          .ifPresent(products -> tiled.put(WeightFormat.BF16, products));
    }
    for (KvType type : KvType.values()) {
      if (activations.roundsToBf16(type)) {
        ifThere(SpanFunctions.loadRounding(features)).ifPresent(own -> spans.put(type, own));
      } else if (type.format().isPresent()) {
        spans.put(type, need(SpanFunctions.load(type, features)));
      } else {
        ifThere(SpanFunctions.load(type, features)).ifPresent(own -> spans.put(type, own));
      }
    }
    gates = Optional.of(need(GateFunctions.load(features)));
    description = describe(features, tiles);
  }

  private String describe(CpuFeatures features, Tiles tiles) {
    List<String> parts = new ArrayList<>(List.of(features.instructions()));
    if (tiled.get(WeightFormat.BF16) instanceof Bf16Products) {
      parts.add("BF16");
    }
    if (tiled.values().stream().anyMatch(TileProducts::usesAmx)) {
      parts.add("AMX");
    }
    String last = parts.size() == 1 ? "" : " and " + parts.removeLast();
    String refusal = tiles.refusal().map("; "::concat).orElse("");
    return "x86 machine code, " + String.join(", ", parts) + last + refusal;
  }

  /**
   * Whether tiles may be used.
   *
   * @param usable the processor has them and the system permits them
   * @param refusal of the system, where the processor has them
   */
  private record Tiles(boolean usable, Optional<String> refusal) {
    static Tiles of(CpuFeatures features) {
      if (!features.missing(AmxInt8Functions.NEEDED).isEmpty()
          && !features.missing(AmxBf16Functions.NEEDED).isEmpty()) {
        return new Tiles(false, Optional.empty());
      }
      Optional<String> refusal = TilePermission.request();
      return new Tiles(refusal.isEmpty(), refusal);
    }
  }

  /**
   * The products of attention.
   *
   * @param others take the types of caches that have no machine code
   * @return as long as these are open
   */
  public SpanProducts spans(SpanProducts others) {
    return new X86Spans(spans, others);
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public boolean usesTiles(WeightFormat format) {
    return tiled.containsKey(format) || rest.usesTiles(format);
  }

  @Override
  public int tileRows(WeightFormat format, int rows) {
    TileProducts own = tiled.get(format);
    return own == null ? rest.tileRows(format, rows) : own.tileRows(rows);
  }

  @Override
  public long tileRowBytes(WeightFormat format, int columns) {
    TileProducts own = tiled.get(format);
    return own == null ? rest.tileRowBytes(format, columns) : own.rowBytes(columns);
  }

  @Override
  public void quantise(
      WeightFormat format,
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int end,
      int rows,
      int columns,
      Scratch scratch) {
    TileProducts own = tiled.get(format);
    if (own == null) {
      rest.quantise(
          format,
          x,
          from,
          xStride,
          firstColumn,
          count,
          tiles,
          at,
          row,
          end,
          rows,
          columns,
          scratch);
    } else {
      own.quantise(x, from, xStride, firstColumn, count, tiles, at, row, end, rows);
    }
  }

  @Override
  public void gate(Activation activation, int count, Scratch scratch) {
    if (activation == Activation.SILU) {
      GateCalls.silu(gates.orElseThrow(IllegalStateException::new), scratch.sums(), count);
    } else {
      rest.gate(activation, count, scratch);
    }
  }

  @Override
  public int groupsAtOnce(WeightFormat format, int rows) {
    TileProducts own = tiled.get(format);
    if (own != null) {
      return own.groupsAtOnce(rows);
    }
    FloatFunctions inFloats = floats.get(format);
    return inFloats == null || rest.usesTiles(format)
        ? rest.groupsAtOnce(format, rows)
        : TileProducts.groupsAtOnce(rows, inFloats.mostRows());
  }

  private void check(WeightFormat format, int groups, int rows) {
    if (groups < 1 || groups > groupsAtOnce(format, rows)) {
      throw new IllegalArgumentException(rows + " rows with " + groups + " groups of " + format);
    }
  }

  @Override
  public void multiplyTiles(
      PackedMatrix weights,
      int group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch) {
    check(weights.format(), groups, count);
    TileProducts own = tiled.get(weights.format());
    if (own == null) {
      rest.multiplyTiles(weights, group, groups, tiles, at, count, scratch);
    } else {
      own.multiply(weights, group, groups, tiles, at, count, scratch);
    }
  }

  @Override
  public void multiplyRows(
      PackedMatrix weights, int group, int groups, MemorySegment x, int count, Scratch scratch) {
    check(weights.format(), groups, count);
    FloatFunctions own = floats.get(weights.format());
    if (own == null) {
      rest.multiplyRows(weights, group, groups, x, count, scratch);
      return;
    }
    long next = TileProducts.nextGroup(weights, group, groups);
    MemorySegment table = scratch.panel(FloatCalls.TABLE_BYTES);
    // calls of about as many rows each: with very few the weights would be read for little
    int calls = Math.max(1, Math.ceilDiv(count, own.mostRows()));
    int atOnce = Math.ceilDiv(count, calls);
    for (int first = 0; first < count; first += atOnce) {
      FloatCalls.product(
          own,
          weights.data(),
          group * weights.groupBytes(),
          groups,
          weights.columns(),
          next,
          x,
          scratch.rows(),
          first,
          Math.min(atOnce, count - first),
          scratch.sums(),
          first * groups * SUM_BYTES,
          table);
    }
  }

  @Override
  public void close() {
    tiled.values().forEach(TileProducts::close);
    tiled.clear();
    floats.values().forEach(FloatFunctions::close);
    floats.clear();
    spans.values().forEach(SpanFunctions::close);
    spans.clear();
    gates.ifPresent(GateFunctions::close);
    gates = Optional.empty();
    rest.close();
  }
}
