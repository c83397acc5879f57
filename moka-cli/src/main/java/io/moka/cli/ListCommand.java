package io.moka.cli;

import io.moka.hub.CacheReader;
import io.moka.hub.CachedModel;
import io.moka.hub.CachedSnapshot;
import io.moka.hub.HubCache;
import io.moka.hub.Unfinished;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code moka list}: what the cache holds. */
@Command(
    name = "list",
    description = {
      "Shows the models in the Hugging Face cache: each revision with its weights, size and age,"
          + " and downloads that broke off.",
      ""
    },
    footer = {"", "Examples:", "  moka list", "  moka list --json | jq '.[].repository'"})
final class ListCommand implements Runnable {
  private static final int COMMIT_DIGITS = 7;
  private static final DateTimeFormatter WHEN = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm");

  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();

  @Option(names = "--json", description = "Write JSON, with every file.")
  private boolean json;

  ListCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    HubCache cache = HubCache.of(environment.variables());
    List<CachedModel> models = new CacheReader(cache).models();
    if (json) {
      environment.out().println(json(models));
    } else if (models.isEmpty()) {
      environment
          .err()
          .println("no models in " + cache.root() + "; moka pull ORG/NAME fetches one");
    } else {
      environment.out().print(table(models));
    }
  }

  private static String table(List<CachedModel> models) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("MODEL", "REVISION", "WEIGHTS", "FILES", "SIZE", "WHEN"));
    for (CachedModel model : models) {
      for (CachedSnapshot snapshot : model.snapshots()) {
        rows.add(
            List.of(
                model.repository(),
                revision(snapshot),
                weights(snapshot),
                "" + snapshot.files().size(),
                Words.bytes(snapshot.bytes()),
                when(snapshot.modified())));
      }
      if (!model.unfinished().isEmpty()) {
        long bytes = model.unfinished().stream().mapToLong(Unfinished::bytes).sum();
        Instant newest =
            model.unfinished().stream()
                .map(Unfinished::modified)
                .max(Instant::compareTo)
                .orElse(Instant.EPOCH);
        rows.add(
            List.of(
                model.repository(),
                "-",
                "unfinished",
                "" + model.unfinished().size(),
                Words.bytes(bytes),
                when(newest)));
      } else if (model.snapshots().isEmpty()) {
        rows.add(List.of(model.repository(), "-", "nothing", "0", Words.bytes(0), ""));
      }
    }
    long total = models.stream().mapToLong(CachedModel::bytes).sum();
    return align(rows) + "total " + Words.bytes(total) + "\n";
  }

  private static String align(List<List<String>> rows) {
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        int width = rows.stream().mapToInt(other -> other.get(at).length()).max().orElse(1);
        boolean number = column == 3 || column == 4;
        line.append(
            String.format(Locale.ROOT, "%" + (number ? "" : "-") + width + "s  ", row.get(at)));
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }

  private static String revision(CachedSnapshot snapshot) {
    String commit =
        Words.oneLine(
            snapshot.commit().substring(0, Math.min(COMMIT_DIGITS, snapshot.commit().length())));
    return snapshot.revisions().isEmpty()
        ? commit
        : String.join(", ", snapshot.revisions()) + " (" + commit + ")";
  }

  private static String weights(CachedSnapshot snapshot) {
    String format = Optional.of(snapshot.format()).filter(text -> !text.isEmpty()).orElse("none");
    return snapshot.isWhole() ? format : format + ", incomplete";
  }

  private static String when(Instant instant) {
    return WHEN.format(instant.atZone(ZoneId.systemDefault()));
  }

  private static String json(List<CachedModel> models) {
    JsonMapper mapper = JsonMapper.shared();
    ArrayNode root = mapper.createArrayNode();
    for (CachedModel model : models) {
      ObjectNode node = root.addObject();
      node.put("repository", model.repository());
      node.put("path", model.folder().toString());
      node.put("bytes", model.bytes());
      ArrayNode snapshots = node.putArray("snapshots");
      model.snapshots().forEach(snapshot -> add(snapshots.addObject(), snapshot));
      ArrayNode unfinished = node.putArray("unfinished");
      for (Unfinished file : model.unfinished()) {
        unfinished
            .addObject()
            .put("path", file.file().toString())
            .put("bytes", file.bytes())
            .put("modified", file.modified().toString());
      }
    }
    return root.toPrettyString();
  }

  private static void add(ObjectNode node, CachedSnapshot snapshot) {
    node.put("commit", snapshot.commit());
    ArrayNode revisions = node.putArray("revisions");
    snapshot.revisions().forEach(revisions::add);
    node.put("path", snapshot.folder().toString());
    node.put("format", snapshot.format());
    node.put("complete", snapshot.isWhole());
    node.put("bytes", snapshot.bytes());
    node.put("modified", snapshot.modified().toString());
    ArrayNode files = node.putArray("files");
    snapshot
        .files()
        .forEach(file -> files.addObject().put("path", file.path()).put("bytes", file.bytes()));
  }
}
