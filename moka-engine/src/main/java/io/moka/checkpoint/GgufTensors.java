package io.moka.checkpoint;

import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The tensors of a GGUF model, held against the configuration; every mismatch goes into one
 * message. Experts lie stacked in one tensor for each of gate, up and down of a layer, or gate and
 * up merged in one, or each by itself.
 */
final class GgufTensors {
  private static final String ROPE_FREQUENCIES = "rope_freqs.weight";
  private static final String TYPES =
      "of a type that this version does not compute with (F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0,"
          + " Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS and MXFP4 it does)";

  private final ModelConfig config;
  private final TensorProblems problems;
  private final Map<String, GgufFile> fileOf = new HashMap<>();
  private final Map<String, Tensor> tensors = new HashMap<>();

  private GgufTensors(Path file, ModelConfig config) {
    this.config = config;
    this.problems = new TensorProblems(file + ": the tensors do not fit the metadata");
  }

  static GgufTensors match(List<GgufFile> parts, ModelConfig config) {
    GgufTensors matched = new GgufTensors(parts.getFirst().path(), config);
    for (GgufFile part : parts) {
      for (String name : part.names()) {
        if (matched.fileOf.put(name, part) != null) {
          matched.problems.add("in two parts", name);
        }
      }
    }
    matched.match();
    return matched;
  }

  private void match() {
    ModelTensors.of(config)
        .forEach((key, shape) -> {
          if (key.expert() < 0) {
            take(GgufNames.of(key.part(), key.layer(), false), shape);
          } else if (key.expert() == 0) {
            takeExperts(key.part(), key.layer(), shape);
          }
        });
    if (fileOf.remove(ROPE_FREQUENCIES) != null) {
      problems.add("frequencies of a rope that this version does not support", ROPE_FREQUENCIES);
    }
    fileOf.keySet().stream().sorted().forEach(name -> problems.add("not called for", name));
    problems.throwIfAny();
  }

  /** The shape is that of one expert: rows, columns. */
  private void takeExperts(Part part, int layer, List<Long> shape) {
    long experts = config.moe().numExperts();
    String merged = GgufNames.merged(layer);
    if (part != Part.DOWN && (fileOf.containsKey(merged) || tensors.containsKey(merged))) {
      if (part == Part.GATE) {
        take(merged, List.of(experts, 2 * shape.getFirst(), shape.getLast()));
      }
    } else if (fileOf.containsKey(GgufNames.single(part, layer, 0))) {
      for (int expert = 0; expert < experts; expert++) {
        take(GgufNames.single(part, layer, expert), shape);
      }
    } else {
      take(GgufNames.of(part, layer, true), List.of(experts, shape.getFirst(), shape.getLast()));
    }
  }

  private void take(String name, List<Long> shape) {
    GgufFile file = fileOf.remove(name);
    if (file == null) {
      problems.add("missing", name);
      return;
    }
    GgufHeader.Entry entry = file.entry(name);
    boolean computed = GgmlType.format(entry.type()).isPresent();
    if (!computed) {
      problems.add(TYPES, name + " is " + GgmlType.name(entry.type()));
    }
    if (!withoutOnes(entry.shape()).equals(withoutOnes(shape))) {
      problems.add("of another shape", name + " " + entry.shape() + ", expected " + shape);
    } else if (computed) {
      tensors.put(name, file.tensor(name, shape));
    }
  }

  /** Files leave out outer dimensions of 1. */
  private static List<Long> withoutOnes(List<Long> shape) {
    List<Long> inner = new ArrayList<>(shape);
    while (inner.size() > 1 && inner.getFirst() == 1) {
      inner.removeFirst();
    }
    return inner;
  }

  /** A tensor as it lies in the file; of stacked experts the slice of one. */
  Tensor get(TensorKey key) {
    if (key.expert() < 0) {
      return tensors.get(GgufNames.of(key.part(), key.layer(), false));
    }
    Tensor single = tensors.get(GgufNames.single(key.part(), key.layer(), key.expert()));
    if (single != null) {
      return single;
    }
    Optional<Tensor> stacked =
        Optional.ofNullable(tensors.get(GgufNames.of(key.part(), key.layer(), true)));
    if (stacked.isPresent()) {
      return slice(stacked.get(), key.expert(), 1, 0);
    }
    Tensor merged = tensors.get(GgufNames.merged(key.layer()));
    return slice(merged, key.expert(), 2, key.part() == Part.UP ? 1 : 0);
  }

  /** The rows of one expert, in so many equal pieces, of which one is wanted. */
  private static Tensor slice(Tensor stack, int expert, int pieces, int piece) {
    long rows = stack.shape().get(1) / pieces;
    long columns = stack.shape().get(2);
    long bytes = stack.format().bytes(rows * columns);
    return new Tensor(
        stack.name(),
        stack.format(),
        List.of(rows, columns),
        stack.data().asSlice(((long) expert * pieces + piece) * bytes, bytes));
  }
}
