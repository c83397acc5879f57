package io.moka.kernels.cpu;

import io.moka.weights.NodeSystem;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/** A machine with as many memory nodes as a test wants; it binds nothing and places nothing. */
public final class MadeUpNodes implements NodeSystem {
  /** Node i has the number 10 + i, so that numbers and places are not mistaken for each other. */
  private static final int FIRST_NUMBER = 10;

  private final List<MemoryNodes.Node> nodes = new ArrayList<>();
  private final Map<Thread, List<Integer>> bound = new ConcurrentHashMap<>();
  private final Map<Integer, Long> placedBytes = new ConcurrentHashMap<>();
  private Optional<String> bindRefusal = Optional.empty();
  private Optional<String> touchRefusal = Optional.empty();
  private volatile int current;

  /** A machine whose nodes have so many processors each, numbered one after the other. */
  public MadeUpNodes(int... processors) {
    int first = 0;
    for (int count : processors) {
      nodes.add(
          new MemoryNodes.Node(
              FIRST_NUMBER + nodes.size(), IntStream.range(first, first + count).boxed().toList()));
      first += count;
    }
  }

  /** Threads spread over it; on one node where the system refuses. */
  public NodeThreads threads(int count) {
    return NodeThreads.of(new MemoryNodes(nodes, Optional.empty()), count, this);
  }

  MadeUpNodes refuseToBind(String reason) {
    bindRefusal = Optional.of(reason);
    return this;
  }

  /** From now on. */
  public MadeUpNodes refuseToTouch(String reason) {
    touchRefusal = Optional.of(reason);
    return this;
  }

  /** Where threads that are not bound seem to run. */
  void setCurrentProcessor(int processor) {
    current = processor;
  }

  /** The processors of a thread that was bound. */
  Optional<List<Integer>> bound(Thread thread) {
    return Optional.ofNullable(bound.get(thread));
  }

  int boundThreads() {
    return bound.size();
  }

  /** Bytes that were to lie at a node, by its number. */
  public Map<Integer, Long> placedBytes() {
    return placedBytes;
  }

  @Override
  public Optional<String> bind(List<Integer> processors) {
    bound.put(Thread.currentThread(), processors);
    return bindRefusal;
  }

  @Override
  public int currentProcessor() {
    return current;
  }

  @Override
  public Optional<String> touch(MemorySegment memory, int node) {
    placedBytes.merge(node, memory.byteSize(), Long::sum);
    return touchRefusal;
  }
}
