package io.moka.kernels.cpu;

import io.moka.kernels.Rows;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows that one job of a step leaves to the next, one block for each number of columns: layers with
 * experts and layers without differ, and take turns. A block that is outgrown goes back to the
 * system at once; its successor is twice as large, so that steps which grow bit by bit replace few.
 */
final class ReusedRows implements AutoCloseable {
  private final List<Block> blocks = new ArrayList<>();

  private record Block(Arena arena, Rows rows) {
    static Block allocate(int capacity, int columns) {
      Arena arena = Arena.ofShared();
      try {
        return new Block(arena, Rows.allocate(arena, capacity, columns));
      } catch (RuntimeException | Error e) {
        arena.close();
        throw e;
      }
    }
  }

  /** Room for some rows; it holds what its last user left. */
  Rows get(int capacity, int columns) {
    for (int i = 0; i < blocks.size(); i++) {
      Block block = blocks.get(i);
      if (block.rows().columns() == columns) {
        return block.rows().capacity() >= capacity ? block.rows() : replace(i, capacity);
      }
    }
    blocks.add(Block.allocate(capacity, columns));
    return blocks.getLast().rows();
  }

  private Rows replace(int index, int capacity) {
    Block old = blocks.get(index);
    int doubled = (int) Math.min(2L * old.rows().capacity(), Integer.MAX_VALUE);
    Block larger = Block.allocate(Math.max(capacity, doubled), old.rows().columns());
    blocks.set(index, larger);
    old.arena().close();
    return larger.rows();
  }

  @Override
  public void close() {
    blocks.forEach(block -> block.arena().close());
    blocks.clear();
  }
}
