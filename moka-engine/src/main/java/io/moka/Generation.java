package io.moka;

import io.moka.engine.Completion;
import io.moka.engine.FinishReason;
import io.moka.engine.Timings;
import java.util.List;

/**
 * What was generated.
 *
 * @param text the text, without special tokens and without the stop string
 * @param ids every token generated, the one that ended the text included
 * @param finishReason why it ended
 * @param timings tokens of the prompt and of the text, and how long they took
 * @param seed what the tokens were drawn with; the same seed draws the same text again
 */
public record Generation(
    String text, List<Integer> ids, FinishReason finishReason, Timings timings, long seed) {
  /** Copies the list. */
  public Generation {
    ids = List.copyOf(ids);
  }

  static Generation of(Completion completion, long seed) {
    return new Generation(
        completion.text(), completion.ids(), completion.finishReason(), completion.timings(), seed);
  }
}
