package io.moka.kernels;

import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.ExpertWeights.Joined;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.MatrixView;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Random weights, routings and vectors. */
final class TestWeights {
  /** The formats whose numbers stand alone. */
  static final List<WeightFormat> FLOATS =
      Stream.of(WeightFormat.values()).filter(format -> !format.isQuantised()).toList();

  /** The formats of codes and scales. */
  static final List<WeightFormat> QUANTISED =
      Stream.of(WeightFormat.values()).filter(WeightFormat::isQuantised).toList();

  private TestWeights() {}

  /**
   * A matrix of small numbers; one in 16 is a zero of either sign, {@code extreme} or its negative,
   * or so small that binary16 holds it as a subnormal.
   */
  static Tensor tensor(
      Arena arena, WeightFormat format, int rows, int columns, float extreme, Dice dice) {
    long elements = (long) rows * columns;
    MemorySegment data = arena.allocate(format.bytes(elements));
    if (format.isQuantised()) {
      fillBlocks(format, data, dice);
      return new Tensor("random", format, List.of((long) rows, (long) columns), data);
    }
    for (long i = 0; i < elements; i++) {
      float value =
          dice.below(16) == 0
              ? dice.oneOf(0f, -0f, extreme, -extreme, 0x1p-24f, -0x1.8p-16f)
              : 0.1f * dice.normal();
      FloatStrips.put(format, data, format.bytes(i), value);
    }
    return new Tensor("random", format, List.of((long) rows, (long) columns), data);
  }

  /** Random codes with scales below a tenth; one in 16 is a zero of either sign or subnormal. */
  private static void fillBlocks(WeightFormat format, MemorySegment data, Dice dice) {
    for (long at = 0; at < data.byteSize(); at++) {
      data.set(ValueLayout.JAVA_BYTE, at, (byte) dice.below(256));
    }
    int[] halves = halves(format);
    for (long block = 0; block < data.byteSize(); block += format.blockBytes()) {
      if (format == WeightFormat.MXFP4) {
        int exponent = dice.below(16) == 0 ? dice.below(3) : 118 + dice.below(8);
        data.set(ValueLayout.JAVA_BYTE, block, (byte) exponent);
        continue;
      }
      for (int half : halves) {
        float scale =
            dice.below(16) == 0
                ? dice.oneOf(0f, -0f, 0x1p-24f, -0x1.8p-16f)
                : 0.02f * dice.normal();
        data.set(ValueLayout.JAVA_SHORT_UNALIGNED, block + half, Float.floatToFloat16(scale));
      }
    }
  }

  /** Where the halves of a block lie, in bytes. */
  private static int[] halves(WeightFormat format) {
    return switch (format) {
      case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
      case Q2_K -> new int[] {80, 82};
      case Q3_K -> new int[] {108};
      case Q6_K -> new int[] {208};
      case MXFP4 -> new int[0];
      default -> new int[] {0};
    };
  }

  /** Blocks whose bytes are two in turn, with halves of 1. */
  static PackedMatrix filled(
      Arena arena, WeightFormat format, int rows, int columns, int even, int odd) {
    MemorySegment data = arena.allocate(format.bytes((long) rows * columns));
    for (long at = 0; at < data.byteSize(); at++) {
      data.set(ValueLayout.JAVA_BYTE, at, (byte) (at % 2 == 0 ? even : odd));
    }
    for (long block = 0; block < data.byteSize(); block += format.blockBytes()) {
      for (int half : halves(format)) {
        data.set(ValueLayout.JAVA_SHORT_UNALIGNED, block + half, Float.floatToFloat16(1));
      }
      if (format == WeightFormat.MXFP4) {
        data.set(ValueLayout.JAVA_BYTE, block, (byte) 127);
      }
    }
    return Packer.pack(
        arena, new Tensor("filled", format, List.of((long) rows, (long) columns), data));
  }

  static PackedMatrix matrix(
      Arena arena, WeightFormat format, int rows, int columns, float extreme, Dice dice) {
    return Packer.pack(arena, tensor(arena, format, rows, columns, extreme, dice));
  }

  static List<PackedMatrix> matrices(
      Arena arena, int count, WeightFormat format, int rows, int columns, Dice dice) {
    List<PackedMatrix> made = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      made.add(matrix(arena, format, rows, columns, 300f, dice));
    }
    return made;
  }

  /** The same experts twice: gate and up joined, and apart. */
  record Experts(ExpertWeights joined, ExpertWeights apart) {}

  static Experts experts(
      Arena arena,
      int count,
      WeightFormat format,
      Activation activation,
      int hidden,
      int width,
      Dice dice) {
    List<JoinedMatrix> joined = new ArrayList<>();
    List<PackedMatrix> gates = new ArrayList<>();
    List<PackedMatrix> ups = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Tensor gate = tensor(arena, format, width, hidden, 300f, dice);
      Tensor up = tensor(arena, format, width, hidden, 300f, dice);
      joined.add(Packer.join(arena, MatrixView.of(gate), MatrixView.of(up)));
      gates.add(Packer.pack(arena, gate));
      ups.add(Packer.pack(arena, up));
    }
    List<PackedMatrix> down = matrices(arena, count, format, hidden, width, dice);
    return new Experts(
        new ExpertWeights(new Joined(joined), down, activation, hidden, width),
        new ExpertWeights(new Apart(gates, ups), down, activation, hidden, width));
  }

  /**
   * Distinct experts for each row, in no order of ids, with unequal weights of which some are 0.
   */
  static RouterResult routing(int rows, int experts, int topK, Dice dice) {
    RouterResult routing = new RouterResult(rows, topK);
    for (int row = 0; row < rows; row++) {
      int[] order = dice.permutation(experts);
      float weight = 1;
      for (int rank = 0; rank < topK; rank++) {
        weight *= 0.2f + 0.7f * Math.abs((float) Math.sin(dice.normal()));
        routing.set(row, rank, order[rank], dice.below(20) == 0 ? 0 : weight);
      }
    }
    return routing;
  }

  static RouterResult pick(RouterResult source, int... picks) {
    RouterResult picked = new RouterResult(picks.length, source.topK());
    for (int row = 0; row < picks.length; row++) {
      for (int rank = 0; rank < source.topK(); rank++) {
        picked.set(row, rank, source.expert(picks[row], rank), source.weight(picks[row], rank));
      }
    }
    return picked;
  }

  /** The ranks of a row in ascending order of experts. */
  static int[] ranksByExpert(RouterResult routing, int row) {
    List<Integer> ranks = new ArrayList<>();
    for (int rank = 0; rank < routing.topK(); rank++) {
      ranks.add(rank);
    }
    ranks.sort((a, b) -> Integer.compare(routing.expert(row, a), routing.expert(row, b)));
    return ranks.stream().mapToInt(Integer::intValue).toArray();
  }

  static MemorySegment vector(Arena arena, int count, Dice dice) {
    MemorySegment data = arena.allocate((long) count * Float.BYTES);
    for (int i = 0; i < count; i++) {
      data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) i * Float.BYTES, dice.normal());
    }
    return data;
  }
}
