package io.moka.kernels;

import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What every implementation of {@link Kernels} checks before it computes: whether the arguments of
 * a call fit each other. Nothing here allocates, unless it throws.
 */
public final class Shapes {
  private Shapes() {}

  /**
   * Checks {@link Kernels#forEach}.
   *
   * @param count indices
   */
  public static void forEach(int count) {
    if (count < 0) {
      throw new IllegalArgumentException(count + " indices");
    }
  }

  /**
   * Checks {@link Kernels#embed}.
   *
   * @param table [V, D]
   * @param ids one for each row
   * @param rows T
   * @param out [T, D]
   */
  public static void embed(Tensor table, int[] ids, int rows, Rows out) {
    capacity(out, rows, "embeddings");
    same(out.columns(), table.columns(), "columns of embeddings");
    if (ids.length < rows) {
      throw new IllegalArgumentException(ids.length + " ids for " + rows + " rows");
    }
    int vocabulary = table.rows();
    for (int row = 0; row < rows; row++) {
      if (ids[row] < 0 || ids[row] >= vocabulary) {
        throw new IndexOutOfBoundsException("id " + ids[row] + " of a vocabulary of " + vocabulary);
      }
    }
  }

  /**
   * Checks {@link Kernels#rmsNorm}.
   *
   * @param x [T, heads headDim]
   * @param weight headDim floats
   * @param rows T
   * @param heads heads in a row
   * @param out [T, heads headDim]
   * @return headDim
   */
  public static int rmsNorm(Rows x, MemorySegment weight, int rows, int heads, Rows out) {
    capacity(x, rows, "x");
    capacity(out, rows, "normalised rows");
    same(out.columns(), x.columns(), "columns of normalised rows");
    int headDim = headDim(x.columns(), heads);
    floats(weight, headDim, "norm weights");
    return headDim;
  }

  /**
   * Checks {@link Kernels#matmul}.
   *
   * @param x [T, columns]
   * @param weights [rows, columns]
   * @param bias floats, or no bytes
   * @param rows T
   * @param out [T, rows of the matrix]
   */
  public static void matmul(Rows x, PackedMatrix weights, MemorySegment bias, int rows, Rows out) {
    capacity(x, rows, "x");
    capacity(out, rows, "products");
    same(x.columns(), weights.columns(), "columns of x");
    same(out.columns(), weights.rows(), "columns of products");
    if (bias.byteSize() != 0) {
      floats(bias, weights.rows(), "bias");
    }
  }

  /**
   * Checks {@link Kernels#add} and {@link Kernels#gate}.
   *
   * @param x [T, n]
   * @param y [T, n]
   * @param rows T
   */
  public static void pair(Rows x, Rows y, int rows) {
    capacity(x, rows, "the first operand");
    capacity(y, rows, "the second operand");
    same(y.columns(), x.columns(), "columns of the second operand");
  }

  /**
   * Checks {@link Kernels#addScaled}.
   *
   * @param x [T, D]
   * @param scale T factors
   * @param rows T
   * @param out [T, D]
   */
  public static void addScaled(Rows x, float[] scale, int rows, Rows out) {
    pair(x, out, rows);
    if (scale.length < rows) {
      throw new IllegalArgumentException(scale.length + " factors for " + rows + " rows");
    }
  }

  /**
   * Checks {@link Kernels#rotate}.
   *
   * @param x [T, heads d]
   * @param angles [T, d]
   * @param rows T
   * @param heads heads in a row
   * @return d
   */
  public static int rotate(Rows x, Rows angles, int rows, int heads) {
    capacity(x, rows, "x");
    capacity(angles, rows, "angles");
    int headDim = headDim(x.columns(), heads);
    same(angles.columns(), headDim, "columns of angles");
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException("a head of odd width " + headDim + " has no pairs");
    }
    return headDim;
  }

  /**
   * Checks {@link Kernels#store}.
   *
   * @param keys [T, K d]
   * @param values [T, K d]
   * @param cache where to
   * @param layer which layer of it
   * @param slots where each row stands
   * @param shape sizes
   * @param rows T
   */
  public static void store(
      Rows keys,
      Rows values,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows) {
    capacity(keys, rows, "keys");
    capacity(values, rows, "values");
    same(keys.columns(), shape.kvHeads() * shape.headDim(), "columns of keys");
    same(values.columns(), shape.kvHeads() * shape.headDim(), "columns of values");
    cache(cache, layer, shape);
    for (int row = 0; row < rows; row++) {
      block(slots, row, position(slots, row) / KvCache.BLOCK_TOKENS, cache);
    }
  }

  /**
   * Checks {@link Kernels#attention}, all but the ids of the blocks: whoever reads one checks it by
   * {@link #block}.
   *
   * @param queries [T, H d]
   * @param cache the cache
   * @param layer which layer of it
   * @param slots where each row stands
   * @param shape sizes
   * @param rows T
   * @param out [T, H d]
   */
  public static void attention(
      Rows queries,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows,
      Rows out) {
    capacity(queries, rows, "queries");
    capacity(out, rows, "attention");
    same(queries.columns(), shape.heads() * shape.headDim(), "columns of queries");
    same(out.columns(), shape.heads() * shape.headDim(), "columns of attention");
    cache(cache, layer, shape);
    for (int row = 0; row < rows; row++) {
      position(slots, row);
    }
  }

  /**
   * The block that holds some positions of a row's sequence, checked.
   *
   * @param slots where each row stands
   * @param row the row
   * @param index position / {@link KvCache#BLOCK_TOKENS}
   * @param cache the cache
   * @return an id within the cache
   */
  public static int block(SlotMap slots, int row, int index, KvCache cache) {
    int block = slots.block(row, index);
    if (block < 0 || block >= cache.blocks()) {
      throw new IndexOutOfBoundsException(
          "block " + block + " of a cache of " + cache.blocks() + " blocks");
    }
    return block;
  }

  /**
   * Checks {@link Kernels#moe}.
   *
   * @param x [T, D]
   * @param routing which experts each row goes to
   * @param experts the weights
   * @param rows T
   * @param out [T, D]
   */
  public static void moe(Rows x, RouterResult routing, ExpertWeights experts, int rows, Rows out) {
    capacity(x, rows, "x");
    capacity(out, rows, "sums of experts");
    same(x.columns(), experts.hidden(), "columns of x");
    same(out.columns(), experts.hidden(), "columns of sums of experts");
    routing(routing, rows, experts.experts());
  }

  /**
   * Checks {@link Kernels#groupedMatmul}.
   *
   * @param x [T, columns], or [T k, columns]
   * @param perChoice which of the two x is
   * @param routing which experts each row goes to
   * @param weights one matrix for each expert
   * @param rows T
   * @param out [T k, rows of a matrix]
   */
  public static void groupedMatmul(
      Rows x,
      boolean perChoice,
      RouterResult routing,
      List<PackedMatrix> weights,
      int rows,
      Rows out) {
    routing(routing, rows, weights.size());
    capacity(x, perChoice ? rows * routing.topK() : rows, "x");
    capacity(out, rows * routing.topK(), "products");
    for (int expert = 0; expert < weights.size(); expert++) {
      same(x.columns(), weights.get(expert).columns(), "columns of x");
      same(out.columns(), weights.get(expert).rows(), "columns of products");
    }
  }

  /**
   * Checks {@link Kernels#combine}.
   *
   * @param x [T k, D]
   * @param routing experts and weights
   * @param rows T
   * @param out [T, D]
   */
  public static void combine(Rows x, RouterResult routing, int rows, Rows out) {
    routing(routing, rows, Integer.MAX_VALUE);
    capacity(x, rows * routing.topK(), "results of choices");
    capacity(out, rows, "sums of choices");
    same(x.columns(), out.columns(), "columns of results of choices");
  }

  /** Also holds that an expert comes at most once in a row: sorting by expert relies on it. */
  private static void routing(RouterResult routing, int rows, int experts) {
    if (rows < 0 || rows > routing.capacity()) {
      throw new IndexOutOfBoundsException(
          rows + " rows where " + routing.capacity() + " are routed");
    }
    for (int row = 0; row < rows; row++) {
      for (int rank = 0; rank < routing.topK(); rank++) {
        int expert = routing.expert(row, rank);
        if (expert < 0 || expert >= experts) {
          throw new IndexOutOfBoundsException(
              "row " + row + " goes to expert " + expert + " of " + experts);
        }
        for (int earlier = 0; earlier < rank; earlier++) {
          if (routing.expert(row, earlier) == expert) {
            throw new IllegalArgumentException(
                "row " + row + " goes to expert " + expert + " twice");
          }
        }
      }
    }
  }

  private static void cache(KvCache cache, int layer, AttentionShape shape) {
    same(shape.kvHeads(), cache.kvHeads(), "key/value heads");
    same(shape.headDim(), cache.headDim(), "head width");
    if (layer < 0 || layer >= cache.layers()) {
      throw new IndexOutOfBoundsException("layer " + layer + " of " + cache.layers());
    }
  }

  private static int position(SlotMap slots, int row) {
    int position = slots.position(row);
    if (position < 0) {
      throw new IndexOutOfBoundsException("row " + row + " stands at position " + position);
    }
    return position;
  }

  private static int headDim(int columns, int heads) {
    if (heads < 1 || columns % heads != 0) {
      throw new IllegalArgumentException(columns + " columns are not " + heads + " heads");
    }
    return columns / heads;
  }

  private static void capacity(Rows rows, int wanted, String what) {
    if (wanted < 0 || wanted > rows.capacity()) {
      throw new IndexOutOfBoundsException(
          what + ": " + wanted + " rows where there is room for " + rows.capacity());
    }
  }

  private static void floats(MemorySegment data, int count, String what) {
    if (data.byteSize() != (long) count * Float.BYTES) {
      throw new IllegalArgumentException(
          what + ": " + data.byteSize() + " bytes where there should be " + count + " floats");
    }
  }

  private static void same(int actual, int expected, String what) {
    if (actual != expected) {
      throw new IllegalArgumentException(what + ": " + actual + " where " + expected + " fit");
    }
  }
}
