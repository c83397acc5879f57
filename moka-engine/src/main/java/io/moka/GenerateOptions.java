package io.moka;

import io.moka.checkpoint.GenerationDefaults;
import io.moka.engine.SamplingOptions;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * How a text is generated. What is empty is taken from the model's {@code generation_config.json},
 * and where that says nothing: temperature 1 and everything else off. The ranges are those of
 * {@link SamplingOptions}.
 *
 * @param maxTokens the most tokens to generate; empty for as many as the context holds
 * @param temperature what logits are divided by; 0 always takes the best token
 * @param topK how many of the best tokens stay; 0 for all
 * @param topP the share of probability that the best tokens left must reach; 1 for all
 * @param minP tokens stay that are at least this share as probable as the best; 0 for all
 * @param repetitionPenalty weakens tokens of the prompt and of the text; 1 for off
 * @param presencePenalty weakens tokens of the text; 0 for off
 * @param frequencyPenalty weakens tokens of the text, times their count; 0 for off
 * @param logitBias what is added to the logits of single tokens, by id
 * @param seed of the generator; empty for another one each time
 * @param stop texts that end the text and are not part of it
 * @param ignoreEnd whether the model's end tokens do not end the text
 * @param templateVariables for chats, what else the model's template reads, such as {@code
 *     enable_thinking}
 */
public record GenerateOptions(
    OptionalInt maxTokens,
    OptionalDouble temperature,
    OptionalInt topK,
    OptionalDouble topP,
    OptionalDouble minP,
    OptionalDouble repetitionPenalty,
    OptionalDouble presencePenalty,
    OptionalDouble frequencyPenalty,
    Map<Integer, Double> logitBias,
    OptionalLong seed,
    List<String> stop,
    boolean ignoreEnd,
    Map<String, Object> templateVariables) {

  /** The model's own way. */
  public static final GenerateOptions DEFAULT =
      new GenerateOptions(
          OptionalInt.empty(),
          OptionalDouble.empty(),
          OptionalInt.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          Map.of(),
          OptionalLong.empty(),
          List.of(),
          false,
          Map.of());

  /** Copies lists and maps. */
  public GenerateOptions {
    logitBias = Map.copyOf(logitBias);
    stop = List.copyOf(stop);
    templateVariables = Collections.unmodifiableMap(new LinkedHashMap<>(templateVariables));
  }

  /**
   * Sets maxTokens.
   *
   * @param value the most tokens to generate
   * @return a changed copy
   */
  public GenerateOptions withMaxTokens(int value) {
    return new GenerateOptions(
        OptionalInt.of(value),
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets temperature.
   *
   * @param value what logits are divided by; 0 always takes the best token
   * @return a changed copy
   */
  public GenerateOptions withTemperature(double value) {
    return new GenerateOptions(
        maxTokens,
        OptionalDouble.of(value),
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets topK.
   *
   * @param value how many of the best tokens stay; 0 for all
   * @return a changed copy
   */
  public GenerateOptions withTopK(int value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        OptionalInt.of(value),
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets topP.
   *
   * @param value the share of probability that the best tokens left must reach; 1 for all
   * @return a changed copy
   */
  public GenerateOptions withTopP(double value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        OptionalDouble.of(value),
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets minP.
   *
   * @param value tokens stay that are at least this share as probable as the best; 0 for all
   * @return a changed copy
   */
  public GenerateOptions withMinP(double value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        OptionalDouble.of(value),
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets repetitionPenalty.
   *
   * @param value weakens tokens of the prompt and of the text; 1 for off
   * @return a changed copy
   */
  public GenerateOptions withRepetitionPenalty(double value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        OptionalDouble.of(value),
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets presencePenalty.
   *
   * @param value weakens tokens of the text; 0 for off
   * @return a changed copy
   */
  public GenerateOptions withPresencePenalty(double value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        OptionalDouble.of(value),
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets frequencyPenalty.
   *
   * @param value weakens tokens of the text, times their count; 0 for off
   * @return a changed copy
   */
  public GenerateOptions withFrequencyPenalty(double value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        OptionalDouble.of(value),
        logitBias,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets logitBias.
   *
   * @param value what is added to the logits of single tokens, by id
   * @return a changed copy
   */
  public GenerateOptions withLogitBias(Map<Integer, Double> value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        value,
        seed,
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets seed.
   *
   * @param value of the generator
   * @return a changed copy
   */
  public GenerateOptions withSeed(long value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        OptionalLong.of(value),
        stop,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets stop.
   *
   * @param value texts that end the text and are not part of it
   * @return a changed copy
   */
  public GenerateOptions withStop(List<String> value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        value,
        ignoreEnd,
        templateVariables);
  }

  /**
   * Sets ignoreEnd.
   *
   * @param value whether the model's end tokens do not end the text
   * @return a changed copy
   */
  public GenerateOptions withIgnoreEnd(boolean value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        value,
        templateVariables);
  }

  /**
   * Sets templateVariables.
   *
   * @param value for chats, what else the model's template reads, such as {@code enable_thinking}
   * @return a changed copy
   */
  public GenerateOptions withTemplateVariables(Map<String, Object> value) {
    return new GenerateOptions(
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed,
        stop,
        ignoreEnd,
        value);
  }

  /** The options in full. */
  SamplingOptions sampling(GenerationDefaults defaults, long chosenSeed) {
    boolean greedy = !defaults.doSample().orElse(true);
    double defaultTemperature = greedy ? 0 : defaults.temperature().orElse(1);
    return new SamplingOptions(
        temperature.orElse(defaultTemperature),
        topK.orElse(defaults.topK().orElse(0)),
        topP.orElse(defaults.topP().orElse(1)),
        minP.orElse(defaults.minP().orElse(0)),
        repetitionPenalty.orElse(defaults.repetitionPenalty().orElse(1)),
        presencePenalty.orElse(0),
        frequencyPenalty.orElse(0),
        logitBias,
        chosenSeed);
  }
}
