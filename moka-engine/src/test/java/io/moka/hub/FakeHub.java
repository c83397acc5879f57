package io.moka.hub;

import io.moka.hub.FakeServer.Answer;
import io.moka.hub.FakeServer.Request;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A hub with one repository, {@code org/model}, and a storage that it sends on to for large files.
 * It behaves unless a test has it misbehave.
 */
final class FakeHub implements AutoCloseable {
  static final String NAME = "org/model";
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private static final Pattern REVISION = Pattern.compile("/api/models/org/model/revision/([^?]+)");
  private static final Pattern TREE =
      Pattern.compile("/api/models/org/model/tree/([^?/]+)\\?recursive=true(&from=(\\d+))?");
  private static final Pattern RESOLVE =
      Pattern.compile("/org/model/resolve/([^/]+)/([^?]+)(\\?again)?");

  private final Map<String, Content> files = new TreeMap<>();
  private final List<String> revisions = new CopyOnWriteArrayList<>(List.of("main", COMMIT));
  private final List<Function<Request, Optional<Answer>>> hubRules = new CopyOnWriteArrayList<>();
  private final List<Function<Request, Optional<Answer>>> storageRules =
      new CopyOnWriteArrayList<>();
  private final FakeServer hub = new FakeServer(this::answer);
  private final FakeServer storage = new FakeServer(this::store);
  private int pageSize = 1000;

  /** A file; large ones lie in the storage. */
  record Content(byte[] bytes, boolean large) {
    ContentHash hash() {
      ContentHash kind = ContentHash.of((large ? "0".repeat(64) : "0".repeat(40))).orElseThrow();
      var digest = kind.begin(bytes.length);
      digest.update(bytes);
      return kind.end(digest);
    }
  }

  FakeHub file(String path, byte[] bytes, boolean large) {
    files.put(path, new Content(bytes, large));
    return this;
  }

  FakeHub file(String path, String text) {
    return file(path, text.getBytes(StandardCharsets.UTF_8), false);
  }

  FakeHub revision(String name) {
    revisions.add(name);
    return this;
  }

  FakeHub pageSize(int files) {
    pageSize = files;
    return this;
  }

  /** Lets the hub answer differently where the rule has an answer. */
  FakeHub onHub(Function<Request, Optional<Answer>> rule) {
    hubRules.addFirst(rule);
    return this;
  }

  /** Lets the storage answer differently where the rule has an answer. */
  FakeHub onStorage(Function<Request, Optional<Answer>> rule) {
    storageRules.addFirst(rule);
    return this;
  }

  /** Lets the hub answer all questions whose target contains a text. */
  FakeHub hubAnswers(String text, Answer answer) {
    return onHub(
        request -> request.target().contains(text) ? Optional.of(answer) : Optional.empty());
  }

  /** Lets the storage answer all questions. */
  FakeHub storageAnswers(Answer answer) {
    return onStorage(_ -> Optional.of(answer));
  }

  Content content(String path) {
    return files.get(path);
  }

  ContentHash hash(String path) {
    return content(path).hash();
  }

  FakeServer hub() {
    return hub;
  }

  FakeServer storage() {
    return storage;
  }

  URI uri() {
    return hub.uri();
  }

  private Answer answer(Request request) {
    return rule(hubRules, request).orElseGet(() -> behave(request));
  }

  private static Optional<Answer> rule(
      List<Function<Request, Optional<Answer>>> rules, Request request) {
    return rules.stream().map(rule -> rule.apply(request)).flatMap(Optional::stream).findFirst();
  }

  private Answer behave(Request request) {
    Matcher revision = REVISION.matcher(request.target());
    if (revision.matches()) {
      return revisions.contains(decode(revision.group(1)))
          ? FakeServer.answer(200, revision().getBytes(StandardCharsets.UTF_8))
          : FakeServer.answer(404, "X-Error-Code: RevisionNotFound");
    }
    Matcher tree = TREE.matcher(request.target());
    if (tree.matches()) {
      return tree(tree.group(3) == null ? 0 : Integer.parseInt(tree.group(3)));
    }
    Matcher resolve = RESOLVE.matcher(request.target());
    if (resolve.matches() && files.containsKey(decode(resolve.group(2)))) {
      return resolve(request, decode(resolve.group(2)), resolve.group(3) != null);
    }
    return FakeServer.answer(404, "X-Error-Code: EntryNotFound");
  }

  private String revision() {
    ObjectNode root = JsonMapper.shared().createObjectNode();
    root.put("id", NAME).put("sha", COMMIT).put("gated", false);
    root.putObject("cardData").putArray("tags").add("moe");
    ArrayNode siblings = root.putArray("siblings");
    files.keySet().forEach(path -> siblings.addObject().put("rfilename", path));
    return root.toString();
  }

  private Answer tree(int from) {
    ArrayNode root = JsonMapper.shared().createArrayNode();
    root.addObject().put("type", "directory").put("path", "folder" + from).put("size", 0);
    List<String> paths = new ArrayList<>(files.keySet());
    int end = Math.min(from + pageSize, paths.size());
    for (String path : paths.subList(from, end)) {
      root.add(entry(path, content(path)));
    }
    String next = uri() + "/api/models/org/model/tree/" + COMMIT + "?recursive=true&from=" + end;
    byte[] json = root.toString().getBytes(StandardCharsets.UTF_8);
    return end < paths.size()
        ? FakeServer.answer(200, json, "Link: <" + next + ">; rel=\"next\"")
        : FakeServer.answer(200, json);
  }

  static ObjectNode entry(String path, Content content) {
    ObjectNode entry = JsonMapper.shared().createObjectNode();
    entry.put("type", "file").put("path", path).put("size", content.bytes().length);
    if (content.large()) {
      entry.put("oid", "1".repeat(40)); // of the pointer, which git keeps
      entry
          .putObject("lfs")
          .put("oid", content.hash().hex())
          .put("size", content.bytes().length)
          .put("pointerSize", 130);
    } else {
      entry.put("oid", content.hash().hex());
    }
    return entry;
  }

  private Answer resolve(Request request, String path, boolean again) {
    Content content = content(path);
    String commit = "X-Repo-Commit: " + COMMIT;
    if (content.large()) {
      return FakeServer.answer(
          302,
          commit,
          "X-Linked-Etag: \"" + content.hash().hex() + "\"",
          "X-Linked-Size: " + content.bytes().length,
          "ETag: \"of-the-pointer\"",
          "Location: " + storage.uri() + "/store/" + path);
    }
    if (!again) {
      return FakeServer.answer(307, commit, "Location: " + request.target() + "?again");
    }
    return bytes(request, content, commit, "ETag: W/\"" + content.hash().hex() + "\"");
  }

  private Answer store(Request request) {
    return rule(storageRules, request)
        .orElseGet(
            () -> bytes(request, content(decode(request.target().substring("/store/".length())))));
  }

  /** The bytes of a file from where they are wanted. */
  static Answer bytes(Request request, Content content, String... headers) {
    int from = request.firstByte();
    int size = content.bytes().length;
    byte[] part = java.util.Arrays.copyOfRange(content.bytes(), from, size);
    List<String> all = new ArrayList<>(List.of(headers));
    if (from > 0) {
      all.add("Content-Range: bytes " + from + "-" + (size - 1) + "/" + size);
    }
    String[] lines = all.toArray(String[]::new);
    return request.isHead()
        ? out -> {
          FakeServer.head(out, 200, lines);
          out.write(("Content-Length: " + size + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        }
        : FakeServer.answer(from > 0 ? 206 : 200, part, lines);
  }

  private static String decode(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    hub.close();
    storage.close();
  }
}
