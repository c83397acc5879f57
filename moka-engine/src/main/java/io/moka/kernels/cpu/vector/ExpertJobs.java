package io.moka.kernels.cpu.vector;

import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.kernels.cpu.ExpertLists;
import io.moka.kernels.cpu.WorkerPool;
import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.ExpertWeights.Joined;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The experts of a layer. Choices are sorted by expert; a first job computes act(gate x) * up x for
 * all of them, a second one down, each of their pieces reading 64 rows of one expert's weights:
 * memory is read in long ascending runs, and no two threads write to one number. A third adds up
 * each row's choices in ascending order of expert ids.
 */
final class ExpertJobs implements AutoCloseable {
  /** Experts whose gate and up are joined at a time, where they lie apart. */
  private static final int JOINED_AT_ONCE = 16;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final CombineJob combine;
  private final Arena arena;
  private final ExpertLists lists = new ExpertLists();
  private final JoinJob join = new JoinJob();
  private final GateUpJob gateUp = new GateUpJob();
  private final GroupedJob grouped = new GroupedJob();
  private final ReusedRows hiddenRows = new ReusedRows();
  private final ReusedRows resultRows = new ReusedRows();

  /** act(gate x) * up x of every choice: [T k, F]. */
  private Rows hidden;

  /** What the expert of every choice computes: [T k, D]. */
  private Rows results;

  /** Where gate and up are joined in each step, where they lie apart. */
  private JoinedMatrix[] buffers = new JoinedMatrix[0];

  ExpertJobs(WorkerPool pool, Scratch[] scratch, CombineJob combine, Arena arena) {
    this.pool = pool;
    this.combine = combine;
    this.scratch = scratch;
    this.arena = arena;
  }

  void moe(
      Rows x, RouterResult routing, ExpertWeights experts, int rows, boolean accumulate, Rows out) {
    lists.fill(routing, rows, experts.experts());
    hidden = hiddenRows.get(lists.size(), experts.width());
    results = resultRows.get(lists.size(), experts.hidden());
    gateUp.x = x;
    gateUp.experts = experts;
    switch (experts.gateUp()) {
      case Joined joined -> runGateUp(joined.matrices(), 0, lists.activeCount());
      case Apart apart -> joinInSteps(apart);
    }
    runGrouped(hidden, true, experts.down(), results);
    combine.run(results, routing, rows, accumulate, out);
  }

  private void joinInSteps(Apart apart) {
    reserveBuffers(apart);
    for (int first = 0; first < lists.activeCount(); first += JOINED_AT_ONCE) {
      int count = Math.min(JOINED_AT_ONCE, lists.activeCount() - first);
      join.apart = apart;
      join.firstActive = first;
      join.groups = buffers[0].packed().groups();
      pool.run(count * join.groups, join);
      runGateUp(List.of(), first, count);
    }
  }

  /** Runs gate and up of some active experts; no matrices stands for the buffers. */
  private void runGateUp(List<JoinedMatrix> matrices, int firstActive, int count) {
    gateUp.matrices = matrices;
    gateUp.firstActive = firstActive;
    JoinedMatrix any = matrices.isEmpty() ? buffers[0] : matrices.getFirst();
    gateUp.groups = any.packed().groups();
    pool.run(count * gateUp.groups, gateUp);
  }

  void groupedMatmul(
      Rows x,
      boolean perChoice,
      RouterResult routing,
      List<PackedMatrix> weights,
      int rows,
      Rows out) {
    lists.fill(routing, rows, weights.size());
    runGrouped(x, perChoice, weights, out);
  }

  /** Multiplies the rows of each active expert with its matrix; one result for each choice. */
  private void runGrouped(Rows x, boolean perChoice, List<PackedMatrix> weights, Rows out) {
    grouped.x = x;
    grouped.perChoice = perChoice;
    grouped.weights = weights;
    grouped.groups = weights.getFirst().groups();
    grouped.out = out;
    pool.run(lists.activeCount() * grouped.groups, grouped);
  }

  @Override
  public void close() {
    hiddenRows.close();
    resultRows.close();
  }

  private void reserveBuffers(Apart apart) {
    PackedMatrix gate = apart.gate().getFirst();
    int rows = JoinedMatrix.joinedRows(gate.rows());
    boolean fits =
        buffers.length > 0
            && buffers[0].width() == gate.rows()
            && buffers[0].packed().columns() == gate.columns()
            && buffers[0].packed().format() == gate.format();
    if (!fits) {
      buffers = new JoinedMatrix[JOINED_AT_ONCE];
      for (int i = 0; i < buffers.length; i++) {
        PackedMatrix packed = Packer.allocate(arena, gate.format(), rows, gate.columns());
        buffers[i] = new JoinedMatrix(packed, gate.rows());
      }
    }
  }

  /** Points the scratch at the rows of some slots. */
  private void pointAtRows(Rows x, int slot, int count, Scratch own) {
    for (int i = 0; i < count; i++) {
      own.rows[i] = x.offsetBytes(lists.row(slot + i));
    }
  }

  /** Copies the strips of one group of gate and of up next to each other. */
  private final class JoinJob implements WorkerPool.Job {
    Apart apart;
    int firstActive;
    int groups;

    @Override
    public void run(int piece, int worker) {
      int buffer = piece / groups;
      int group = piece % groups;
      int expert = lists.active(firstActive + buffer);
      MemorySegment target = buffers[buffer].packed().data();
      copy(apart.gate().get(expert), group, target, 0);
      copy(apart.up().get(expert), group, target, 1);
    }

    private void copy(PackedMatrix source, int group, MemorySegment target, int half) {
      long halfBytes = PackedMatrix.GROUP_STRIPS / 2 * source.stripBytes();
      long from = group * halfBytes;
      long to = (2L * group + half) * halfBytes;
      MemorySegment.copy(source.data(), from, target, to, halfBytes);
    }
  }

  /** A piece is one group of one expert: 32 columns of hidden for all of the expert's rows. */
  private final class GateUpJob implements WorkerPool.Job {
    Rows x;
    ExpertWeights experts;
    List<JoinedMatrix> matrices;
    int firstActive;
    int groups;

    @Override
    public void run(int piece, int worker) {
      int index = piece / groups;
      int active = firstActive + index;
      int group = piece % groups;
      PackedMatrix packed =
          (matrices.isEmpty() ? buffers[index] : matrices.get(lists.active(active))).packed();
      long stripBytes = packed.stripBytes();
      long strip = group * PackedMatrix.GROUP_STRIPS * stripBytes;
      int column = group * JoinedMatrix.HALF_ROWS;
      int width = Math.min(JoinedMatrix.HALF_ROWS, experts.width() - column);
      Scratch own = scratch[worker];
      for (int slot = lists.start(active); slot < lists.end(active); ) {
        int count = Math.min(lists.end(active) - slot, GroupProduct.MAX_ROWS);
        pointAtRows(x, slot, count, own);
        GroupProduct.multiply(
            packed.format(),
            packed.data(),
            strip,
            stripBytes,
            PackedMatrix.GROUP_STRIPS,
            packed.columns(),
            x.data(),
            count,
            own);
        for (int i = 0; i < count; i++) {
          long gate = i * StripProduct.ROW_BYTES;
          long up = gate + JoinedMatrix.HALF_ROWS * (long) Float.BYTES;
          long to = hidden.offsetBytes(lists.choice(slot + i)) + column * (long) Float.BYTES;
          RowMath.gate(
              experts.activation(), own.sums, gate, own.sums, up, hidden.data(), to, width);
        }
        slot += count;
      }
    }
  }

  /** A piece is one group of one expert. */
  private final class GroupedJob implements WorkerPool.Job {
    Rows x;
    boolean perChoice;
    List<PackedMatrix> weights;
    int groups;
    Rows out;

    @Override
    public void run(int piece, int worker) {
      int active = piece / groups;
      int group = piece % groups;
      PackedMatrix matrix = weights.get(lists.active(active));
      int column = group * PackedMatrix.GROUP_ROWS;
      int width = Math.min(PackedMatrix.GROUP_ROWS, matrix.rows() - column);
      int strips = (width + PackedMatrix.STRIP_ROWS - 1) / PackedMatrix.STRIP_ROWS;
      long stripBytes = matrix.stripBytes();
      long strip = group * PackedMatrix.GROUP_STRIPS * stripBytes;
      Scratch own = scratch[worker];
      for (int slot = lists.start(active); slot < lists.end(active); ) {
        int count = Math.min(lists.end(active) - slot, GroupProduct.MAX_ROWS);
        for (int i = 0; i < count; i++) {
          own.rows[i] = x.offsetBytes(perChoice ? lists.choice(slot + i) : lists.row(slot + i));
        }
        GroupProduct.multiply(
            matrix.format(),
            matrix.data(),
            strip,
            stripBytes,
            strips,
            matrix.columns(),
            x.data(),
            count,
            own);
        for (int i = 0; i < count; i++) {
          long to = out.offsetBytes(lists.choice(slot + i)) + column * (long) Float.BYTES;
          MemorySegment.copy(
              own.sums, i * StripProduct.ROW_BYTES, out.data(), to, width * (long) Float.BYTES);
        }
        slot += count;
      }
    }
  }
}
