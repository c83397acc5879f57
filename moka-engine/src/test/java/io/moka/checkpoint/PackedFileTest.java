package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.MatrixView;
import io.moka.weights.Packer;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How packed files are written, refused and verified. */
class PackedFileTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final Path EMBEDDED = Path.of("../models/fairytales-moe");

  @TempDir private Path temp;

  private Path write(Path model) {
    Path file = temp.resolve("model.moka");
    try (Checkpoint source = Checkpoint.open(model)) {
      PackedWriter.write(source, file, false, 2, share -> {});
    }
    return file;
  }

  @Test
  void holdsEveryPieceAsLoadingPacksIt() {
    Path model = GOLDEN.resolve("gguf-tiny/tiny-qwen3moe-MXFP4.gguf");
    Path file = write(model);
    try (Checkpoint source = Checkpoint.open(model);
        Checkpoint packed = Checkpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      PackedWeights weights = packed.packed().orElseThrow();
      List<PackedPiece> pieces =
          PackedPiece.of(source.config(), key -> source.describe(key).format());
      assertThat(weights.entries().keySet())
          .containsExactlyElementsOf(pieces.stream().map(PackedPiece::key).toList());
      for (PackedPiece piece : pieces) {
        List<Tensor> tensors = piece.sources().stream().map(source::tensor).toList();
        List<MatrixView> views = tensors.stream().map(MatrixView::of).toList();
        byte[] expected =
            switch (piece.key().kind().form()) {
              case TABLE, VECTOR -> tensors.getFirst().data().toArray(ValueLayout.JAVA_BYTE);
              case MATRIX -> Packer.stack(arena, views).data().toArray(ValueLayout.JAVA_BYTE);
              case JOINED ->
                  Packer.join(arena, views.get(0), views.get(1))
                      .packed()
                      .data()
                      .toArray(ValueLayout.JAVA_BYTE);
            };
        assertThat(weights.data(piece.key()).toArray(ValueLayout.JAVA_BYTE))
            .as(piece.key().toString())
            .isEqualTo(expected);
        assertThat(weights.entries().get(piece.key()).offset() % 4096).isZero();
        assertThat(weights.data(piece.key()).isReadOnly()).isTrue();
      }
    }
  }

  @Test
  void describesTensorsAndGivesThoseThatAreNoMatrices() {
    Path model = GOLDEN.resolve("qwen3moe-attn-bias");
    Path file = write(model);
    try (Checkpoint source = Checkpoint.open(model);
        Checkpoint packed = Checkpoint.open(file)) {
      for (TensorKey key : ModelTensors.of(source.config()).keySet()) {
        TensorInfo expected = source.describe(key);
        TensorInfo info = packed.describe(key);
        assertThat(info.name()).isEqualTo(expected.name());
        assertThat(info.shape()).isEqualTo(expected.shape());
        if (expected.shape().size() == 1) {
          assertThat(info.format()).isEqualTo(WeightFormat.F32);
          assertThat(values(packed.tensor(key))).isEqualTo(values(source.tensor(key)));
        } else if (key.part() == Part.EMBEDDING) {
          assertThat(packed.tensor(key).data().mismatch(source.tensor(key).data())).isEqualTo(-1);
        } else {
          assertThatThrownBy(() -> packed.tensor(key))
              .isInstanceOf(ModelException.class)
              .hasMessageContaining("packed alone");
        }
      }
      assertThatThrownBy(() -> packed.describe(TensorKey.layer(Part.WQ, 99)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static float[] values(Tensor tensor) {
    float[] values = new float[tensor.columns()];
    for (int i = 0; i < values.length; i++) {
      values[i] = tensor.format().get(tensor.data(), tensor.format().bytes(i));
    }
    return values;
  }

  @Test
  void carriesTokenizerTemplateAndMetadata() throws IOException {
    try (Checkpoint packed = Checkpoint.open(write(EMBEDDED))) {
      for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
        assertThat(packed.document(name))
            .hasValueSatisfying(
                text -> assertThat(text).isEqualTo(readAllBytes(EMBEDDED.resolve(name))));
      }
      assertThat(packed.document("chat_template.jinja")).isEmpty();
      assertThat(packed.metadata()).isEmpty();
      assertThat(packed.folder()).isEmpty();
    }
    Files.delete(temp.resolve("model.moka"));
    Path gguf = GOLDEN.resolve("gguf-tiny/tiny-llama-moe-F32.gguf");
    try (Checkpoint source = Checkpoint.open(gguf);
        Checkpoint packed = Checkpoint.open(write(gguf))) {
      GgufMetadata expected = source.metadata().orElseThrow();
      GgufMetadata carried = packed.metadata().orElseThrow();
      assertThat(carried.keys()).isEqualTo(expected.keys());
      assertThat(carried.strings("tokenizer.ggml.tokens"))
          .isEqualTo(expected.strings("tokenizer.ggml.tokens"));
      assertThat(carried.floats("tokenizer.ggml.scores").orElseThrow())
          .isEqualTo(expected.floats("tokenizer.ggml.scores").orElseThrow());
    }
  }

  private static byte[] readAllBytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void isKnownByItsFirstBytesUnderAnyName() throws IOException {
    Path other = Files.move(write(GOLDEN.resolve("qwen3moe-f32")), temp.resolve("model.bin"));
    ModelLocator locator = new ModelLocator(Map.of());
    assertThat(locator.locate(other.toString())).isEqualTo(other);
    Checkpoint.open(other).close();
    Path text = Files.writeString(temp.resolve("text.moka"), "MOKAPACK is no model");
    assertThat(locator.locate(text.toString())).isEqualTo(text);
    assertThatThrownBy(() -> Checkpoint.open(text))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("ends within its first 64 bytes");
    Files.writeString(text, "no model");
    assertThatThrownBy(() -> Checkpoint.open(text))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("not a packed file");
    assertThatThrownBy(() -> PackedCheckpoint.open(temp.resolve("none.moka")))
        .isInstanceOf(ModelNotFoundException.class);
    assertThatThrownBy(() -> PackedCheckpoint.open(temp)).isInstanceOf(ModelException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "8, 2, 'has format 2; this version of Moka reads 1: prefuse the model anew'",
    "12, 7, 'has layout 7 of its matrices; this version of Moka reads 2: prefuse the model anew'",
    "16, 0x0D0C0B0A, written on a machine of the other byte order",
    "20, 64, 'its alignment is 64, expected 4096'",
    "32, 1, and its head says",
    "40, 9, the checksum of its head is",
    "64, 3, the checksum of its head is"
  })
  void saysWhyItRefusesAFile(int offset, String value, String reason) throws IOException {
    Path file = write(GOLDEN.resolve("qwen3moe-f32"));
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(offset, Integer.decode(value));
    Files.write(file, bytes);
    assertThatThrownBy(() -> Checkpoint.open(file))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(reason);
  }

  @Test
  void noticesEveryTruncation() throws IOException {
    Path file = write(GOLDEN.resolve("qwen3moe-f32"));
    byte[] bytes = Files.readAllBytes(file);
    for (int length : new int[] {0, 7, 8, 63, 64, 500, bytes.length / 2, bytes.length - 1}) {
      Files.write(file, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> Checkpoint.open(file)).isInstanceOf(ModelException.class);
    }
    Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
    assertThatThrownBy(() -> Checkpoint.open(file)).isInstanceOf(ModelException.class);
  }

  @Test
  void everyFlippedBitOfAPieceOrBehindItIsFoundOnDemand() throws IOException {
    Path file = write(GOLDEN.resolve("qwen3moe-f32"));
    byte[] bytes = Files.readAllBytes(file);
    List<Double> shares = new ArrayList<>();
    assertThat(PackedVerifier.verify(file, shares::add)).isEqualTo(bytes.length);
    assertThat(shares).isSorted().endsWith(1.0);
    int first = (int) firstOffset(file);
    for (int at : new int[] {first, first + 5000, bytes.length - 1}) {
      byte[] damaged = bytes.clone();
      damaged[at] ^= 4;
      Files.write(file, damaged);
      Checkpoint.open(file).close();
      assertThatThrownBy(() -> PackedVerifier.verify(file, share -> {}))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("1 of ")
          .hasMessageContaining(at == bytes.length - 1 ? "HEAD" : "EMBEDDING");
    }
  }

  private static long firstOffset(Path file) {
    try (Checkpoint packed = Checkpoint.open(file)) {
      return packed.packed().orElseThrow().entries().values().iterator().next().offset();
    }
  }

  @Test
  void writingIsTheSameOnAnyNumberOfThreads() throws IOException {
    byte[] first = Files.readAllBytes(write(GOLDEN.resolve("mixtral-bf16")));
    try (Checkpoint source = Checkpoint.open(GOLDEN.resolve("mixtral-bf16"))) {
      Path again = temp.resolve("again.moka");
      List<Double> shares = new ArrayList<>();
      PackedWriter.write(source, again, false, 3, shares::add);
      assertThat(Files.readAllBytes(again)).isEqualTo(first);
      assertThat(shares).isSorted().endsWith(1.0);
    }
  }

  @Test
  void replacesOnlyWhenAsked() throws IOException {
    Path file = Files.writeString(temp.resolve("model.moka"), "old");
    try (Checkpoint source = Checkpoint.open(GOLDEN.resolve("mixtral-bf16"))) {
      assertThatThrownBy(() -> PackedWriter.write(source, file, false, 1, share -> {}))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("--force");
      assertThat(file).hasContent("old");
      PackedWriter.write(source, file, true, 1, share -> {});
      Checkpoint.open(file).close();
      for (Path bad : List.of(temp, temp.resolve("no/folder.moka"))) {
        assertThatThrownBy(() -> PackedWriter.write(source, bad, true, 1, share -> {}))
            .isInstanceOf(ModelException.class)
            .hasMessageStartingWith(bad.toString());
      }
    }
    assertThat(names()).containsExactly("model.moka");
  }

  @Test
  void aBrokenWriteLeavesNothingAndReplacesNothing() throws IOException {
    Path file = Files.writeString(temp.resolve("model.moka"), "old");
    ModelException damage = new ModelException("damaged");
    try (Checkpoint source = Checkpoint.open(GOLDEN.resolve("mixtral-bf16"))) {
      assertThatThrownBy(() ->
              PackedWriter.write(
                  source,
                  file,
                  true,
                  2,
                  share -> {
                    if (share > 0.5) {
                      throw damage;
                    }
                  }))
          .isSameAs(damage);
    }
    assertThat(names()).containsExactly("model.moka");
    assertThat(file).hasContent("old");
  }

  /** Writes half a file, says so, and waits to be ended. */
  static final class HalfWritten {
    private HalfWritten() {}

    /** Takes the name of the file. */
    public static void main(String[] args) {
      try (Checkpoint source = RandomCheckpoint.of(TinyModels.QWEN, 1)) {
        PackedWriter.write(
            source,
            Path.of(args[0]),
            false,
            1,
            share -> {
              System.out.println("written");
              LockSupport.park(source);
            });
      }
    }
  }

  @Test
  @Timeout(60)
  void theEndOfTheProcessLeavesNothing() throws IOException, InterruptedException {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    Process process =
        new ProcessBuilder(
                java.toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                HalfWritten.class.getName(),
                temp.resolve("model.moka").toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (BufferedReader out = process.inputReader()) {
      assertThat(out.readLine()).isEqualTo("written");
      assertThat(names()).hasSize(1).allMatch(name -> name.endsWith(".part"));
      process.destroy(); // SIGTERM, which Java treats as it treats Ctrl-C
      assertThat(process.waitFor()).isEqualTo(128 + 15);
    } finally {
      process.destroyForcibly();
    }
    assertThat(names()).isEmpty();
  }

  @Test
  void aFileThatAppearsMeanwhileIsNotReplaced() throws IOException {
    Path file = temp.resolve("model.moka");
    try (Checkpoint source = Checkpoint.open(GOLDEN.resolve("mixtral-bf16"))) {
      assertThatThrownBy(
              () -> PackedWriter.write(source, file, false, 1, share -> writeString(file, "other")))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("exists");
    }
    assertThat(names()).containsExactly("model.moka");
    assertThat(file).hasContent("other");
  }

  private static void writeString(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void whatIsQuantisedIsNotQuantisedAgain() {
    Path q8 = GOLDEN.resolve("gguf-tiny/tiny-qwen3moe-Q8_0.gguf");
    try (Checkpoint source = Checkpoint.open(q8)) {
      for (Quantisation quantisation : Quantisation.values()) {
        if (quantisation == Quantisation.KEEP) {
          QuantisedCheckpoint.of(source, quantisation).close();
        } else {
          assertThatThrownBy(() -> QuantisedCheckpoint.of(source, quantisation))
              .isInstanceOf(ModelException.class)
              .hasMessageContaining("quantised already (token_embd.weight of Q8_0)");
        }
      }
    }
    Path packed = write(q8);
    try (Checkpoint source = Checkpoint.open(packed)) {
      assertThatThrownBy(
              () -> PackedWriter.write(source, temp.resolve("2.moka"), false, 1, share -> {}))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("packed already");
    }
  }

  @Test
  void embeddingAndHeadStayMorePreciseAndTheRestAsItIs() {
    try (Checkpoint plain = RandomCheckpoint.parse("qwen3-30b-a3b:layers=1,experts=8")) {
      for (TensorKey key : ModelTensors.of(plain.config()).keySet()) {
        TensorInfo info = plain.describe(key);
        boolean outer = key.part() == Part.EMBEDDING || key.part() == Part.HEAD;
        boolean stays = info.shape().size() == 1 || key.part() == Part.ROUTER;
        assertThat(Quantisation.KEEP.target(key, info)).isEqualTo(WeightFormat.BF16);
        assertThat(Quantisation.BF16.target(key, info)).isEqualTo(WeightFormat.BF16);
        assertThat(Quantisation.Q8.target(key, info))
            .isEqualTo(stays ? WeightFormat.BF16 : WeightFormat.Q8_0);
        assertThat(Quantisation.Q4.target(key, info))
            .isEqualTo(stays ? WeightFormat.BF16 : outer ? WeightFormat.Q8_0 : WeightFormat.Q4_0);
      }
      TensorInfo odd = new TensorInfo("odd", WeightFormat.F16, List.of(64L, 48L));
      assertThat(Quantisation.Q4.target(TensorKey.layer(Part.WQ, 0), odd))
          .isEqualTo(WeightFormat.F16);
      assertThat(Quantisation.BF16.target(TensorKey.layer(Part.WQ, 0), odd))
          .isEqualTo(WeightFormat.BF16);
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
