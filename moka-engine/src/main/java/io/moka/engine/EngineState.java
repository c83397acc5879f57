package io.moka.engine;

import io.moka.RequestException;
import java.util.List;

/**
 * What steps work on; one thread at a time.
 *
 * @param forward the model and its cache
 * @param blocks who holds which block of that cache
 * @param contextLength the longest sequence, which the blocks suffice for
 * @param chunkRows the most rows of prompts in one step
 */
public record EngineState(
    Forward forward, BlockAllocator blocks, int contextLength, int chunkRows) {
  /** Rows of prompts in one step, unless asked otherwise. */
  public static final int DEFAULT_CHUNK_ROWS = 512;

  /** Checks that one sequence fits. */
  public EngineState {
    if (contextLength < 1 || chunkRows < 1) {
      throw new IllegalArgumentException("context " + contextLength + ", chunk " + chunkRows);
    }
    if (Sequence.blocksFor(contextLength) > blocks.total()) {
      throw new IllegalArgumentException(
          blocks.total() + " blocks do not hold a context of " + contextLength);
    }
  }

  /**
   * Checks ids from outside.
   *
   * @param ids tokens of one sequence
   * @return the same
   * @throws RequestException when there are more than the context holds, or one is not in the
   *     vocabulary
   */
  int[] checked(List<Integer> ids) {
    if (ids.size() > contextLength) {
      throw new RequestException(
          "The prompt has "
              + ids.size()
              + " tokens, but the context holds "
              + contextLength
              + "; shorten the prompt, or load the model with a longer context");
    }
    int[] checked = new int[ids.size()];
    for (int i = 0; i < checked.length; i++) {
      checked[i] = ids.get(i);
      if (checked[i] < 0 || checked[i] >= forward.vocabSize()) {
        throw new RequestException(
            "The prompt's token "
                + i
                + " is "
                + checked[i]
                + "; the model's tokens are 0 to "
                + (forward.vocabSize() - 1));
      }
    }
    return checked;
  }
}
