package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufCheckpointTest {
  private static final Path TINY = Path.of("src/test/resources/golden/gguf-tiny");

  @TempDir private Path temp;

  @Test
  void aModelIsWhatItsMetadataSays() {
    try (GgufCheckpoint checkpoint = open(GgufBytes.model("qwen3moe"))) {
      ModelConfig config = checkpoint.config();
      assertThat(config.modelType()).isEqualTo("qwen3_moe");
      assertThat(config.vocabSize()).isEqualTo(5);
      assertThat(config.hiddenSize()).isEqualTo(12);
      assertThat(config.numHiddenLayers()).isEqualTo(2);
      assertThat(config.numAttentionHeads()).isEqualTo(4);
      assertThat(config.numKeyValueHeads()).isEqualTo(2);
      assertThat(config.headDim()).isEqualTo(4);
      assertThat(config.rmsNormEps()).isEqualTo(1e-6f);
      assertThat(config.maxPositionEmbeddings()).isEqualTo(64);
      assertThat(config.rope().theta()).isEqualTo(1e6);
      assertThat(config.rope().scaling()).isEqualTo(new RopeScaling.None());
      assertThat(config.moe()).isEqualTo(new ModelConfig.Moe(3, 2, 6, true));
      assertThat(config.qkNorm()).isTrue();
      assertThat(config.tieWordEmbeddings()).isFalse();
      assertThat(config.eosTokenIds()).containsExactly(3);
      assertThat(config.bosTokenId()).isEqualTo(OptionalInt.empty());
      assertThat(checkpoint.folder()).isEmpty();
      assertThat(checkpoint.generationDefaults()).isEqualTo(GenerationDefaults.NONE);
    }
  }

  @Test
  void everyTensorHasTheShapeThatTheConfigurationCallsFor() {
    for (String architecture : List.of("qwen3moe", "llama")) {
      try (GgufCheckpoint checkpoint = open(GgufBytes.model(architecture))) {
        ModelTensors.of(checkpoint.config())
            .forEach((key, shape) -> {
              Tensor tensor = checkpoint.tensor(key);
              assertThat(tensor.shape()).as(key.toString()).isEqualTo(shape);
              TensorInfo info = checkpoint.describe(key);
              assertThat(info).isEqualTo(new TensorInfo(tensor.name(), WeightFormat.F32, shape));
              checkpoint.release(tensor);
            });
        assertThatThrownBy(() -> checkpoint.tensor(TensorKey.layer(Part.WQ_BIAS, 0)))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Test
  void anExpertIsASliceOfTheStack() {
    try (GgufCheckpoint checkpoint = open(GgufBytes.model("qwen3moe"))) {
      Tensor gate = checkpoint.tensor(TensorKey.expert(Part.GATE, 1, 2));
      assertThat(gate.name()).isEqualTo("blk.1.ffn_gate_exps.weight");
      assertThat(floats(gate)).isEqualTo(counting(1000 + 2 * 72, 72));
      assertThat(floats(checkpoint.tensor(TensorKey.expert(Part.DOWN, 0, 1))))
          .isEqualTo(counting(2000 + 72, 72));
    }
  }

  @Test
  void mergedGateAndUpComeApartInEachExpert() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.tensors.removeIf(tensor -> tensor.name.matches("blk.1.ffn_(gate|up)_exps.weight"));
    file.floats("blk.1.ffn_gate_up_exps.weight", 5000, 3, 12, 12);
    try (GgufCheckpoint checkpoint = open(file)) {
      assertThat(floats(checkpoint.tensor(TensorKey.expert(Part.GATE, 1, 1))))
          .isEqualTo(counting(5000 + 144, 72));
      Tensor up = checkpoint.tensor(TensorKey.expert(Part.UP, 1, 1));
      assertThat(up.shape()).containsExactly(6L, 12L);
      assertThat(floats(up)).isEqualTo(counting(5000 + 144 + 72, 72));
      assertThat(floats(checkpoint.tensor(TensorKey.expert(Part.UP, 0, 1))))
          .isEqualTo(counting(3000 + 72, 72));
    }
  }

  @Test
  void expertsMayLieApartAsTheyDidInOldFiles() {
    GgufBytes file = GgufBytes.model("llama");
    file.tensors.removeIf(tensor -> tensor.name.contains("_exps"));
    for (int layer = 0; layer < 2; layer++) {
      for (int expert = 0; expert < 3; expert++) {
        int first = 1000 * layer + 100 * expert;
        file.floats("blk." + layer + ".ffn_gate." + expert + ".weight", first, 6, 12);
        file.floats("blk." + layer + ".ffn_up." + expert + ".weight", first + 3000, 6, 12);
        file.floats("blk." + layer + ".ffn_down." + expert + ".weight", first + 6000, 12, 6);
      }
    }
    try (GgufCheckpoint checkpoint = open(file)) {
      assertThat(floats(checkpoint.tensor(TensorKey.expert(Part.UP, 1, 2))))
          .isEqualTo(counting(4200, 72));
    }
    file.tensors.removeIf(tensor -> tensor.name.equals("blk.1.ffn_up.2.weight"));
    assertFails(file, "missing: blk.1.ffn_up.2.weight");
  }

  @Test
  void rowsOfQueriesAndKeysAreFoundInTheOrderOfHuggingFace() {
    try (GgufCheckpoint checkpoint = open(GgufBytes.model("llama"))) {
      // heads of 4 rows of 12 numbers: rows 0, 1, 2, 3 of a head lie in the file as 0, 2, 1, 3
      Tensor queries = checkpoint.tensor(TensorKey.layer(Part.WQ, 0));
      assertThat(row(queries, 0)).isEqualTo(counting(100, 12));
      assertThat(row(queries, 1)).isEqualTo(counting(100 + 2 * 12, 12));
      assertThat(row(queries, 2)).isEqualTo(counting(100 + 12, 12));
      assertThat(row(queries, 15)).isEqualTo(counting(100 + 15 * 12, 12));
      assertThat(row(queries, 13)).isEqualTo(counting(100 + 14 * 12, 12));
      Tensor keys = checkpoint.tensor(TensorKey.layer(Part.WK, 0));
      assertThat(row(keys, 6)).isEqualTo(counting(300 + 5 * 12, 12));
      checkpoint.release(keys);
      checkpoint.release(keys);
      Tensor again = checkpoint.tensor(TensorKey.layer(Part.WK, 1));
      assertThat(again.data().address()).isEqualTo(keys.data().address());
      Tensor values = checkpoint.tensor(TensorKey.layer(Part.WV, 0));
      assertThat(row(values, 1)).isEqualTo(counting(400 + 12, 12));
    }
    try (GgufCheckpoint checkpoint = open(GgufBytes.model("qwen3moe"))) {
      Tensor queries = checkpoint.tensor(TensorKey.layer(Part.WQ, 0));
      assertThat(row(queries, 1)).isEqualTo(counting(100 + 12, 12));
    }
  }

  @Test
  void withoutAHeadTheEmbeddingIsTheHead() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.tensors.removeIf(tensor -> tensor.name.equals("output.weight"));
    try (GgufCheckpoint checkpoint = open(file)) {
      assertThat(checkpoint.config().tieWordEmbeddings()).isTrue();
      assertThat(checkpoint.tensor(TensorKey.model(Part.EMBEDDING)).shape())
          .containsExactly(5L, 12L);
    }
  }

  @Test
  void everyMismatchIsInOneMessage() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.tensors.removeIf(tensor -> tensor.name.equals("blk.0.attn_k.weight"));
    file.tensor("blk.1.ffn_gate_inp.weight").dimensions = new long[] {9, 4};
    file.tensor("blk.1.ffn_norm.weight").type = 18;
    file.tensor("blk.1.ffn_norm.weight").data = new byte[32];
    file.floats("rope_freqs.weight", 1, 2).floats("blk.0.attn_q.bias", 1, 16);
    assertFails(
        file,
        "missing: blk.0.attn_k.weight",
        "of another shape: blk.1.ffn_gate_inp.weight [4, 9], expected [3, 12]",
        "blk.1.ffn_norm.weight is IQ3_XXS",
        "frequencies of a rope that this version does not support: rope_freqs.weight",
        "not called for: blk.0.attn_q.bias");
  }

  @ParameterizedTest
  @CsvSource({
    "0, F32",
    "1, F16",
    "2, Q4_0",
    "8, Q8_0",
    "10, Q2_K",
    "20, IQ4_NL",
    "23, IQ4_XS",
    "30, BF16",
    "39, MXFP4",
    "41, Q1_0",
    "18, IQ3_XXS",
    "28, F64",
    "-1, number 4294967295",
    "99, number 99"
  })
  void typesHaveTheNumbersOfGgml(int number, String name) {
    assertThat(GgmlType.name(number)).isEqualTo(name);
  }

  @Test
  void everyFormatHasANumber() {
    assertThat(IntStream.range(0, 100).mapToObj(GgmlType::format).flatMap(f -> f.stream()))
        .containsExactlyInAnyOrder(WeightFormat.values());
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf", "GGUF"})
  void partsOfASplitModelAreFoundByAnyOfThem(String suffix) throws IOException {
    for (int part = 1; part <= 2; part++) {
      Files.copy(splitPart(part), temp.resolve("x-0000" + part + "-of-00002." + suffix));
    }
    for (Path model :
        List.of(
            temp.resolve("x-00001-of-00002." + suffix),
            temp.resolve("x-00002-of-00002." + suffix),
            temp)) {
      try (Checkpoint checkpoint = Checkpoint.open(model)) {
        assertThat(checkpoint.config().numHiddenLayers()).isEqualTo(2);
        checkpoint.tensor(TensorKey.expert(Part.UP, 1, 7));
      }
    }
    Files.delete(temp.resolve("x-00001-of-00002." + suffix));
    assertThatThrownBy(() -> GgufCheckpoint.open(temp.resolve("x-00002-of-00002." + suffix)))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("missing parts: x-00001-of-00002." + suffix);
  }

  @Test
  void partsMustAgreeWithTheirNames() throws IOException {
    Path first = temp.resolve("x-00001-of-00002.gguf");
    Path second = temp.resolve("x-00002-of-00002.gguf");
    Files.copy(splitPart(1), first);
    Files.copy(splitPart(1), second);
    assertFails(first, second + ": split.no is 0 and split.count is 2, expected 1 and 2");
    GgufBytes.model("qwen3moe").write(second);
    assertFails(first, "split.no is missing and split.count is missing");
    Path renamed = Files.copy(splitPart(1), temp.resolve("renamed.gguf"));
    assertFails(renamed, "one of 2 parts", "names back");
    for (String name : List.of("x-00003-of-00002.gguf", "x-00000-of-00002.gguf")) {
      assertFails(Files.copy(splitPart(1), temp.resolve(name)), "of 2, of at most");
    }
    assertFails(Files.copy(splitPart(1), temp.resolve("y-00001-of-99999.gguf")), "of at most");
  }

  @Test
  void partsMustHoldAllTensorsAndNoneTwice() {
    GgufBytes first = GgufBytes.model("qwen3moe").raw("split.no", GgufType.UINT16, new byte[2]);
    first.raw("split.count", GgufType.UINT16, new byte[] {2, 0});
    first.set("split.tensors.count", 27);
    GgufBytes second = new GgufBytes().set("split.no", 1).set("split.count", 2);
    second.floats("output.weight", 1, 5, 12);
    Path file = first.write(temp.resolve("x-00001-of-00002.gguf"));
    second.write(temp.resolve("x-00002-of-00002.gguf"));
    assertFails(file, "split.tensors.count is 27, and the parts hold 28 tensors");
    first.set("split.tensors.count", 28).write(file);
    assertFails(file, "in two parts: output.weight");
  }

  @Test
  void aPartMayStandAlone() {
    Path file = GgufBytes.model("qwen3moe").write(temp.resolve("x-00001-of-00001.gguf"));
    GgufCheckpoint.open(file).close();
  }

  @Test
  void aFolderMayHoldOneModel() throws IOException {
    assertThatThrownBy(() -> Checkpoint.open(temp)).hasMessageContaining("config.json");
    GgufBytes.model("qwen3moe").write(temp.resolve("one.gguf"));
    Files.writeString(temp.resolve("config.json"), "{}");
    Checkpoint.open(temp).close();
    GgufBytes.model("qwen3moe").write(temp.resolve("two.gguf"));
    assertThatThrownBy(() -> Checkpoint.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("holds 2 GGUF models; name one of them: one.gguf, two.gguf");
    Files.writeString(temp.resolve("model.safetensors"), "");
    assertThatThrownBy(() -> Checkpoint.open(temp)).hasMessageContaining("model_type");
  }

  @Test
  void whatIsNotThereIsNotFound() throws IOException {
    for (String name : List.of("none.gguf", "no/folder.gguf", "none")) {
      assertThatThrownBy(() -> Checkpoint.open(temp.resolve(name)))
          .isInstanceOf(ModelNotFoundException.class);
    }
    Files.createDirectory(temp.resolve("folder.gguf"));
    assertThatThrownBy(() -> GgufCheckpoint.open(temp.resolve("folder.gguf")))
        .isInstanceOf(ModelException.class);
  }

  @Test
  void linksOfTheCacheLeadToItsBlobs() throws IOException {
    Path root = temp.resolve("models--org--name");
    Path snapshot = Files.createDirectories(root.resolve("snapshots/abc"));
    Path blob = Files.createDirectories(root.resolve("blobs")).resolve("0123");
    GgufBytes.model("qwen3moe").write(blob);
    Path outside = Files.createDirectories(temp.resolve("outside"));
    GgufBytes.model("qwen3moe").write(outside.resolve("x.gguf"));
    Path link = Files.createSymbolicLink(snapshot.resolve("x.gguf"), Path.of("../../blobs/0123"));
    Checkpoint.open(link).close();
    Checkpoint.open(snapshot).close();
    Path below = Files.createDirectory(snapshot.resolve("sub"));
    Files.createSymbolicLink(below.resolve("x.gguf"), blob);
    Checkpoint.open(below.resolve("x.gguf")).close();
    Files.createSymbolicLink(below.resolve("y.gguf"), outside.resolve("x.gguf"));
    assertFails(below.resolve("y.gguf"), "leads out of");
    Path folder = Files.createSymbolicLink(snapshot.resolve("elsewhere"), outside);
    assertFails(folder.resolve("x.gguf"), "leads out of");
    Files.createSymbolicLink(temp.resolve("mine.gguf"), outside.resolve("x.gguf"));
    Checkpoint.open(temp.resolve("mine.gguf")).close();
  }

  @Test
  void closedTwiceAndReadAfterwards() {
    GgufCheckpoint checkpoint = open(GgufBytes.model("llama"));
    Tensor norm = checkpoint.tensor(TensorKey.model(Part.FINAL_NORM));
    Tensor queries = checkpoint.tensor(TensorKey.layer(Part.WQ, 0));
    checkpoint.close();
    checkpoint.close();
    for (Tensor tensor : List.of(norm, queries)) {
      assertThatThrownBy(() -> tensor.data().get(ValueLayout.JAVA_BYTE, 0))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  private static Path splitPart(int part) {
    return TINY.resolve("tiny-qwen3moe-split-Q8_0-0000" + part + "-of-00002.gguf");
  }

  private GgufCheckpoint open(GgufBytes file) {
    return GgufCheckpoint.open(file.write(temp.resolve("model.gguf")));
  }

  private void assertFails(GgufBytes file, String... messages) {
    assertFails(file.write(temp.resolve("model.gguf")), messages);
  }

  private static void assertFails(Path file, String... messages) {
    assertThatThrownBy(() -> GgufCheckpoint.open(file))
        .isInstanceOf(ModelException.class)
        .hasMessageContainingAll(messages);
  }

  private static float[] floats(Tensor tensor) {
    return tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static float[] row(Tensor tensor, int row) {
    int columns = tensor.columns();
    return tensor
        .data()
        .asSlice(4L * row * columns, 4L * columns)
        .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static float[] counting(int first, int count) {
    float[] floats = new float[count];
    for (int i = 0; i < count; i++) {
      floats[i] = first + i;
    }
    return floats;
  }
}
