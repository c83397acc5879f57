package io.moka.engine;

import io.moka.RequestException;
import io.moka.kernels.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * How well a model foretells a text. The text is cut into windows of N + 1 tokens without overlap;
 * each begins with an empty cache and counts N predictions; a last, shorter window is left out.
 *
 * @param windows how many
 * @param tokens predictions counted
 * @param meanNll mean negative log likelihood of a prediction, natural logarithm
 */
public record Perplexity(int windows, long tokens, double meanNll) {
  /**
   * The perplexity.
   *
   * @return e to the mean negative log likelihood
   */
  public double value() {
    return StrictMath.exp(meanNll);
  }

  /**
   * Measures a text.
   *
   * @param logits the model
   * @param ids the text's tokens
   * @param window N, at least 1
   * @return the figures
   * @throws RequestException when the text does not fill one window, or a window not fit the
   *     context
   * @throws io.moka.NumericalException when the model yields no usable numbers
   */
  public static Perplexity measure(Logits logits, List<Integer> ids, int window) {
    if (window < 1 || ids.size() <= window) {
      throw new RequestException(
          "The text has "
              + ids.size()
              + " tokens; perplexity over windows of "
              + window
              + " predictions needs at least "
              + (Math.max(window, 1) + 1L));
    }
    Sum sum = new Sum();
    int windows = ids.size() / (window + 1);
    for (int i = 0; i < windows; i++) {
      int from = i * (window + 1);
      List<Integer> part = ids.subList(from, from + window);
      logits.forEach(
          part, (position, rows, row) -> sum.add(rows, row, ids.get(from + position + 1)));
    }
    long tokens = (long) windows * window;
    return new Perplexity(windows, tokens, sum.value / tokens);
  }

  private static final class Sum {
    private float[] values = new float[0];
    private double value;

    void add(Rows rows, int row, int next) {
      if (values.length != rows.columns()) {
        values = new float[rows.columns()];
      }
      MemorySegment.copy(
          rows.data(), ValueLayout.JAVA_FLOAT, rows.offsetBytes(row), values, 0, values.length);
      if (next < 0 || next >= values.length) {
        throw new RequestException(
            "Token " + next + " is not of the vocabulary, 0 to " + (values.length - 1));
      }
      double max = Double.NEGATIVE_INFINITY;
      for (float logit : values) {
        max = Math.max(max, logit);
      }
      double total = 0;
      for (float logit : values) {
        total += StrictMath.exp(logit - max);
      }
      value += max + StrictMath.log(total) - values[next];
    }
  }
}
