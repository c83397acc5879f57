package io.moka.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/** A well-behaved hub on this machine with one repository, {@code org/model}. */
final class HubServer implements AutoCloseable {
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private static final String API = "/api/models/org/model/";
  private static final String RESOLVE = "/org/model/resolve/" + COMMIT + "/";

  private final HttpServer server;
  private final Map<String, byte[]> files = new TreeMap<>();
  private boolean broken;

  HubServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext("/", this::answer);
    server.start();
  }

  /** All files of a folder. */
  HubServer folder(Path folder) throws IOException {
    try (Stream<Path> children = Files.list(folder)) {
      for (Path file : children.filter(Files::isRegularFile).toList()) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return this;
  }

  HubServer file(String path, int bytes) {
    return file(path, new byte[bytes]);
  }

  HubServer file(String path, byte[] content) {
    files.put(path, content);
    return this;
  }

  /** Lets every content be another than was promised. */
  HubServer broken() {
    broken = true;
    return this;
  }

  String address() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** A shell whose cache lies in a folder and whose hub is this one. */
  Shell shell(Path cache) {
    return new Shell().variable("HF_ENDPOINT", address()).variable("HF_HOME", cache.toString());
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    if (path.equals(API + "revision/main")) {
      send(exchange, 200, JsonMapper.shared().writeValueAsBytes(Map.of("sha", COMMIT)));
    } else if (path.equals(API + "tree/" + COMMIT)) {
      List<Map<String, Object>> entries =
          files.entrySet().stream()
              .map(file ->
                  Map.<String, Object>of(
                      "type", "file", "path", file.getKey(), "size", file.getValue().length))
              .toList();
      send(exchange, 200, JsonMapper.shared().writeValueAsBytes(entries));
    } else if (path.startsWith(RESOLVE) && files.containsKey(path.substring(RESOLVE.length()))) {
      byte[] content = files.get(path.substring(RESOLVE.length()));
      exchange.getResponseHeaders().add("ETag", "\"" + hash(content) + "\"");
      byte[] sent = content.clone();
      if (broken) {
        sent[0] ^= 1;
      }
      send(exchange, 200, sent);
    } else {
      exchange.getResponseHeaders().add("X-Error-Code", "RevisionNotFound");
      send(exchange, 404, new byte[0]);
    }
  }

  private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
    try (exchange) {
      boolean head = exchange.getRequestMethod().equals("HEAD");
      if (head) {
        exchange.getResponseHeaders().add("Content-Length", "" + body.length);
      }
      exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
      if (!head) {
        exchange.getResponseBody().write(body);
      }
    }
  }

  private static String hash(byte[] content) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-1");
      digest.update(("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(digest.digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
