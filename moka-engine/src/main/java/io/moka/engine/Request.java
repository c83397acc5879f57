package io.moka.engine;

import io.moka.RequestException;
import java.util.List;

/**
 * A text to be continued.
 *
 * @param prompt token ids, at least one
 * @param sampling how tokens are chosen
 * @param maxTokens the most tokens to generate, at least 1; the context may end the text earlier
 * @param stopStrings texts that end the text and are not part of it: at most 16, each of 1 to 512
 *     characters
 * @param ignoreEnd whether the model's end tokens do not end the text
 * @param ownText whether the text stands for itself, as an answer does, or goes on from the prompt;
 *     some vocabularies write a space before a text of its own, which is then dropped
 * @param listener hears of each token
 * @param cancellation ends the request early
 */
public record Request(
    List<Integer> prompt,
    SamplingOptions sampling,
    int maxTokens,
    List<String> stopStrings,
    boolean ignoreEnd,
    boolean ownText,
    TokenListener listener,
    Cancellation cancellation) {
  private static final int MAX_STOP_STRINGS = 16;
  private static final int MAX_STOP_CHARS = 512;

  /**
   * Checks the ranges and copies the lists.
   *
   * @throws RequestException when a value is out of its range
   */
  public Request {
    prompt = List.copyOf(prompt);
    stopStrings = List.copyOf(stopStrings);
    if (prompt.isEmpty()) {
      throw new RequestException("The prompt is empty; give at least one token to go on from");
    }
    if (maxTokens < 1) {
      throw new RequestException("maxTokens must be at least 1, not " + maxTokens);
    }
    if (stopStrings.size() > MAX_STOP_STRINGS) {
      throw new RequestException(
          "There may be at most " + MAX_STOP_STRINGS + " stop strings, not " + stopStrings.size());
    }
    for (String stop : stopStrings) {
      if (stop.isEmpty() || stop.length() > MAX_STOP_CHARS) {
        throw new RequestException(
            "A stop string must have 1 to " + MAX_STOP_CHARS + " characters, not " + stop.length());
      }
    }
  }
}
