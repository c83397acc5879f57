package io.moka.engine;

import io.moka.kernels.FloatMath;
import io.moka.kernels.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Chooses tokens from logits. Its working memory serves all requests of a step loop, one after the
 * other; what a request remembers lies in its {@link SamplingState}. The same logits, options and
 * seed give the same tokens on every machine.
 */
final class Sampler {
  private final float[] logits;
  private final BestCandidates best;

  Sampler(int vocabulary) {
    logits = new float[vocabulary];
    best = new BestCandidates(vocabulary);
  }

  /** Chooses a token; the row stays as it is, and the choice is not yet noted in the state. */
  int sample(Rows rows, int row, SamplingState state) {
    MemorySegment.copy(
        rows.data(), ValueLayout.JAVA_FLOAT, rows.offsetBytes(row), logits, 0, logits.length);
    state.adjust(logits);
    int top = argmax();
    SamplingOptions options = state.options();
    float temperature = (float) options.temperature();
    if (temperature == 0) {
      return top;
    }
    // from here on the array holds (logit - max) / temperature
    float max = logits[top];
    for (int id = 0; id < logits.length; id++) {
      logits[id] = (logits[id] - max) / temperature;
    }
    boolean all = options.topK() == 0 || options.topK() >= logits.length;
    if (all && options.topP() == 1 && options.minP() == 0) {
      return drawFromAll(state.nextUniform());
    }
    double total = all ? keepLikely(options) : keepTopK(options.topK());
    int kept = cut(total, options);
    return drawFromBest(kept, state.nextUniform());
  }

  private int argmax() {
    int top = 0;
    for (int id = 1; id < logits.length; id++) {
      if (logits[id] > logits[top]) {
        top = id;
      }
    }
    return top;
  }

  private int drawFromAll(double uniform) {
    double total = 0;
    for (float logit : logits) {
      total += FloatMath.exp(logit);
    }
    double left = uniform * total;
    int last = 0;
    for (int id = 0; id < logits.length; id++) {
      float weight = FloatMath.exp(logits[id]);
      if (weight > 0) {
        last = id;
        left -= weight;
        if (left < 0) {
          return id;
        }
      }
    }
    return last; // rounding left a crumb
  }

  /** Keeps the best k in order; returns the sum of their weights. */
  private double keepTopK(int k) {
    best.start(k);
    for (int id = 0; id < logits.length; id++) {
      best.offer(id, logits[id]);
    }
    best.sort();
    double total = 0;
    for (int rank = 0; rank < k; rank++) {
      total += FloatMath.exp(logits[best.id(rank)]);
    }
    return total;
  }

  /**
   * Keeps in order the tokens that top-p and min-p could keep; returns the sum of the weights of
   * all tokens. Tokens below (1 - topP) / V of the total make up less than 1 - topP together, so
   * the best ones without them reach topP; half of that leaves room for rounding.
   */
  private double keepLikely(SamplingOptions options) {
    double total = 0;
    for (float logit : logits) {
      total += FloatMath.exp(logit);
    }
    double unlikely = total * (1 - options.topP()) / logits.length / 2;
    double least = Math.max(unlikely, options.minP());
    best.start(logits.length);
    for (int id = 0; id < logits.length; id++) {
      if (FloatMath.exp(logits[id]) >= least) {
        best.offer(id, logits[id]);
      }
    }
    best.sort();
    return total;
  }

  /** How many of those in order top-p and min-p leave. */
  private int cut(double total, SamplingOptions options) {
    double enough = options.topP() * total;
    double sum = 0;
    int kept = 0;
    while (kept < best.size()) {
      float weight = FloatMath.exp(logits[best.id(kept)]);
      if (weight < options.minP() || options.topP() < 1 && sum >= enough) {
        break;
      }
      sum += weight;
      kept++;
    }
    return kept;
  }

  private int drawFromBest(int kept, double uniform) {
    double sum = 0;
    for (int rank = 0; rank < kept; rank++) {
      sum += FloatMath.exp(logits[best.id(rank)]);
    }
    double left = uniform * sum;
    for (int rank = 0; rank < kept; rank++) {
      left -= FloatMath.exp(logits[best.id(rank)]);
      if (left < 0) {
        return best.id(rank);
      }
    }
    return best.id(0);
  }
}
