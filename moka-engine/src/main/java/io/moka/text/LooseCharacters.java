package io.moka.text;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Ids behind a vocabulary that stand for single characters while a text is merged, and are replaced
 * afterwards: see {@link ScoredMerges}.
 *
 * @param firstId the size of the vocabulary
 * @param replacements by id, from the first on
 */
record LooseCharacters(int firstId, List<int[]> replacements) {
  static final LooseCharacters NONE = new LooseCharacters(Integer.MAX_VALUE, List.of());

  /** The same ids, those behind the vocabulary replaced. */
  int[] replace(int[] ids) {
    if (replacements.isEmpty()) {
      return ids;
    }
    return IntStream.of(ids)
        .flatMap(
            id -> id < firstId ? IntStream.of(id) : IntStream.of(replacements.get(id - firstId)))
        .toArray();
  }
}
