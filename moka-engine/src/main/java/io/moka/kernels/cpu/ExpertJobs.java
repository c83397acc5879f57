package io.moka.kernels.cpu;

import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.ExpertWeights.Joined;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The experts of a layer. Choices are sorted by expert; a first job computes act(gate x) * up x for
 * all of them, a second one down, each of their pieces reading 64 rows of one expert's weights:
 * memory is read in long ascending runs, and no two threads write to one number. A third adds up
 * each row's choices in ascending order of expert ids.
 *
 * <p>Where products take rounded rows, each expert's rows are first rounded into tiles in the order
 * of the lists, and what gate and up yield is rounded as soon as the groups of a call are there.
 */
final class ExpertJobs implements AutoCloseable {
  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final GroupProducts products;
  private final CombineJob combine;
  private final ExpertLists lists = new ExpertLists();
  private final JoinJob join = new JoinJob();
  private final GateUpJob gateUp = new GateUpJob();
  private final GroupedJob grouped = new GroupedJob();
  private final QuantiseJob quantise = new QuantiseJob();
  private final ReusedRows hiddenRows = new ReusedRows();
  private final ReusedRows resultRows = new ReusedRows();

  /** What gate and up, or a grouped product, read. */
  private final ExpertInput input;

  /** What down reads: act(gate x) * up x of every choice, [T k, F]. */
  private final ExpertInput hidden;

  private final JoinBuffers buffers;

  ExpertJobs(
      WorkerPool pool, Scratch[] scratch, GroupProducts products, CombineJob combine, Arena arena) {
    this.pool = pool;
    this.products = products;
    this.combine = combine;
    this.scratch = scratch;
    buffers = new JoinBuffers(arena);
    input = new ExpertInput(products, lists);
    hidden = new ExpertInput(products, lists);
  }

  void moe(
      Rows x, RouterResult routing, ExpertWeights experts, int rows, boolean accumulate, Rows out) {
    lists.fill(routing, rows, experts.experts());
    gateUp.experts = experts;
    prepare(x, false, gateUpFormat(experts.gateUp()), rows);
    List<PackedMatrix> down = experts.down();
    gateUp.downFormat = down.getFirst().format();
    if (products.usesTiles(gateUp.downFormat)) {
      hidden.useTiles(products.tileRowBytes(gateUp.downFormat, experts.width()), false);
    } else {
      hidden.useFloats(hiddenRows.get(lists.size(), experts.width()), true);
    }
    switch (experts.gateUp()) {
      case Joined joined -> {
        gateUp.buffered = false;
        runGateUp(joined.matrices(), 0, lists.activeCount());
      }
      case Apart apart -> joinInSteps(apart);
    }
    Rows results = resultRows.get(lists.size(), experts.hidden());
    runGrouped(hidden, down, results);
    combine.run(results, routing, rows, accumulate, out);
  }

  private static WeightFormat gateUpFormat(ExpertWeights.GateUp gateUp) {
    return switch (gateUp) {
      case Joined joined -> joined.matrices().getFirst().packed().format();
      case Apart apart -> apart.gate().getFirst().format();
    };
  }

  /** Brings the row of every choice into the form that products with a format take. */
  private void prepare(Rows x, boolean perChoice, WeightFormat format, int rows) {
    if (!products.usesTiles(format)) {
      input.useFloats(x, perChoice);
      return;
    }
    boolean oneRow = rows == 1 && !perChoice;
    quantise.tiles = input.useTiles(products.tileRowBytes(format, x.columns()), oneRow);
    quantise.x = x;
    quantise.perChoice = perChoice;
    quantise.format = format;
    pool.run(oneRow ? 1 : lists.size(), quantise);
  }

  private void joinInSteps(Apart apart) {
    List<JoinedMatrix> joined = buffers.like(apart.gate().getFirst());
    for (int first = 0; first < lists.activeCount(); first += JoinBuffers.AT_ONCE) {
      int count = Math.min(JoinBuffers.AT_ONCE, lists.activeCount() - first);
      join.apart = apart;
      join.joined = joined;
      join.firstActive = first;
      join.groups = joined.getFirst().packed().groups();
      pool.runByRows(count, join.groups, join);
      gateUp.buffered = true;
      runGateUp(joined, first, count);
    }
  }

  /** Runs gate and up of some active experts. */
  private void runGateUp(List<JoinedMatrix> matrices, int firstActive, int count) {
    gateUp.matrices = matrices;
    gateUp.firstActive = firstActive;
    gateUp.groups = matrices.getFirst().packed().groups();
    pool.runByRows(count, gateUp.groups, gateUp);
  }

  void groupedMatmul(
      Rows x,
      boolean perChoice,
      RouterResult routing,
      List<PackedMatrix> weights,
      int rows,
      Rows out) {
    lists.fill(routing, rows, weights.size());
    prepare(x, perChoice, weights.getFirst().format(), rows);
    runGrouped(input, weights, out);
  }

  /** Multiplies the rows of each active expert with its matrix; one result for each choice. */
  private void runGrouped(ExpertInput rows, List<PackedMatrix> weights, Rows out) {
    grouped.input = rows;
    grouped.weights = weights;
    grouped.groups = weights.getFirst().groups();
    grouped.out = out;
    pool.runByRows(lists.activeCount(), grouped.groups, grouped);
  }

  @Override
  public void close() {
    hiddenRows.close();
    resultRows.close();
    input.close();
    hidden.close();
  }

  private int rowsOf(int active) {
    return lists.end(active) - lists.start(active);
  }

  /** The first slot of the tile that a slot of an expert lies in. */
  private int tileStart(WeightFormat format, int active, int slot) {
    int start = lists.start(active);
    return start + products.tileStart(format, slot - start, rowsOf(active));
  }

  /** The slot after the last of a tile. */
  private int tileEnd(WeightFormat format, int active, int tileStart) {
    int start = lists.start(active);
    return start + products.tileEnd(format, tileStart - start, rowsOf(active));
  }

  /** Groups of an expert that its rows are multiplied with in one call. */
  private int groupsAtOnce(WeightFormat format, int active) {
    return products.groupsAtOnce(format, Math.min(rowsOf(active), GroupProducts.MAX_ROWS));
  }

  /** A piece is the row of one choice. */
  private final class QuantiseJob implements WorkerPool.Job {
    Rows x;
    boolean perChoice;
    WeightFormat format;
    MemorySegment tiles;

    @Override
    public void run(int slot, int worker) {
      int active = lists.activeOf(slot);
      int tile = tileStart(format, active, slot);
      products.quantise(
          format,
          x.data(),
          x.offsetBytes(perChoice ? lists.choice(slot) : lists.row(slot)),
          0,
          0,
          x.columns(),
          tiles,
          tile * products.tileRowBytes(format, x.columns()),
          slot - tile,
          slot - tile + 1,
          tileEnd(format, active, tile) - tile,
          x.columns(),
          scratch[worker]);
    }
  }

  /** Copies the strips of one group of gate and of up next to each other. */
  private final class JoinJob implements WorkerPool.Job {
    Apart apart;
    List<JoinedMatrix> joined;
    int firstActive;
    int groups;

    @Override
    public void run(int piece, int worker) {
      int buffer = piece / groups;
      int group = piece % groups;
      int expert = lists.active(firstActive + buffer);
      MemorySegment target = joined.get(buffer).packed().data();
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
  private final class GateUpJob implements WorkerPool.RunJob {
    ExpertWeights experts;
    List<JoinedMatrix> matrices;

    /** Whether the matrices are those of the active experts from the first on, not of all. */
    boolean buffered;

    WeightFormat downFormat;
    int firstActive;
    int groups;

    @Override
    public int mostAtOnce(int piece) {
      return groupsAtOnce(gateUpFormat(experts.gateUp()), firstActive + piece / groups);
    }

    @Override
    public void run(int piece, int count, int worker) {
      int index = piece / groups;
      int active = firstActive + index;
      int group = piece % groups;
      PackedMatrix packed = matrices.get(buffered ? index : lists.active(active)).packed();
      Scratch own = scratch[worker];
      for (int slot = lists.start(active); slot < lists.end(active); ) {
        int rows = Math.min(lists.end(active) - slot, GroupProducts.MAX_ROWS);
        input.multiply(packed, group, count, slot, rows, own);
        products.gate(experts.activation(), rows * count, own);
        if (hidden.inTiles()) {
          round(active, slot, rows, group, count, own);
        } else {
          keep(slot, rows, group, count, own);
        }
        slot += rows;
      }
    }

    /** Bytes that some groups yield for a row. */
    private static long yieldBytes(int groups) {
      return groups * (long) JoinedMatrix.HALF_ROWS * Float.BYTES;
    }

    /** Columns of hidden that some groups yield. */
    private int width(int group, int count) {
      int column = group * JoinedMatrix.HALF_ROWS;
      return Math.min(count * JoinedMatrix.HALF_ROWS, experts.width() - column);
    }

    /** What some groups yield for rows goes to hidden. */
    private void keep(int slot, int rows, int group, int count, Scratch own) {
      long column = yieldBytes(group);
      int width = width(group, count);
      for (int row = 0; row < rows; row++) {
        long to = hidden.offsetBytes(slot + row) + column;
        RowMath.copy(own.sums(), row * yieldBytes(count), hidden.floats().data(), to, width);
      }
    }

    /** It is rounded at once, since down wants it so: tile by tile. */
    private void round(int active, int slot, int rows, int group, int count, Scratch own) {
      int end = slot + rows;
      for (int first = slot; first < end; ) {
        int next = tileEnd(downFormat, active, first);
        products.quantise(
            downFormat,
            own.sums(),
            (first - slot) * yieldBytes(count),
            yieldBytes(count),
            group * JoinedMatrix.HALF_ROWS,
            width(group, count),
            hidden.tiles(),
            first * products.tileRowBytes(downFormat, experts.width()),
            0,
            next - first,
            next - first,
            experts.width(),
            own);
        first = next;
      }
    }
  }

  /** A piece is one group of one expert. */
  private final class GroupedJob implements WorkerPool.RunJob {
    ExpertInput input;
    List<PackedMatrix> weights;
    int groups;
    Rows out;

    @Override
    public int mostAtOnce(int piece) {
      return groupsAtOnce(weights.getFirst().format(), piece / groups);
    }

    @Override
    public void run(int piece, int count, int worker) {
      int active = piece / groups;
      int group = piece % groups;
      PackedMatrix matrix = weights.get(lists.active(active));
      int column = group * PackedMatrix.GROUP_ROWS;
      int width = Math.min(count * PackedMatrix.GROUP_ROWS, matrix.rows() - column);
      long sumBytes = count * GroupProducts.SUM_BYTES;
      Scratch own = scratch[worker];
      for (int slot = lists.start(active); slot < lists.end(active); ) {
        int rows = Math.min(lists.end(active) - slot, GroupProducts.MAX_ROWS);
        input.multiply(matrix, group, count, slot, rows, own);
        for (int i = 0; i < rows; i++) {
          long to = out.offsetBytes(lists.choice(slot + i)) + column * (long) Float.BYTES;
          RowMath.copy(own.sums(), i * sumBytes, out.data(), to, width);
        }
        slot += rows;
      }
    }
  }
}
