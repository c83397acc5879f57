package io.moka.kernels.cpu;

import io.moka.weights.LinuxNodes;
import io.moka.weights.NativeMemory;
import io.moka.weights.NodeSystem;
import io.moka.weights.RowPlacement;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The threads of a pool, spread over the machine's memory nodes as its processors are. Each node's
 * threads come one after the other; nodes that get none are left out.
 */
public final class NodeThreads {
  private static final System.Logger LOG = System.getLogger(NodeThreads.class.getName());

  /** Enough for the system to map pages of its own. */
  private static final long PROBE_BYTES = 1 << 20;

  private final List<MemoryNodes.Node> nodes;

  /** For each thread the place of its node in the list. */
  private final int[] nodeOf;

  /** For each processor the place of its node in the list. */
  private final int[] nodeOfProcessor;

  private final RowPlacement rows;
  private final AtomicBoolean complained = new AtomicBoolean();

  private NodeThreads(List<MemoryNodes.Node> nodes, int[] nodeOf, RowPlacement rows) {
    this.nodes = nodes;
    this.nodeOf = nodeOf;
    this.rows = rows;
    int processors =
        nodes.stream().flatMap(n -> n.processors().stream()).mapToInt(i -> i + 1).max().orElse(0);
    nodeOfProcessor = new int[processors];
    for (int node = 0; node < nodes.size(); node++) {
      for (int processor : nodes.get(node).processors()) {
        nodeOfProcessor[processor] = node;
      }
    }
  }

  /**
   * Threads of a machine whose memory is one.
   *
   * @param threads how many, at least 1
   * @return threads that run where the system likes
   */
  public static NodeThreads onOneNode(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads " + threads + " is below 1");
    }
    return new NodeThreads(List.of(), new int[threads], RowPlacement.NONE);
  }

  /**
   * Threads of this machine. Where it has one memory node, or the system refuses to bind threads or
   * to place memory, a line in the log says so and they are as on one.
   *
   * @param threads how many, at least 1
   * @return threads on as many nodes as there are
   */
  public static NodeThreads onThisMachine(int threads) {
    Optional<NodeSystem> system;
    try {
      system = LinuxNodes.find();
    } catch (IllegalCallerException e) {
      return onOneNode(threads, Level.WARNING, "native access is off");
    }
    if (system.isEmpty()) {
      return onOneNode(threads, Level.INFO, "this is not Linux on x86-64");
    }
    return of(MemoryNodes.read(Path.of("/")), threads, system.get());
  }

  /** As above, for any machine. */
  static NodeThreads of(MemoryNodes machine, int threads, NodeSystem system) {
    if (machine.reasonForOne().isPresent()) {
      return onOneNode(threads, Level.INFO, machine.reasonForOne().get());
    }
    NodeThreads spread = spread(machine.nodes(), threads, system);
    if (!spread.rows.spreads()) {
      return onOneNode(threads, Level.INFO, "all threads belong to one memory node");
    }
    Optional<String> refusal = spread.probe();
    if (refusal.isPresent()) {
      return onOneNode(threads, Level.WARNING, refusal.get());
    }
    LOG.log(Level.DEBUG, "threads and rows of weights by memory node: {0}", spread.rows.shares());
    return spread;
  }

  private static NodeThreads onOneNode(int threads, Level level, String reason) {
    LOG.log(level, "weights and threads are not placed by memory nodes: " + reason);
    return onOneNode(threads);
  }

  /** Thread t goes where processor t would be if all were counted node by node. */
  private static NodeThreads spread(List<MemoryNodes.Node> nodes, int threads, NodeSystem system) {
    int processors = nodes.stream().mapToInt(node -> node.processors().size()).sum();
    int[] nodeOf = new int[threads];
    List<MemoryNodes.Node> used = new ArrayList<>();
    List<RowPlacement.Share> shares = new ArrayList<>();
    int first = 0;
    int processorsBefore = 0;
    for (MemoryNodes.Node node : nodes) {
      processorsBefore += node.processors().size();
      int end = Math.toIntExact(Math.round((double) threads * processorsBefore / processors));
      if (end > first) {
        Arrays.fill(nodeOf, first, end, used.size());
        used.add(node);
        shares.add(new RowPlacement.Share(node.number(), end - first));
      }
      first = end;
    }
    return new NodeThreads(used, nodeOf, new RowPlacement(shares, system));
  }

  /** Tries, in a thread of its own, all that the system will be asked to do. */
  private Optional<String> probe() {
    AtomicReference<Optional<String>> refusal = new AtomicReference<>(Optional.empty());
    Thread thread =
        Thread.ofPlatform()
            .name("moka-node-probe")
            .daemon()
            .start(() -> {
              try (Arena arena = Arena.ofConfined()) {
                refusal.set(nodes.stream().flatMap(n -> tryOut(n, arena).stream()).findFirst());
              }
            });
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted");
    }
    return refusal.get();
  }

  private Optional<String> tryOut(MemoryNodes.Node node, Arena arena) {
    return rows.system()
        .bind(node.processors())
        .or(() -> rows.system().touch(NativeMemory.allocate(arena, PROBE_BYTES), node.number()))
        .map(reason -> "node " + node.number() + ": " + reason);
  }

  /**
   * How many threads, the caller's included.
   *
   * @return at least 1
   */
  public int threads() {
    return nodeOf.length;
  }

  /**
   * Where the rows lie that they read.
   *
   * @return nodes in the order in which {@link #nodeOf} counts them
   */
  public RowPlacement rows() {
    return rows;
  }

  /** The place of a thread's node, from 0. */
  int nodeOf(int thread) {
    return nodeOf[thread];
  }

  /** The place of the node where the calling thread, which nobody has bound, runs just now. */
  int currentNode() {
    if (!rows.spreads()) {
      return 0;
    }
    int processor = rows.system().currentProcessor();
    return processor >= 0 && processor < nodeOfProcessor.length ? nodeOfProcessor[processor] : 0;
  }

  /** Binds the calling thread, which is the pool's own, to the processors of its node. */
  void bind(int thread) {
    if (rows.spreads()) {
      rows.system()
          .bind(nodes.get(nodeOf[thread]).processors())
          .filter(reason -> complained.compareAndSet(false, true))
          .ifPresent(reason -> LOG.log(Level.WARNING, "threads run on any memory node: " + reason));
    }
  }
}
