package io.moka.text;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.GZIPInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The vocabularies under src/test/resources/tokenizers, and the small one of the demo model. */
public final class Vocabularies {
  static final Path DEMO = Path.of("..", "models", "fairytales-moe");

  /** Opened once for all tests of the module; they end with the process. */
  private static final Map<String, Tokenizer> OPEN = new ConcurrentHashMap<>();

  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private Vocabularies() {}

  public static Tokenizer open(String name) {
    return OPEN.computeIfAbsent(
        name,
        n -> {
          TokenizerConfig config =
              n.equals("mixtral")
                  ? new TokenizerConfig(
                      Map.of("bos_token", "<s>"),
                      Optional.of(true),
                      Optional.empty(),
                      Optional.empty())
                  : TokenizerConfig.NONE;
          return Tokenizer.ofJson(n, json(n), config);
        });
  }

  /**
   * A vocabulary in its form as GGUF metadata; the large ones are not among the resources, and
   * empty where ../shared is not there either.
   */
  static Optional<GgufVocabulary> gguf(String name) {
    Path shared = Path.of("..", "..", "shared", "tokenizers", name, "vocab.gguf");
    try (InputStream plain = resource(name + "/vocab.gguf");
        InputStream packed = resource(name + "/vocab.gguf.gz")) {
      if (plain != null) {
        return Optional.of(GgufMetadataReader.vocabulary(plain.readAllBytes()));
      }
      if (packed != null) {
        byte[] file = new GZIPInputStream(packed).readAllBytes();
        return Optional.of(GgufMetadataReader.vocabulary(file));
      }
      return Files.exists(shared)
          ? Optional.of(GgufMetadataReader.vocabulary(Files.readAllBytes(shared)))
          : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] json(String name) {
    try (InputStream in = new GZIPInputStream(resource(name + "/tokenizer.json.gz"))) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode golden(String name, String file) {
    try (InputStream in = resource(name + "/" + file)) {
      return MAPPER.readTree(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static InputStream resource(String path) {
    return Vocabularies.class.getResourceAsStream("/tokenizers/" + path);
  }

  static int[] ids(JsonNode list) {
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = list.get(i).intValue();
    }
    return ids;
  }
}
