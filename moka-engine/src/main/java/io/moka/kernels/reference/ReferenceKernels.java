package io.moka.kernels.reference;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.ExpertWeights.Joined;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.RowDecoder;
import io.moka.weights.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The operations as their definitions read: an operation computes in double and rounds its results
 * to float once. Where an operation is made of others (an expert of a product, an activation and a
 * product), each of those rounds.
 *
 * <p>Unlike the others, it allocates: clarity comes first here.
 */
public final class ReferenceKernels implements Kernels {
  /** In the tanh form of GELU. */
  private static final double GELU_SCALE = Math.sqrt(2 / Math.PI);

  /** Needs nothing. */
  public ReferenceKernels() {}

  @Override
  public String description() {
    return "reference, scalar, 1 thread";
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public void forEach(int count, IndexedBody body) {
    Shapes.forEach(count);
    for (int index = 0; index < count; index++) {
      body.run(index);
    }
  }

  @Override
  public void embed(Tensor table, int[] ids, int rows, Rows out) {
    Shapes.embed(table, ids, rows, out);
    RowDecoder decoder = new RowDecoder();
    float[] values = new float[out.columns()];
    for (int row = 0; row < rows; row++) {
      long offset = table.format().bytes((long) ids[row] * values.length);
      decoder.decode(table.format(), table.data(), offset, values.length, values);
      for (int i = 0; i < values.length; i++) {
        out.set(row, i, values[i]);
      }
    }
  }

  @Override
  public void rmsNorm(Rows x, MemorySegment weight, float epsilon, int rows, int heads, Rows out) {
    int headDim = Shapes.rmsNorm(x, weight, rows, heads, out);
    for (int row = 0; row < rows; row++) {
      for (int head = 0; head < heads; head++) {
        int first = head * headDim;
        double squares = 0;
        for (int i = 0; i < headDim; i++) {
          squares += (double) x.get(row, first + i) * x.get(row, first + i);
        }
        double root = Math.sqrt(squares / headDim + epsilon);
        for (int i = 0; i < headDim; i++) {
          double y = x.get(row, first + i) / root * floatAt(weight, i);
          out.set(row, first + i, (float) y);
        }
      }
    }
  }

  @Override
  public void matmul(Rows x, PackedMatrix weights, MemorySegment bias, int rows, Rows out) {
    Shapes.matmul(x, weights, bias, rows, out);
    for (int output = 0; output < weights.rows(); output++) {
      double[] w = weightsOf(weights, output);
      double b = bias.byteSize() == 0 ? 0 : floatAt(bias, output);
      for (int row = 0; row < rows; row++) {
        out.set(row, output, (float) (dot(w, x, row) + b));
      }
    }
  }

  @Override
  public void add(Rows x, Rows y, int rows) {
    Shapes.pair(x, y, rows);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < x.columns(); i++) {
        x.set(row, i, x.get(row, i) + y.get(row, i));
      }
    }
  }

  @Override
  public void rotate(Rows x, Rows angles, int rows, int heads) {
    int half = Shapes.rotate(x, angles, rows, heads) / 2;
    for (int row = 0; row < rows; row++) {
      for (int head = 0; head < heads; head++) {
        for (int i = 0; i < half; i++) {
          int first = head * 2 * half + i;
          int second = first + half;
          double a = x.get(row, first);
          double b = x.get(row, second);
          double cos = angles.get(row, i);
          double sin = angles.get(row, half + i);
          x.set(row, first, (float) (a * cos - b * sin));
          x.set(row, second, (float) (b * cos + a * sin));
        }
      }
    }
  }

  /** One head after the other by {@link KvCache#store}, whose own tests hold it to the types. */
  @Override
  public void store(
      Rows keys,
      Rows values,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows) {
    Shapes.store(keys, values, cache, layer, slots, shape, rows);
    for (int row = 0; row < rows; row++) {
      int slot = slots.position(row) % KvCache.BLOCK_TOKENS;
      int block = slots.block(row, slots.position(row) / KvCache.BLOCK_TOKENS);
      for (int head = 0; head < shape.kvHeads(); head++) {
        long at = (long) head * shape.headDim() * Float.BYTES;
        cache.store(
            layer,
            block,
            head,
            slot,
            keys.data(),
            keys.offsetBytes(row) + at,
            values.data(),
            values.offsetBytes(row) + at);
      }
    }
  }

  @Override
  public void attention(
      Rows queries,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows,
      Rows out) {
    Shapes.attention(queries, cache, layer, slots, shape, rows, out);
    for (int row = 0; row < rows; row++) {
      Positions seen = Positions.seenBy(row, slots, shape, cache);
      for (int head = 0; head < shape.heads(); head++) {
        int firstColumn = head * shape.headDim();
        Head stored = new Head(cache, layer, head / shape.group(), seen);
        double[] weights = softmax(scores(queries, row, firstColumn, stored));
        for (int i = 0; i < shape.headDim(); i++) {
          double sum = 0;
          for (int p = 0; p < seen.count(); p++) {
            sum += weights[p] * stored.value(p, i);
          }
          out.set(row, firstColumn + i, (float) sum);
        }
      }
    }
  }

  /**
   * The positions that a row sees: the {@code count} from {@code first} on, and the blocks that
   * hold them.
   */
  private record Positions(int first, int count, int[] blocks) {
    static Positions seenBy(int row, SlotMap slots, AttentionShape shape, KvCache cache) {
      int last = slots.position(row);
      int first = Math.max(0, last - shape.window() + 1);
      int[] blocks =
          IntStream.rangeClosed(first, last)
              .map(p -> Shapes.block(slots, row, p / KvCache.BLOCK_TOKENS, cache))
              .toArray();
      return new Positions(first, last - first + 1, blocks);
    }
  }

  /** One key/value head of the positions that a row sees, which count from 0 here. */
  private record Head(KvCache cache, int layer, int head, Positions seen) {
    double key(int p, int dimension) {
      int slot = (seen.first() + p) % KvCache.BLOCK_TOKENS;
      return cache.key(layer, seen.blocks()[p], head, slot, dimension);
    }

    double value(int p, int dimension) {
      int slot = (seen.first() + p) % KvCache.BLOCK_TOKENS;
      return cache.value(layer, seen.blocks()[p], head, slot, dimension);
    }
  }

  private static double[] scores(Rows queries, int row, int firstColumn, Head stored) {
    int headDim = stored.cache().headDim();
    double[] scores = new double[stored.seen().count()];
    for (int p = 0; p < scores.length; p++) {
      for (int i = 0; i < headDim; i++) {
        scores[p] += queries.get(row, firstColumn + i) * stored.key(p, i);
      }
      scores[p] /= Math.sqrt(headDim);
    }
    return scores;
  }

  private static double[] softmax(double[] scores) {
    double highest = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      highest = Math.max(highest, score);
    }
    double sum = 0;
    double[] weights = new double[scores.length];
    for (int i = 0; i < scores.length; i++) {
      weights[i] = Math.exp(scores[i] - highest);
      sum += weights[i];
    }
    for (int i = 0; i < scores.length; i++) {
      weights[i] /= sum;
    }
    return weights;
  }

  @Override
  public void moe(
      Rows x, RouterResult routing, ExpertWeights experts, int rows, boolean accumulate, Rows out) {
    Shapes.moe(x, routing, experts, rows, out);
    double[][] sums = new double[rows][experts.hidden()];
    for (int expert = 0; expert < experts.experts(); expert++) {
      for (int row = 0; row < rows; row++) {
        for (int rank = 0; rank < routing.topK(); rank++) {
          if (routing.expert(row, rank) == expert) {
            float[] y = apply(experts, expert, rowOf(x, row));
            for (int i = 0; i < y.length; i++) {
              sums[row][i] += (double) routing.weight(row, rank) * y[i];
            }
          }
        }
      }
    }
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < experts.hidden(); i++) {
        double before = accumulate ? out.get(row, i) : 0;
        out.set(row, i, (float) (before + sums[row][i]));
      }
    }
  }

  /** down( act(gate x) * up x ) of one expert. */
  private static float[] apply(ExpertWeights experts, int expert, float[] x) {
    float[] inner = new float[experts.width()];
    for (int i = 0; i < inner.length; i++) {
      float gate;
      float up;
      switch (experts.gateUp()) {
        case Joined(List<JoinedMatrix> matrices) -> {
          PackedMatrix both = matrices.get(expert).packed();
          gate = (float) dot(both, JoinedMatrix.gateRow(i), x);
          up = (float) dot(both, JoinedMatrix.upRow(i), x);
        }
        case Apart(List<PackedMatrix> gates, List<PackedMatrix> ups) -> {
          gate = (float) dot(gates.get(expert), i, x);
          up = (float) dot(ups.get(expert), i, x);
        }
      }
      inner[i] = gated(experts.activation(), gate, up);
    }
    float[] y = new float[experts.hidden()];
    for (int i = 0; i < y.length; i++) {
      y[i] = (float) dot(experts.down().get(expert), i, inner);
    }
    return y;
  }

  @Override
  public void groupedMatmul(
      Rows x,
      boolean perChoice,
      RouterResult routing,
      List<PackedMatrix> weights,
      int rows,
      Rows out) {
    Shapes.groupedMatmul(x, perChoice, routing, weights, rows, out);
    for (int row = 0; row < rows; row++) {
      for (int rank = 0; rank < routing.topK(); rank++) {
        int choice = row * routing.topK() + rank;
        float[] input = rowOf(x, perChoice ? choice : row);
        PackedMatrix matrix = weights.get(routing.expert(row, rank));
        for (int i = 0; i < matrix.rows(); i++) {
          out.set(choice, i, (float) dot(matrix, i, input));
        }
      }
    }
  }

  @Override
  public void gate(Activation activation, Rows gate, Rows up, int rows) {
    Shapes.pair(gate, up, rows);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < gate.columns(); i++) {
        gate.set(row, i, gated(activation, gate.get(row, i), up.get(row, i)));
      }
    }
  }

  private static float gated(Activation activation, double gate, double up) {
    double activated =
        switch (activation) {
          case SILU -> gate / (1 + Math.exp(-gate));
          // (1 + tanh z) / 2 = 1 / (1 + e^-2z), without cancellation where z is far below zero
          case GELU ->
              gate / (1 + Math.exp(-2 * GELU_SCALE * (gate + 0.044715 * gate * gate * gate)));
        };
    return (float) (activated * up);
  }

  @Override
  public void combine(Rows x, RouterResult routing, int rows, Rows out) {
    Shapes.combine(x, routing, rows, out);
    for (int row = 0; row < rows; row++) {
      int[] ranks = ranksByExpert(routing, row);
      for (int i = 0; i < out.columns(); i++) {
        double sum = 0;
        for (int rank : ranks) {
          sum += (double) routing.weight(row, rank) * x.get(row * routing.topK() + rank, i);
        }
        out.set(row, i, (float) sum);
      }
    }
  }

  private static int[] ranksByExpert(RouterResult routing, int row) {
    return IntStream.range(0, routing.topK())
        .boxed()
        .sorted((a, b) -> Integer.compare(routing.expert(row, a), routing.expert(row, b)))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  @Override
  public void addScaled(Rows x, float[] scale, int rows, Rows out) {
    Shapes.addScaled(x, scale, rows, out);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < x.columns(); i++) {
        double sum = out.get(row, i) + (double) scale[row] * x.get(row, i);
        out.set(row, i, (float) sum);
      }
    }
  }

  @Override
  public void close() {}

  private static double dot(PackedMatrix matrix, int output, float[] x) {
    double sum = 0;
    float[] row = matrix.row(output);
    for (int i = 0; i < x.length; i++) {
      sum += (double) row[i] * x[i];
    }
    return sum;
  }

  private static double dot(double[] weights, Rows x, int row) {
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += weights[i] * x.get(row, i);
    }
    return sum;
  }

  private static double[] weightsOf(PackedMatrix matrix, int output) {
    float[] row = matrix.row(output);
    return IntStream.range(0, row.length).mapToDouble(i -> row[i]).toArray();
  }

  private static float[] rowOf(Rows rows, int row) {
    float[] copy = new float[rows.columns()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = rows.get(row, i);
    }
    return copy;
  }

  private static float floatAt(MemorySegment data, int index) {
    return data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) index * Float.BYTES);
  }
}
