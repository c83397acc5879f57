package io.moka.checkpoint;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The sampling settings of {@code generation_config.json}; empty where the file or the key is
 * absent.
 *
 * @param doSample false asks for greedy decoding
 * @param temperature at least 0
 * @param topK 0 for off
 * @param topP in (0, 1]
 * @param minP in [0, 1]
 * @param repetitionPenalty above 0; 1 for off
 * @param eosTokenIds the ids that end a text; empty list where not given
 */
public record GenerationDefaults(
    Optional<Boolean> doSample,
    OptionalDouble temperature,
    OptionalInt topK,
    OptionalDouble topP,
    OptionalDouble minP,
    OptionalDouble repetitionPenalty,
    List<Integer> eosTokenIds) {
  /** No settings at all. */
  public static final GenerationDefaults NONE =
      new GenerationDefaults(
          Optional.empty(),
          OptionalDouble.empty(),
          OptionalInt.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          List.of());

  /** Copies the list. */
  public GenerationDefaults {
    eosTokenIds = List.copyOf(eosTokenIds);
  }
}
