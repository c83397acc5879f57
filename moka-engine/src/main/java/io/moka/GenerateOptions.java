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
import java.util.function.Consumer;

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
    return with(copy -> copy.maxTokens = OptionalInt.of(value));
  }

  /**
   * Sets temperature.
   *
   * @param value what logits are divided by; 0 always takes the best token
   * @return a changed copy
   */
  public GenerateOptions withTemperature(double value) {
    return with(copy -> copy.temperature = OptionalDouble.of(value));
  }

  /**
   * Sets topK.
   *
   * @param value how many of the best tokens stay; 0 for all
   * @return a changed copy
   */
  public GenerateOptions withTopK(int value) {
    return with(copy -> copy.topK = OptionalInt.of(value));
  }

  /**
   * Sets topP.
   *
   * @param value the share of probability that the best tokens left must reach; 1 for all
   * @return a changed copy
   */
  public GenerateOptions withTopP(double value) {
    return with(copy -> copy.topP = OptionalDouble.of(value));
  }

  /**
   * Sets minP.
   *
   * @param value tokens stay that are at least this share as probable as the best; 0 for all
   * @return a changed copy
   */
  public GenerateOptions withMinP(double value) {
    return with(copy -> copy.minP = OptionalDouble.of(value));
  }

  /**
   * Sets repetitionPenalty.
   *
   * @param value weakens tokens of the prompt and of the text; 1 for off
   * @return a changed copy
   */
  public GenerateOptions withRepetitionPenalty(double value) {
    return with(copy -> copy.repetitionPenalty = OptionalDouble.of(value));
  }

  /**
   * Sets presencePenalty.
   *
   * @param value weakens tokens of the text; 0 for off
   * @return a changed copy
   */
  public GenerateOptions withPresencePenalty(double value) {
    return with(copy -> copy.presencePenalty = OptionalDouble.of(value));
  }

  /**
   * Sets frequencyPenalty.
   *
   * @param value weakens tokens of the text, times their count; 0 for off
   * @return a changed copy
   */
  public GenerateOptions withFrequencyPenalty(double value) {
    return with(copy -> copy.frequencyPenalty = OptionalDouble.of(value));
  }

  /**
   * Sets logitBias.
   *
   * @param value what is added to the logits of single tokens, by id
   * @return a changed copy
   */
  public GenerateOptions withLogitBias(Map<Integer, Double> value) {
    return with(copy -> copy.logitBias = value);
  }

  /**
   * Sets seed.
   *
   * @param value of the generator
   * @return a changed copy
   */
  public GenerateOptions withSeed(long value) {
    return with(copy -> copy.seed = OptionalLong.of(value));
  }

  /**
   * Sets stop.
   *
   * @param value texts that end the text and are not part of it
   * @return a changed copy
   */
  public GenerateOptions withStop(List<String> value) {
    return with(copy -> copy.stop = value);
  }

  /**
   * Sets ignoreEnd.
   *
   * @param value whether the model's end tokens do not end the text
   * @return a changed copy
   */
  public GenerateOptions withIgnoreEnd(boolean value) {
    return with(copy -> copy.ignoreEnd = value);
  }

  /**
   * Sets templateVariables.
   *
   * @param value for chats, what else the model's template reads, such as {@code enable_thinking}
   * @return a changed copy
   */
  public GenerateOptions withTemplateVariables(Map<String, Object> value) {
    return with(copy -> copy.templateVariables = value);
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

  private GenerateOptions with(Consumer<Copy> change) {
    Copy copy = new Copy(this);
    change.accept(copy);
    return copy.options();
  }

  /** A copy while it is changed. */
  private static final class Copy {
    OptionalInt maxTokens;
    OptionalDouble temperature;
    OptionalInt topK;
    OptionalDouble topP;
    OptionalDouble minP;
    OptionalDouble repetitionPenalty;
    OptionalDouble presencePenalty;
    OptionalDouble frequencyPenalty;
    Map<Integer, Double> logitBias;
    OptionalLong seed;
    List<String> stop;
    boolean ignoreEnd;
    Map<String, Object> templateVariables;

    Copy(GenerateOptions options) {
      maxTokens = options.maxTokens;
      temperature = options.temperature;
      topK = options.topK;
      topP = options.topP;
      minP = options.minP;
      repetitionPenalty = options.repetitionPenalty;
      presencePenalty = options.presencePenalty;
      frequencyPenalty = options.frequencyPenalty;
      logitBias = options.logitBias;
      seed = options.seed;
      stop = options.stop;
      ignoreEnd = options.ignoreEnd;
      templateVariables = options.templateVariables;
    }

    GenerateOptions options() {
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
          templateVariables);
    }
  }
}
