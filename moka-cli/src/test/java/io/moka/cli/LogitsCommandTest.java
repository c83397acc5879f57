package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LogitsCommandTest {
  private static final int TOKENS = 70;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"qwen3moe-f16-odd", "qwen3moe-yarn", "mixtral-bf16-window24", ""})
  void writesTheSameBitsHoweverItComputes(String golden) throws IOException {
    List<String> model =
        golden.isEmpty() ? List.of() : List.of(Shell.GOLDEN.resolve(golden).toString());
    int vocabulary = golden.isEmpty() ? 1889 : 90;
    Path ids = ids(vocabulary);
    byte[] whole = logits(model, ids, "--threads", "2");
    assertThat(whole.length % (TOKENS * Float.BYTES)).isZero();
    assertThat(logits(model, ids, "--threads", "1")).isEqualTo(whole);
    assertThat(logits(model, ids, "--chunk", "1")).isEqualTo(whole);
    assertThat(logits(model, ids, "--chunk", "7", "--batch", "3")).isEqualTo(whole);
    assertThat(logits(model, ids, "--batch", "17", "--threads", "3")).isEqualTo(whole);
    assertThat(logits(model, ids, "--no-prefuse", "--chunk", "33")).isEqualTo(whole);
  }

  @Test
  void saysWhyAFileDoesNotServe() throws IOException {
    Path ids = Files.writeString(folder.resolve("broken.json"), "[1, 2");
    Path out = folder.resolve("none").resolve("logits.f32");
    Result result = new Shell().run("logits", "--ids", ids.toString(), "--out", out.toString());
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains("broken.json", "end-of-input").doesNotContain("REDACTED");
    Files.writeString(ids, "[1, 2]");
    result = new Shell().run("logits", "--ids", ids.toString(), "--out", out.toString());
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains("logits.f32", "no such folder").doesNotContain(".part");
    result = new Shell().run("logits", "--ids", ids.toString(), "--out", "-");
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).contains("--out needs a file");
    result = new Shell().run("logits", "--ids", ids.toString(), "--out", "");
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.err()).contains("the name of --out is empty");
  }

  @Test
  void agreesWithTheReferenceAndTheOtherPaths() throws IOException {
    List<String> model = List.of(Shell.GOLDEN.resolve("qwen3moe-f32").toString());
    Path ids = ids(100);
    float[] fused = floats(logits(model, ids, "--kv", "f32"));
    for (List<String> words :
        List.of(
            List.of("--moe-path", "sparse"),
            List.of("--moe-path", "dense"),
            List.of("--kernels", "reference"))) {
      List<String> all = new ArrayList<>(words);
      all.addAll(List.of("--kv", "f32"));
      float[] other = floats(logits(model, ids, all.toArray(String[]::new)));
      assertThat(other).hasSameSizeAs(fused);
      double largest = 0;
      double difference = 0;
      for (int i = 0; i < fused.length; i++) {
        largest = Math.max(largest, Math.abs(fused[i]));
        difference = Math.max(difference, Math.abs(fused[i] - other[i]));
      }
      assertThat(difference / largest).as("%s", words).isLessThan(1e-4);
    }
  }

  @Test
  void showsTheRowsOfEachPassWhenAskedTo() throws IOException {
    Result result =
        new Shell()
            .run(
                "logits",
                Shell.GOLDEN.resolve("qwen3moe-f32").toString(),
                "--ids",
                ids(100).toString(),
                "--out",
                folder.resolve("out").toString(),
                "--chunk",
                "50",
                "--verbose");
    assertThat(result.err().lines())
        .containsExactly(
            "forward: 50 rows of 1 sequences, 50 of this",
            "forward: 20 rows of 1 sequences, 20 of this");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[",
        "[]",
        "{}",
        "3",
        "null",
        "[1,",
        "[1] 2",
        "[1.5]",
        "[\"1\"]",
        "[-1]",
        "[[1]]",
        "[1889]",
        "[99999999999999999999999]",
        "[null]"
      })
  void refusesIdsThatAreNone(String json) throws IOException {
    Path file = Files.writeString(folder.resolve("bad.json"), json);
    Path out = folder.resolve("out");
    Result result = new Shell().run("logits", "--ids", file.toString(), "--out", out.toString());
    assertThat(result.code()).as(result.err()).isEqualTo(1);
    assertThat(result.err()).startsWith("moka: " + file);
    assertThat(result.err().lines()).hasSize(1);
    assertThat(out).doesNotExist();
  }

  @Test
  void refusesWhatCannotBe() throws IOException {
    String ids = ids(100).toString();
    String out = folder.resolve("out").toString();
    assertThat(new Shell().run("logits", "--ids", ids).code()).isEqualTo(2);
    assertThat(new Shell().run("logits", "--out", out).code()).isEqualTo(2);
    assertThat(new Shell().run("logits", "--ids", ids, "--out", out, "--chunk", "0").code())
        .isEqualTo(2);
    assertThat(new Shell().run("logits", "--ids", ids, "--out", out, "--batch", "0").code())
        .isEqualTo(2);
    assertThat(new Shell().run("logits", "--ids", "none", "--out", out).err())
        .contains("none: there is no such file");
    assertThat(new Shell().run("logits", "--ids", ids, "--out", folder.toString()).err())
        .contains("is a folder");
    Path tooLong =
        Files.writeString(
            folder.resolve("long.json"),
            IntStream.range(0, 1025).mapToObj(i -> "1").collect(Collectors.joining(",", "[", "]")));
    assertThat(new Shell().run("logits", "--ids", tooLong.toString(), "--out", out).err())
        .contains("1025 tokens");
    try (var files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("ids.json", "long.json");
    }
  }

  @Test
  void writesOverNeitherTheModelNorTheIds() throws IOException {
    Path golden = Shell.GOLDEN.resolve("gguf-tiny/tiny-qwen3moe-Q8_0.gguf");
    Path model = Files.copy(golden, folder.resolve("model.gguf"));
    Path ids = ids(90);
    String text = Files.readString(ids);
    Path hard = Files.createLink(folder.resolve("hard"), model);
    Path soft = Files.createSymbolicLink(folder.resolve("soft"), model);
    for (Path out : List.of(model, hard, soft, folder.resolve("./model.gguf"))) {
      refused(model, ids, out, "is the model itself");
    }
    Path link = Files.createSymbolicLink(folder.resolve("ids"), ids);
    for (Path out : List.of(ids, link)) {
      refused(model, ids, out, "holds the ids");
    }
    assertThat(Files.mismatch(model, golden)).isEqualTo(-1);
    assertThat(ids).hasContent(text);
    Files.writeString(folder.resolve("out.f32"), "old");
    assertThat(logits(List.of(model.toString()), ids)).hasSizeGreaterThan(TOKENS);
  }

  private static void refused(Path model, Path ids, Path out, String reason) {
    Result result =
        new Shell()
            .run("logits", model.toString(), "--ids", ids.toString(), "--out", out.toString());
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains(out + ": " + reason);
  }

  private Path ids(int vocabulary) throws IOException {
    return Files.writeString(
        folder.resolve("ids.json"),
        IntStream.range(0, TOKENS)
            .mapToObj(i -> Integer.toString(i * 31 % vocabulary))
            .collect(Collectors.joining(", ", "[", "]")));
  }

  private byte[] logits(List<String> model, Path ids, String... words) throws IOException {
    Path out = folder.resolve("out.f32");
    List<String> all = new ArrayList<>(List.of("logits"));
    all.addAll(model);
    all.addAll(List.of("--ids", ids.toString(), "--out", out.toString()));
    all.addAll(List.of(words));
    Result result = new Shell().run(all.toArray(String[]::new));
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).isEmpty();
    return Files.readAllBytes(out);
  }

  private static float[] floats(byte[] bytes) {
    float[] floats = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
    return floats;
  }
}
