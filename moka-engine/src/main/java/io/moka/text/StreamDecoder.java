package io.moka.text;

/**
 * Turns ids into text one by one; what it gives out never ends in half a character.
 *
 * <p>The bytes of the tokens are one UTF-8 stream. Bytes that are no UTF-8 become U+FFFD, one for
 * each maximal subpart. Ids that the vocabulary does not have contribute nothing. One decoder
 * serves one text and one thread.
 */
public final class StreamDecoder {
  private final Tokenizer tokenizer;
  private final boolean skipSpecial;
  private final Utf8Stream utf8 = new Utf8Stream();
  private boolean stripSpace;

  /**
   * Creates a decoder for the beginning of a text.
   *
   * @param tokenizer the vocabulary that the ids belong to; it may be closed later
   * @param skipSpecial whether special tokens (such as the end of a turn) contribute nothing
   * @param stripLeadingSpace whether one space at the very beginning is dropped: {@link
   *     Tokenizer#stripsLeadingSpace()} for a text of its own, false for one that continues another
   */
  public StreamDecoder(Tokenizer tokenizer, boolean skipSpecial, boolean stripLeadingSpace) {
    this.tokenizer = tokenizer;
    this.skipSpecial = skipSpecial;
    this.stripSpace = stripLeadingSpace;
  }

  /**
   * Takes the next id.
   *
   * @param id the token
   * @return the characters that are complete now and were not before; often empty
   */
  public String push(int id) {
    StringBuilder out = new StringBuilder();
    push(id, out);
    return out.toString();
  }

  void push(int id, StringBuilder out) {
    if (skipSpecial && tokenizer.isSpecial(id)) {
      return;
    }
    byte[] bytes = tokenizer.bytes(id);
    if (bytes.length == 0) {
      return;
    }
    int from = stripSpace && bytes[0] == ' ' ? 1 : 0;
    stripSpace = false;
    utf8.feed(bytes, from, out);
  }

  /**
   * Ends the text.
   *
   * @return U+FFFD where the last character was incomplete, else nothing
   */
  public String flush() {
    StringBuilder out = new StringBuilder();
    utf8.finish(out);
    return out.toString();
  }
}
