package io.moka.checkpoint;

import io.moka.ModelException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Collects where tensors and configuration disagree, so that one message tells all of it. */
final class TensorProblems {
  private static final int MOST_REPORTED = 10;

  private final String headline;
  private final Map<String, List<String>> problems = new LinkedHashMap<>();

  TensorProblems(String headline) {
    this.headline = headline;
  }

  void add(String kind, String what) {
    problems.computeIfAbsent(kind, ignored -> new ArrayList<>()).add(what);
  }

  boolean has(String kind) {
    return problems.containsKey(kind);
  }

  void throwIfAny() {
    if (problems.isEmpty()) {
      return;
    }
    StringBuilder message = new StringBuilder(headline);
    problems.forEach((kind, all) -> {
      List<String> shown = all.subList(0, Math.min(all.size(), MOST_REPORTED));
      message.append("; ").append(kind).append(": ").append(String.join(", ", shown));
      if (all.size() > shown.size()) {
        message.append(" and ").append(all.size() - shown.size()).append(" more");
      }
    });
    throw new ModelException(message.toString());
  }
}
