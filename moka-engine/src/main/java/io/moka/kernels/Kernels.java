package io.moka.kernels;

import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import io.moka.weights.RowPlacement;
import io.moka.weights.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What a forward pass is made of. One thread calls; an implementation spreads the work as it likes.
 * All rows are float32; {@code rows} counts from row 0 of each argument. A row's result depends on
 * that row alone: neither on the other rows, nor on how many there are, nor on the number of
 * threads. No call allocates.
 *
 * <p>Columns of the input of a product are read in pairs: where their number is odd, the float
 * after the last counts for nothing but has to be finite, as the padding of {@link Rows} is.
 *
 * <p>Sizes that do not fit each other are the caller's bug and end in an {@link
 * IllegalArgumentException} or an {@link IndexOutOfBoundsException}, never in a wrong result.
 */
public interface Kernels extends AutoCloseable {
  /**
   * What runs, for a log and for {@code bench}: for example {@code vector, 512 bits, 2 threads}.
   *
   * @return one line
   */
  String description();

  /**
   * Threads that work on a call, the caller's included.
   *
   * @return at least 1
   */
  int threads();

  /**
   * Where the rows of packed matrices should lie for these threads.
   *
   * @return {@link RowPlacement#NONE} where it does not matter
   */
  default RowPlacement placement() {
    return RowPlacement.NONE;
  }

  /**
   * Runs a body for each index; in any order, on any of the threads.
   *
   * @param count indices from 0
   * @param body called once for each; must not allocate nor call these kernels
   */
  void forEach(int count, IndexedBody body);

  /** The body of {@link #forEach}. */
  @FunctionalInterface
  interface IndexedBody {
    /**
     * Does one piece.
     *
     * @param index which
     */
    void run(int index);
  }

  /**
   * Looks up embeddings.
   *
   * @param table [V, D], row-major as stored
   * @param ids one token for each row
   * @param rows T
   * @param out [T, D]
   */
  void embed(Tensor table, int[] ids, int rows, Rows out);

  /**
   * RMSNorm over heads: x / sqrt(mean(x^2) + eps) * weight, the mean over one head. One head as
   * wide as the row is the ordinary RMSNorm. {@code out} may be {@code x}.
   *
   * @param x [T, heads headDim]
   * @param weight headDim floats
   * @param epsilon added to the mean
   * @param rows T
   * @param heads heads in a row
   * @param out [T, heads headDim]
   */
  void rmsNorm(Rows x, MemorySegment weight, float epsilon, int rows, int heads, Rows out);

  /**
   * out = x W^T + bias.
   *
   * @param x [T, columns]
   * @param weights [rows, columns]
   * @param bias as many floats as the matrix has rows, or no bytes for none
   * @param rows T
   * @param out [T, rows of the matrix]
   */
  void matmul(Rows x, PackedMatrix weights, MemorySegment bias, int rows, Rows out);

  /**
   * x += y.
   *
   * @param x [T, n], the sum
   * @param y [T, n]
   * @param rows T
   */
  void add(Rows x, Rows y, int rows);

  /**
   * Rotates heads in place: with a = x[i], b = x[i + d/2], c = cos, s = sin of pair i: (a c - b s,
   * b c + a s).
   *
   * @param x [T, heads d]
   * @param angles [T, d]: d/2 cosines, then d/2 sines, of each row's position
   * @param rows T
   * @param heads heads in a row
   */
  void rotate(Rows x, Rows angles, int rows, int heads);

  /**
   * Writes keys and values of the rows into the cache.
   *
   * @param keys [T, K d], rotated
   * @param values [T, K d]
   * @param cache where to
   * @param layer which layer of it
   * @param slots where each row stands
   * @param shape sizes
   * @param rows T
   */
  void store(
      Rows keys,
      Rows values,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows);

  /**
   * Attention of each row over the positions it sees, its own included: softmax(q K^T / sqrt(d)) V.
   * Keys and values are read only from the cache, so {@link #store} comes first.
   *
   * <p>Scores are handled in spans of {@link #SPAN_TOKENS} positions on an absolute grid; each span
   * has its own maximum and sum, and spans are combined in ascending order.
   *
   * @param queries [T, H d], rotated
   * @param cache the cache
   * @param layer which layer of it
   * @param slots where each row stands
   * @param shape sizes
   * @param rows T
   * @param out [T, H d]
   */
  void attention(
      Rows queries,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows,
      Rows out);

  /** Positions of a span of attention. */
  int SPAN_TOKENS = 512;

  /**
   * The whole MoE layer as one operation: for each row the sum over its experts, in ascending order
   * of their ids, of weight * down( act(gate x) * up x ). Where gate and up lie apart, each call
   * first joins those of the experts it needs into one buffer.
   *
   * @param x [T, D]
   * @param routing which experts each row goes to; an expert comes at most once in a row
   * @param experts the weights
   * @param rows T
   * @param accumulate whether to add to {@code out} or to overwrite it
   * @param out [T, D]
   */
  void moe(
      Rows x, RouterResult routing, ExpertWeights experts, int rows, boolean accumulate, Rows out);

  /**
   * A product in which each row has experts of its own, one result for each: out[t k + j] = W_e x,
   * e the expert at rank j of row t.
   *
   * @param x [T, columns], or [T k, columns] where each choice has a row of its own
   * @param perChoice which of the two x is
   * @param routing which experts each row goes to
   * @param weights one matrix for each expert
   * @param rows T
   * @param out [T k, rows of a matrix]
   */
  void groupedMatmul(
      Rows x,
      boolean perChoice,
      RouterResult routing,
      List<PackedMatrix> weights,
      int rows,
      Rows out);

  /**
   * gate = act(gate) * up.
   *
   * @param activation act
   * @param gate [n, F], the result
   * @param up [n, F]
   * @param rows n
   */
  void gate(Activation activation, Rows gate, Rows up, int rows);

  /**
   * For each row the sum of its choices' results, in ascending order of expert ids: out[t] = sum of
   * weight(t, j) * x[t k + j].
   *
   * @param x [T k, D]
   * @param routing experts and weights
   * @param rows T
   * @param out [T, D]
   */
  void combine(Rows x, RouterResult routing, int rows, Rows out);

  /**
   * Adds scaled rows: out[t] += scale[t] * x[t].
   *
   * @param x [T, D]
   * @param scale T factors
   * @param rows T
   * @param out [T, D]
   */
  void addScaled(Rows x, float[] scale, int rows, Rows out);

  @Override
  void close();
}
