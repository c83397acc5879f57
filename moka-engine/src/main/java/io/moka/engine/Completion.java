package io.moka.engine;

import java.util.List;

/**
 * What came of a request.
 *
 * @param ids every token sampled, the one that ended the text included
 * @param text their text, without special tokens and without the stop string
 * @param finishReason why it ended
 * @param timings how long it took
 */
public record Completion(
    List<Integer> ids, String text, FinishReason finishReason, Timings timings) {
  /** Copies the list. */
  public Completion {
    ids = List.copyOf(ids);
  }
}
