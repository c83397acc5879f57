package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrefuseCommandTest {
  private static final String MODEL = golden("qwen3moe-f32");

  @TempDir private Path folder;

  private static String golden(String name) {
    return Shell.GOLDEN.resolve(name).toString();
  }

  private Result prefuse(String... words) {
    return new Shell()
        .run(Stream.concat(Stream.of("prefuse"), Stream.of(words)).toArray(String[]::new));
  }

  @Test
  void thePackedFileIsAModelLikeItsSource() throws IOException {
    String file = folder.resolve("model.moka").toString();
    Result written = prefuse(MODEL, file);
    assertThat(written.code()).as(written.err()).isZero();
    assertThat(written.out()).isEmpty();
    assertThat(written.err()).contains("wrote " + file);
    Path ids = Files.writeString(folder.resolve("ids.json"), "[1, 5, 9, 12]");
    for (List<String> path :
        List.of(
            List.of("--moe-path", "fused"),
            List.of("--no-prefuse"),
            List.of("--moe-path", "sparse"),
            List.of("--moe-path", "dense"))) {
      Path expected = logits(MODEL, ids, path);
      assertThat(Files.mismatch(logits(file, ids, path), expected)).as("%s", path).isEqualTo(-1);
    }
    Result inspected = new Shell().run("inspect", file);
    assertThat(inspected.out()).contains("packed", "model.layers.0.mlp.experts.*.down_proj.weight");
    Result verified = prefuse("--verify", file);
    assertThat(verified.code()).isZero();
    assertThat(verified.out()).contains(file + ": whole");
  }

  private Path logits(String model, Path ids, List<String> options) {
    Path out = folder.resolve(Path.of(model).getFileName() + ".f32");
    Result result =
        new Shell()
            .run(
                Stream.concat(
                        Stream.of(
                            "logits", model, "--ids", ids.toString(), "--out", out.toString()),
                        options.stream())
                    .toArray(String[]::new));
    assertThat(result.code()).as(result.err()).isZero();
    return out;
  }

  @ParameterizedTest
  @ValueSource(strings = {"bf16", "q8", "q4"})
  void saysHowFarQuantisingWent(String type) {
    String file = folder.resolve(type).toString();
    Result result = prefuse(golden("gguf-tiny/tiny-qwen3moe-F32.gguf"), file, "--quant", type);
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.out())
        .containsPattern(
            "embedding +F32 +" + (type.equals("bf16") ? "BF16" : "Q8_0") + " +1 +0\\.0")
        .doesNotContain("router", "norm");
    Result all =
        prefuse(
            golden("gguf-tiny/tiny-qwen3moe-F32.gguf"),
            file,
            "--quant",
            type,
            "--force",
            "--verbose");
    assertThat(all.out()).contains("blk.0.attn_q.weight", "blk.1.ffn_down_exps.weight of expert 7");
  }

  @Test
  void mixedModelsKeepWhatIsQuantisedAndSaySo() {
    String model = golden("gguf-tiny/tiny-qwen3moe-Q8_0.gguf");
    String file = folder.resolve("model.moka").toString();
    Result refused = prefuse(model, file, "--quant", "q4");
    assertThat(refused.code()).isEqualTo(1);
    assertThat(refused.err()).contains("quantised already", "--quant keep");
    assertThat(prefuse(model, file, "--quant", "keep").code()).isZero();
    Result again = prefuse(file, folder.resolve("2.moka").toString());
    assertThat(again.err()).contains("packed already");
  }

  @Test
  void replacesNothingUnasked() throws IOException {
    Path file = Files.writeString(folder.resolve("model.moka"), "old");
    Result refused = prefuse(MODEL, file.toString());
    assertThat(refused.code()).isEqualTo(1);
    assertThat(refused.err()).contains("exists", "--force");
    assertThat(file).hasContent("old");
    assertThat(prefuse(MODEL, file.toString(), "--force").code()).isZero();
    Result itself = prefuse(file.toString(), file.toString(), "--force");
    assertThat(itself.err()).contains("is the model itself");
    assertThat(prefuse("--verify", file.toString()).code()).isZero();
  }

  @Test
  void replacesNoPartOfASplitModel() throws IOException {
    List<Path> parts = new ArrayList<>();
    for (int part = 1; part <= 2; part++) {
      String name = "tiny-qwen3moe-split-Q8_0-0000%d-of-00002.gguf".formatted(part);
      parts.add(Files.copy(Path.of(golden("gguf-tiny/" + name)), folder.resolve(name)));
    }
    Path link = Files.createLink(folder.resolve("link"), parts.getLast());
    for (Path out : List.of(parts.getFirst(), parts.getLast(), link)) {
      refused(parts.getFirst().toString(), out);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen3moe-f32", "qwen3moe-bf16-sharded"})
  void replacesNoFileOfAModelsFolder(String golden) throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    try (Stream<Path> files = Files.list(Path.of(golden(golden)))) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    Files.writeString(model.resolve("tokenizer_config.json"), "{}");
    List<Path> read;
    try (Stream<Path> files = Files.list(model)) {
      read = files.filter(file -> !file.getFileName().toString().startsWith("expected")).toList();
    }
    assertThat(read).hasSizeGreaterThan(2);
    for (Path file : read) {
      refused(model.toString(), file);
    }
    refused(model.toString(), model.resolve("model.safetensors")); // would be read before shards
    refused(model.toString(), model.resolve("chat_template.jinja"));
    assertThat(prefuse(model.toString(), model.resolve("model.moka").toString()).code()).isZero();
  }

  private void refused(String model, Path out) throws IOException {
    byte[] before = Files.exists(out) ? Files.readAllBytes(out) : new byte[0];
    Result result = prefuse(model, out.toString(), "--force");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains(out + ": is one of the model's own files");
    assertThat(Files.exists(out) ? Files.readAllBytes(out) : new byte[0]).isEqualTo(before);
  }

  @Test
  void namesMayBeAsLongAsTheSystemTakes() {
    Result longest = prefuse(MODEL, folder.resolve("x".repeat(255)).toString());
    assertThat(longest.code()).as(longest.err()).isZero();
    assertThat(prefuse(MODEL, folder.resolve("x".repeat(256)).toString()).err())
        .contains("cannot be written: file name too long");
  }

  @Test
  void saysHowMuchRoomThereIsNot() {
    Path full = Path.of("/proc");
    Assumptions.assumeTrue(Files.isDirectory(full), "there is no file system without room");
    Result result = prefuse(MODEL, full.resolve("x.moka").toString());
    assertThat(result.err())
        .containsPattern("takes [1-9][0-9.]* [kM]B, and 0 bytes are free there");
  }

  @Test
  void aDamagedFileIsNotWhole() throws IOException {
    Path file = folder.resolve("model.moka");
    assertThat(prefuse(MODEL, file.toString()).code()).isZero();
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    Result result = prefuse("--verify", file.toString());
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).contains("differ from their checksums, the first is HEAD");
  }

  @Test
  void wordsThatDoNotGoTogetherAreRefused() {
    for (List<String> words :
        List.of(
            List.of(MODEL),
            List.<String>of(),
            List.of(MODEL, "a", "b"),
            List.of("--dummy", "qwen3-30b-a3b", MODEL, "a"),
            List.of("--verify", "a", MODEL),
            List.of(MODEL, ""),
            List.of("--verify", "a", "--quant", "q4"),
            List.of("--verify", "a", "--quant", "keep"),
            List.of("--verify", "a", "--force"),
            List.of("--verify", "a", "--threads", "2"),
            List.of(MODEL, "a", "--quant", "q5"),
            List.of(MODEL, "a", "--threads", "0"))) {
      Result result = prefuse(words.toArray(String[]::new));
      assertThat(result.code()).as(words.toString()).isEqualTo(2);
      assertThat(result.err()).contains("moka prefuse --help");
    }
  }
}
