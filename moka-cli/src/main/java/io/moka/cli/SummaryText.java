package io.moka.cli;

import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.cli.ModelSummary.Entry;
import io.moka.weights.WeightFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A model's summary for people; the experts of a layer share a line. */
final class SummaryText {
  private final StringBuilder text = new StringBuilder();

  private SummaryText() {}

  static String write(ModelSummary summary) {
    SummaryText writer = new SummaryText();
    writer.configuration(summary.config(), summary.name());
    writer.sizes(summary);
    writer.tensors(summary);
    return writer.text.toString();
  }

  private void configuration(ModelConfig config, String name) {
    line("model", Words.oneLine(name));
    line("architecture", config.modelType());
    long moeLayers = config.moeLayers().stream().filter(moe -> moe).count();
    line("layers", config.numHiddenLayers() + ", " + moeLayers + " with experts");
    line("hidden size", Words.count(config.hiddenSize()));
    line(
        "attention",
        "%d query heads on %d key/value heads of %d%s%s%s",
        config.numAttentionHeads(),
        config.numKeyValueHeads(),
        config.headDim(),
        config.qkNorm() ? ", normalised" : "",
        config.attentionBias() ? ", with biases" : "",
        config.slidingWindow().isPresent()
            ? ", window of " + config.slidingWindow().getAsInt()
            : "");
    line(
        "experts",
        "%d of width %d, %d for each token%s",
        config.moe().numExperts(),
        config.moe().moeIntermediateSize(),
        config.moe().numExpertsPerTok(),
        config.moe().normTopkProb() ? ", weights normalised" : "");
    if (moeLayers < config.numHiddenLayers()) {
      line("plain MLP", "width %d", config.intermediateSize());
    }
    line("vocabulary", Words.count(config.vocabSize()));
    line("context", Words.count(config.maxPositionEmbeddings()));
    line("rope", "theta %s%s", config.rope().theta(), scaling(config.rope().scaling()));
  }

  private static String scaling(RopeScaling scaling) {
    return switch (scaling) {
      case RopeScaling.None _ -> "";
      case RopeScaling.Linear linear -> ", linear, factor " + linear.factor();
      case RopeScaling.Yarn yarn ->
          ", YaRN, factor " + yarn.factor() + " over " + yarn.originalMaxPositionEmbeddings();
    };
  }

  private void sizes(ModelSummary summary) {
    line(
        "parameters",
        "%s, %s active for a token",
        Words.count(summary.parameters()),
        Words.count(summary.activeParameters()));
    line("weights", "%s, %s", Words.bytes(summary.weightBytes()), summary.container());
    summary
        .formats()
        .forEach((format, share) ->
            line(
                "",
                "%-7s %s in %s tensor%s",
                format,
                Words.bytes(share.bytes()),
                Words.count(share.tensors()),
                share.tensors() == 1 ? "" : "s"));
    line("read per token", "%s of weights", Words.bytes(summary.bytesPerToken()));
    line("KV cache", "%s a position in 16 bits", Words.bytes(2 * summary.cacheValuesPerToken()));
  }

  private void line(String name, String format, Object... values) {
    text.append(String.format(Locale.ROOT, "%-15s", name))
        .append(values.length == 0 ? format : String.format(Locale.ROOT, format, values))
        .append('\n');
  }

  /** What the tensors of one line have in common. */
  private record Group(int layer, Part part, WeightFormat format, List<Long> shape) {}

  private void tensors(ModelSummary summary) {
    Map<Group, List<Entry>> groups =
        summary.tensors().stream()
            .collect(
                Collectors.groupingBy(SummaryText::group, LinkedHashMap::new, Collectors.toList()));
    int width = groups.values().stream().mapToInt(group -> name(group).length()).max().orElse(0);
    text.append('\n').append(Words.count(summary.storedTensors())).append(" tensors\n");
    for (List<Entry> group : groups.values()) {
      Entry first = group.getFirst();
      text.append(
          String.format(
              Locale.ROOT,
              "  %-" + width + "s  %-6s %s%s  %s%n",
              name(group),
              first.tensor().format(),
              group.size() > 1 ? group.size() + " x " : "",
              first.tensor().shape(),
              Words.bytes(group.stream().mapToLong(entry -> entry.tensor().bytes()).sum())));
    }
  }

  private static Group group(Entry entry) {
    return new Group(
        entry.key().layer(), entry.key().part(), entry.tensor().format(), entry.tensor().shape());
  }

  /** The name in the file; a star for the number that counts the experts where each has one. */
  private static String name(List<Entry> group) {
    Entry first = group.getFirst();
    String name = Words.oneLine(first.tensor().name());
    String number = "." + first.key().expert() + ".";
    int at = name.lastIndexOf(number);
    boolean shared = first.tensor().name().equals(group.getLast().tensor().name());
    return shared || at < 0
        ? name
        : name.substring(0, at) + ".*." + name.substring(at + number.length());
  }
}
