package io.moka.kernels.cpu;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import io.moka.weights.RowPlacement;
import io.moka.weights.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The kernels on a CPU, whoever multiplies. Each operation is a job of its own, made once and set
 * before each run.
 */
public final class CpuKernels implements Kernels {
  private final Arena arena = Arena.ofShared();
  private final NodeThreads nodes;
  private final WorkerPool pool;
  private final GroupProducts products;
  private final ForEachJob forEach = new ForEachJob();
  private final RowJobs rowJobs;
  private final MatmulJob matmul;
  private final CombineJob combine;
  private final ExpertJobs experts;
  private final StoreJob store;
  private final AttentionJob attention;

  /**
   * Starts the worker threads.
   *
   * @param threads threads that work on a call, the caller's included
   * @param products what multiplies with weights; closed with these
   * @param spans what multiplies with keys and values
   */
  public CpuKernels(NodeThreads threads, GroupProducts products, SpanProducts spans) {
    this.products = products;
    nodes = threads;
    pool = new WorkerPool(threads);
    Scratch[] scratch = new Scratch[threads.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch(arena);
    }
    rowJobs = new RowJobs(pool, scratch);
    matmul = new MatmulJob(pool, scratch, products);
    combine = new CombineJob(pool);
    experts = new ExpertJobs(pool, scratch, products, combine, arena);
    store = new StoreJob(pool);
    attention = new AttentionJob(pool, scratch, spans, arena);
  }

  @Override
  public String description() {
    String threads = products.description() + ", " + threads() + " threads";
    return placement().spreads()
        ? threads + " on " + placement().shares().size() + " memory nodes"
        : threads;
  }

  @Override
  public RowPlacement placement() {
    return nodes.rows();
  }

  @Override
  public int threads() {
    return pool.threads();
  }

  @Override
  public void forEach(int count, IndexedBody body) {
    Shapes.forEach(count);
    forEach.body = body;
    pool.run(count, forEach);
  }

  @Override
  public void embed(Tensor table, int[] ids, int rows, Rows out) {
    Shapes.embed(table, ids, rows, out);
    rowJobs.embed(table, ids, rows, out);
  }

  @Override
  public void rmsNorm(Rows x, MemorySegment weight, float epsilon, int rows, int heads, Rows out) {
    Shapes.rmsNorm(x, weight, rows, heads, out);
    rowJobs.rmsNorm(x, weight, epsilon, rows, heads, out);
  }

  @Override
  public void matmul(Rows x, PackedMatrix weights, MemorySegment bias, int rows, Rows out) {
    Shapes.matmul(x, weights, bias, rows, out);
    matmul.multiply(x, weights, bias, rows, out);
  }

  @Override
  public void add(Rows x, Rows y, int rows) {
    Shapes.pair(x, y, rows);
    rowJobs.add(x, y, rows);
  }

  @Override
  public void rotate(Rows x, Rows angles, int rows, int heads) {
    Shapes.rotate(x, angles, rows, heads);
    rowJobs.rotate(x, angles, rows, heads);
  }

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
    store.store(keys, values, cache, layer, slots, shape, rows);
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
    attention.attend(queries, cache, layer, slots, shape, rows, out);
  }

  @Override
  public void moe(
      Rows x, RouterResult routing, ExpertWeights weights, int rows, boolean accumulate, Rows out) {
    Shapes.moe(x, routing, weights, rows, out);
    experts.moe(x, routing, weights, rows, accumulate, out);
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
    experts.groupedMatmul(x, perChoice, routing, weights, rows, out);
  }

  @Override
  public void gate(Activation activation, Rows gate, Rows up, int rows) {
    Shapes.pair(gate, up, rows);
    rowJobs.gate(activation, gate, up, rows);
  }

  @Override
  public void combine(Rows x, RouterResult routing, int rows, Rows out) {
    Shapes.combine(x, routing, rows, out);
    combine.run(x, routing, rows, false, out);
  }

  @Override
  public void addScaled(Rows x, float[] scale, int rows, Rows out) {
    Shapes.addScaled(x, scale, rows, out);
    rowJobs.addScaled(x, scale, rows, out);
  }

  @Override
  public void close() {
    pool.close();
    matmul.close();
    experts.close();
    attention.close();
    arena.close();
    products.close();
  }

  private static final class ForEachJob implements WorkerPool.Job {
    IndexedBody body;

    @Override
    public void run(int piece, int worker) {
      body.run(piece);
    }
  }
}
