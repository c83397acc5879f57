package io.moka.engine;

import io.moka.kernels.FloatMath;
import io.moka.kernels.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Chooses tokens from logits. Its working memory serves all requests of a step loop, one after the
 * other; what a request remembers lies in its {@link SamplingState}. The same logits, options and
 * seed give the same token on every machine.
 */
final class Sampler {
  private static final int GROUP = 64;

  private final float[] logits;
  private final float[] weights; // by id, of the candidates
  private final int[] candidates; // ascending
  private final float[] groupMax; // of each 64 tokens
  private final BestTokens best = new BestTokens();

  Sampler(int vocabulary) {
    logits = new float[vocabulary];
    weights = new float[vocabulary];
    candidates = new int[vocabulary];
    groupMax = new float[(vocabulary + GROUP - 1) / GROUP];
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
    float max = logits[top];
    int count = keepTopK(options.topK());
    double total = weigh(count, max, temperature);
    if (options.topP() < 1) {
      // those less likely make up less than 1 - topP together, half of that to leave room for
      // rounding: they cannot be needed, and there are many of them
      double unlikely = total * (1 - options.topP()) / count / 2;
      count = keepFrom((float) unlikely, count);
      count = best.keep(candidates, count, logits, weights, options.topP() * total);
    }
    if (options.minP() > 0) {
      count = keepFrom((float) options.minP(), count);
    }
    return draw(count, state.nextUniform());
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

  private int keepTopK(int topK) {
    boolean all = topK == 0 || topK >= logits.length;
    float least = all ? Float.NEGATIVE_INFINITY : kthGroup(topK);
    int count = 0;
    for (int id = 0; id < logits.length; id++) {
      if (logits[id] >= least) {
        candidates[count++] = id;
      }
    }
    if (all) {
      return count;
    }
    Arrays.fill(weights, 1);
    return best.keep(candidates, count, logits, weights, topK);
  }

  /**
   * The k-th of the groups' greatest logits: k tokens at least reach it, so it parts nearly all
   * others from the best k in one quick pass. Minus infinity where there are not so many groups.
   */
  private float kthGroup(int k) {
    if (k > groupMax.length) {
      return Float.NEGATIVE_INFINITY;
    }
    for (int group = 0; group < groupMax.length; group++) {
      int end = Math.min(logits.length, (group + 1) * GROUP);
      float max = logits[group * GROUP];
      for (int id = group * GROUP; id < end; id++) {
        max = Math.max(max, logits[id]);
      }
      groupMax[group] = max;
      candidates[group] = group;
      weights[group] = 1;
    }
    int kept = best.keep(candidates, groupMax.length, groupMax, weights, k);
    float least = Float.POSITIVE_INFINITY;
    for (int i = 0; i < kept; i++) {
      least = Math.min(least, groupMax[candidates[i]]);
    }
    return least;
  }

  /** Sets the candidates' weights, the best one's being 1; returns their sum. */
  private double weigh(int count, float max, float temperature) {
    double total = 0;
    for (int i = 0; i < count; i++) {
      int id = candidates[i];
      weights[id] = FloatMath.exp((logits[id] - max) / temperature);
      total += weights[id];
    }
    return total;
  }

  private int keepFrom(float least, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      int id = candidates[i];
      if (weights[id] >= least) {
        candidates[kept++] = id;
      }
    }
    return kept;
  }

  private int draw(int count, double uniform) {
    double total = 0;
    for (int i = 0; i < count; i++) {
      total += weights[candidates[i]];
    }
    double left = uniform * total;
    int last = 0;
    for (int i = 0; i < count; i++) {
      float weight = weights[candidates[i]];
      left -= weight;
      if (left < 0) {
        return candidates[i];
      }
      last = weight > 0 ? i : last;
    }
    return candidates[last]; // rounding left a crumb
  }
}
