package io.moka.text;

import java.util.List;
import java.util.function.BiConsumer;

/** How the tokens of a vocabulary are put together from others. */
sealed interface GgufMerges permits ListedMerges, ScoredMerges {
  /** The most that the native library is given. */
  int MAX_MERGES = 1 << 20;

  /** Calls for each merge, best first, with its left and its right side. */
  void forEach(BiConsumer<String, String> merge);

  /** Characters that take part without being tokens; their ids begin behind the vocabulary. */
  List<String> loose();
}
