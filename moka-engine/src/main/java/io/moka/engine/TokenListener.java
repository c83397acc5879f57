package io.moka.engine;

/** Hears of each token as it is sampled, in the thread that generates. */
@FunctionalInterface
public interface TokenListener {
  /** Hears nothing. */
  TokenListener NONE = (id, text) -> {};

  /**
   * A token was sampled. The texts of all calls joined are the text of the result.
   *
   * @param id the token, the one that ends the text included
   * @param text what has become certain with it: whole characters, and nothing that may still turn
   *     into a stop string; often empty
   */
  void onToken(int id, String text);
}
