package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * Which memory node each row of a packed matrix lies at: every node has a run of neighbouring
 * groups, as many as it has threads that read them.
 *
 * @param shares the nodes in the order of their runs; one or more
 * @param system what hands out pages
 */
public record RowPlacement(List<Share> shares, NodeSystem system) {
  /** Where the machine's memory is one: pages come from where the system likes. */
  public static final RowPlacement NONE = new RowPlacement(List.of(new Share(0, 1)), new OneNode());

  /**
   * What is one node's.
   *
   * @param node the system's number of the node
   * @param threads how many read there, at least 1
   */
  public record Share(int node, int threads) {
    /** Checks that there are threads. */
    public Share {
      if (threads < 1) {
        throw new IllegalArgumentException("node " + node + " has " + threads + " threads");
      }
    }
  }

  /** Copies the list and checks that there is a node. */
  public RowPlacement {
    shares = List.copyOf(shares);
    if (shares.isEmpty()) {
      throw new IllegalArgumentException("rows need a node to lie at");
    }
  }

  /**
   * Whether rows lie at different nodes.
   *
   * @return false for one node
   */
  public boolean spreads() {
    return shares.size() > 1;
  }

  /**
   * The first group of a node's run, which ends where the next begins.
   *
   * @param share which node, from 0 to their number
   * @param groups groups of the matrix, each of equal size
   * @return from 0 to groups
   */
  public int firstGroup(int share, int groups) {
    int threads = 0;
    int before = 0;
    for (int i = 0; i < shares.size(); i++) {
      threads += shares.get(i).threads();
      before += i < share ? shares.get(i).threads() : 0;
    }
    return (int) ((long) groups * before / threads);
  }

  /**
   * Takes the pages of a new matrix from the nodes that its rows lie at. Pages that two nodes share
   * go to the first of them.
   *
   * @param matrix zeros that nobody has written to
   * @param groups groups of the matrix
   * @return why the system refuses; empty where it does as told, or there is nothing to do
   */
  Optional<String> touch(MemorySegment matrix, int groups) {
    if (!spreads() || groups == 0) {
      return Optional.empty();
    }
    long groupBytes = matrix.byteSize() / groups;
    Optional<String> refusal = Optional.empty();
    for (int i = 0; i < shares.size() && refusal.isEmpty(); i++) {
      long from = firstGroup(i, groups) * groupBytes;
      long end = firstGroup(i + 1, groups) * groupBytes;
      refusal = system.touch(matrix.asSlice(from, end - from), shares.get(i).node());
    }
    return refusal;
  }

  /** A machine without nodes. */
  private static final class OneNode implements NodeSystem {
    @Override
    public Optional<String> bind(List<Integer> processors) {
      return Optional.empty();
    }

    @Override
    public int currentProcessor() {
      return 0;
    }

    @Override
    public Optional<String> touch(MemorySegment memory, int node) {
      return Optional.empty();
    }
  }
}
