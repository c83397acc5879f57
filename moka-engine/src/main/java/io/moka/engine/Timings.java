package io.moka.engine;

/**
 * How long a request took. The first token comes out of the prompt's last step, so decoding makes
 * one token fewer than were generated. Where requests share steps, each is charged the whole time.
 *
 * @param promptTokens tokens of the prompt
 * @param promptNanos from the request's first step until its first token
 * @param decodeTokens tokens after the first
 * @param decodeNanos from the first token until the last
 */
public record Timings(int promptTokens, long promptNanos, int decodeTokens, long decodeNanos) {
  /**
   * Speed of the prompt.
   *
   * @return tokens per second; 0 when no time passed
   */
  public double promptTokensPerSecond() {
    return perSecond(promptTokens, promptNanos);
  }

  /**
   * Speed of decoding.
   *
   * @return tokens per second; 0 when no time passed
   */
  public double decodeTokensPerSecond() {
    return perSecond(decodeTokens, decodeNanos);
  }

  private static double perSecond(int tokens, long nanos) {
    return nanos == 0 ? 0 : tokens * 1e9 / nanos;
  }
}
