package io.moka.engine;

import io.moka.RequestException;
import java.util.Arrays;

/** What sampling remembers of one request: its generator, and which tokens came how often. */
final class SamplingState {
  /** The increment of SplitMix64 (Steele, Lea and Flood, 2014). */
  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  private final SamplingOptions options;
  private final int[] biasIds;
  private final float[] biases;

  /** By id: twice the count in the generated text, odd once the token was seen at all. */
  private final int[] marks;

  private int[] seen = new int[64];
  private int seenCount;
  private long generator;

  SamplingState(SamplingOptions options, int vocabulary, int[] prompt) {
    this.options = options;
    this.generator = options.seed();
    this.marks = new int[options.hasPenalties() ? vocabulary : 0];
    this.biasIds = options.logitBias().keySet().stream().mapToInt(Integer::intValue).toArray();
    this.biases = new float[biasIds.length];
    for (int i = 0; i < biasIds.length; i++) {
      if (biasIds[i] < 0 || biasIds[i] >= vocabulary) {
        throw new RequestException(
            "logitBias must name tokens from 0 to " + (vocabulary - 1) + ", not " + biasIds[i]);
      }
      biases[i] = options.logitBias().get(biasIds[i]).floatValue();
    }
    for (int id : prompt) {
      see(id);
    }
  }

  SamplingOptions options() {
    return options;
  }

  /** Takes note of a generated token. */
  void accept(int id) {
    see(id);
    if (marks.length > 0) {
      marks[id] += 2;
    }
  }

  private void see(int id) {
    if (marks.length == 0 || marks[id] != 0) {
      return;
    }
    if (seenCount == seen.length) {
      seen = Arrays.copyOf(seen, 2 * seenCount);
    }
    seen[seenCount++] = id;
    marks[id] = 1;
  }

  /**
   * Applies penalties and bias. As in vLLM and in Hugging Face, the repetition penalty counts the
   * prompt; as in OpenAI's interface, frequency and presence penalty do not.
   */
  void adjust(float[] logits) {
    float repetition = (float) options.repetitionPenalty();
    float presence = (float) options.presencePenalty();
    float frequency = (float) options.frequencyPenalty();
    for (int i = 0; i < seenCount; i++) {
      int id = seen[i];
      int count = marks[id] >> 1;
      float logit = logits[id] > 0 ? logits[id] / repetition : logits[id] * repetition;
      float lowered = count == 0 ? logit : logit - frequency * count - presence;
      // finite, however large the logit and small the penalty
      logits[id] = Math.clamp(lowered, -Float.MAX_VALUE, Float.MAX_VALUE);
    }
    for (int i = 0; i < biasIds.length; i++) {
      logits[biasIds[i]] += biases[i];
    }
  }

  /** The next number of the generator, evenly spread over [0, 1). */
  double nextUniform() {
    generator += GAMMA;
    long mixed = (generator ^ (generator >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return ((mixed ^ (mixed >>> 31)) >>> 11) * 0x1p-53;
  }
}
