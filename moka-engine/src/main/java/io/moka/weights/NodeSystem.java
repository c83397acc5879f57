package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** What is asked of the system about memory nodes; tests play machines that have several. */
public interface NodeSystem {
  /**
   * Lets the calling thread run on some processors alone, until it ends.
   *
   * @param processors by the system's numbers
   * @return why the system refuses; empty where it does as told
   */
  Optional<String> bind(List<Integer> processors);

  /**
   * Where the calling thread runs just now.
   *
   * @return the system's number of the processor
   */
  int currentProcessor();

  /**
   * Takes the pages of new memory from a node, or from others where it has none left. A page that
   * somebody has touched stays where it is.
   *
   * @param memory zeros that nobody has written to
   * @param node by the system's number
   * @return why the system refuses; empty where it does as told
   */
  Optional<String> touch(MemorySegment memory, int node);
}
