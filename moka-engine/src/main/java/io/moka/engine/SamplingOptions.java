package io.moka.engine;

import io.moka.RequestException;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * How the next token is chosen from logits. The steps are taken in this order: repetition penalty,
 * frequency and presence penalty, logit bias, temperature, top-k, top-p, min-p.
 *
 * @param temperature what logits are divided by, from 0 to 100; 0 takes the best token (of equal
 *     ones the lowest id) and ignores top-k, top-p and min-p
 * @param topK how many of the best tokens stay; 0 for all
 * @param topP the best tokens stay whose probabilities, summed from the best, reach this share of
 *     those left by top-k; above 0, at most 1; 1 for all
 * @param minP tokens stay that are at least this share as probable as the best one; from 0 to 1; 0
 *     for all
 * @param repetitionPenalty logits of tokens of the prompt and of the generated text are divided by
 *     it where positive, else multiplied (Keskar and others, 2019); above 0, at most 100; 1 for off
 * @param presencePenalty what logits of tokens of the generated text are lowered by; from -2 to 2
 * @param frequencyPenalty the same, times how often the token was generated; from -2 to 2
 * @param logitBias what is added to the logits of single tokens, from -100 to 100, by id
 * @param seed of the request's own generator
 */
public record SamplingOptions(
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    double presencePenalty,
    double frequencyPenalty,
    Map<Integer, Double> logitBias,
    long seed) {

  /** Always the best token. */
  public static final SamplingOptions GREEDY =
      new SamplingOptions(0, 0, 1, 0, 1, 0, 0, Map.of(), 0);

  /**
   * Checks the ranges and copies the map.
   *
   * @throws RequestException when a value is out of its range
   */
  public SamplingOptions {
    logitBias = Collections.unmodifiableMap(new TreeMap<>(logitBias));
    check(temperature >= 0 && temperature <= 100, "temperature", "from 0 to 100", temperature);
    check(topK >= 0, "topK", "at least 0, where 0 means all", topK);
    check(topP > 0 && topP <= 1, "topP", "above 0 and at most 1", topP);
    check(minP >= 0 && minP <= 1, "minP", "from 0 to 1", minP);
    check(
        repetitionPenalty > 0 && repetitionPenalty <= 100,
        "repetitionPenalty",
        "above 0 and at most 100",
        repetitionPenalty);
    check(Math.abs(presencePenalty) <= 2, "presencePenalty", "from -2 to 2", presencePenalty);
    check(Math.abs(frequencyPenalty) <= 2, "frequencyPenalty", "from -2 to 2", frequencyPenalty);
    logitBias.forEach((id, bias) ->
        check(Math.abs(bias) <= 100, "logitBias of token " + id, "from -100 to 100", bias));
  }

  private static void check(boolean ok, String field, String range, Number value) {
    if (!ok) {
      throw new RequestException(field + " must be " + range + ", not " + value);
    }
  }

  /**
   * Whether what was generated changes the logits.
   *
   * @return true when a penalty is on
   */
  boolean hasPenalties() {
    return repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0;
  }
}
