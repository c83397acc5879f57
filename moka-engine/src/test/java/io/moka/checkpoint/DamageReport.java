package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.MokaException;
import io.moka.weights.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Opens damaged models and counts what comes of it. */
final class DamageReport {
  private final Map<String, Integer> outcomes = new TreeMap<>();

  /** Whether a model opens; anything but Moka's own exceptions fails the test. */
  boolean open(Supplier<Checkpoint> model, String what) {
    return open(model, what, checkpoint -> {});
  }

  /** As {@link #open(Supplier, String)}; a model that opens must then bear to be used. */
  boolean open(Supplier<Checkpoint> model, String what, Consumer<Checkpoint> use) {
    String outcome;
    boolean opened = false;
    try (Checkpoint checkpoint = model.get()) {
      if (checkpoint.packed().isPresent()) {
        readPieces(checkpoint, checkpoint.packed().get());
      } else {
        readTensors(checkpoint);
      }
      checkpoint.metadata().ifPresent(DamageReport::readVocabulary);
      outcome = "opens";
      use.accept(checkpoint);
      opened = true;
    } catch (MokaException e) {
      assertThat(e.getMessage()).as(what).isNotBlank().hasSizeLessThan(20_000);
      outcome = kind(e);
    } catch (Exception | Error e) {
      throw new AssertionError(what, e);
    }
    outcomes.merge(outcome, 1, Integer::sum);
    return opened;
  }

  private static void readTensors(Checkpoint checkpoint) {
    for (TensorKey key : ModelTensors.of(checkpoint.config()).keySet()) {
      Tensor tensor = checkpoint.tensor(key);
      readEnd(tensor.data());
      checkpoint.release(tensor);
    }
  }

  private static void readPieces(Checkpoint checkpoint, PackedWeights weights) {
    for (TensorKey key : ModelTensors.of(checkpoint.config()).keySet()) {
      assertThat(checkpoint.describe(key).bytes()).isPositive();
    }
    for (PackedKey key : weights.entries().keySet()) {
      readEnd(weights.data(key));
    }
  }

  private static void readEnd(MemorySegment data) {
    byte last = data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1);
    assertThat((int) last).isBetween(-128, 127);
  }

  /** What a tokenizer asks for. */
  private static void readVocabulary(GgufMetadata metadata) {
    for (String key : metadata.keys()) {
      GgufMetadata.Value value = metadata.find(key).orElseThrow();
      if (key.startsWith("tokenizer.") && value.isArray()) {
        switch (value.elementType()) {
          case STRING -> assertThat(metadata.strings(key).orElseThrow()).hasSize(size(value));
          case FLOAT32 -> assertThat(metadata.floats(key).orElseThrow()).hasSize(size(value));
          case INT32 -> assertThat(metadata.ints(key).orElseThrow()).hasSize(size(value));
          default -> metadata.strings(key);
        }
      } else if (key.startsWith("tokenizer.") && value.type() == GgufType.STRING) {
        assertThat(metadata.string(key)).isPresent();
      }
    }
  }

  private static int size(GgufMetadata.Value value) {
    return Math.toIntExact(value.count());
  }

  /** The message without what differs from file to file: paths, names and numbers. */
  private static String kind(MokaException e) {
    String text = e.getMessage().replaceAll("\\S*[/._0-9]\\S*", " ").replaceAll("[^A-Za-z ]+", " ");
    return Stream.of(text.strip().split("\\s+"))
        .filter(word -> word.matches("[a-zA-Z]{2,12}"))
        .limit(9)
        .reduce(e.getClass().getSimpleName() + ":", (a, b) -> a + " " + b);
  }

  void print(long seed) {
    System.out.println("seed " + seed + ": " + total() + " damaged models");
    outcomes.entrySet().stream()
        .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
        .limit(40)
        .forEach(entry -> System.out.printf("%6d  %s%n", entry.getValue(), entry.getKey()));
  }

  int total() {
    return outcomes.values().stream().mapToInt(Integer::intValue).sum();
  }
}
