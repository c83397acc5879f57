package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.weights.Activation;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CheckpointWriterTest {
  @TempDir private Path temp;

  static List<ModelConfig> configs() {
    return List.of(
        TinyModels.QWEN,
        TinyModels.MIXTRAL,
        TinyModels.qwen(new RopeScaling.Linear(2.5), OptionalInt.of(9), Activation.GELU),
        DummyShapes.parse("qwen3-30b-a3b:layers=1,experts=8"));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void configurationsAreReadBackTheSame(ModelConfig config) throws IOException {
    Path file = temp.resolve("config.json");
    Files.writeString(file, ConfigWriter.config(config, WeightFormat.BF16));
    assertThat(ConfigReader.read(file)).isEqualTo(config);
  }

  @Test
  void oneFileIsReadBackTheSame() {
    assertRoundTrip(TinyModels.MIXTRAL, Long.MAX_VALUE);
    assertThat(temp.resolve("model")).isDirectoryContaining("glob:**/model.safetensors");
  }

  @Test
  void shardsAreReadBackTheSame() {
    assertRoundTrip(TinyModels.QWEN, 50);
    assertThat(temp.resolve("model")).isDirectoryContaining("glob:**/model.safetensors.index.json");
  }

  @ParameterizedTest
  @MethodSource("io.moka.checkpoint.GoldenCheckpointTest#folders")
  void goldenFoldersAreWrittenAgain(Path golden) {
    try (Checkpoint source = HuggingFaceCheckpoint.open(golden)) {
      Path copy = temp.resolve("copy");
      CheckpointWriter.write(source, copy, 20_000);
      try (Checkpoint read = HuggingFaceCheckpoint.open(copy)) {
        assertSame(source, read);
      }
    }
  }

  @Test
  void generationDefaultsAreWrittenToo() {
    try (Checkpoint source = HuggingFaceCheckpoint.open(Path.of("../models/fairytales-moe"))) {
      CheckpointWriter.write(source, temp.resolve("copy"));
      try (Checkpoint read = HuggingFaceCheckpoint.open(temp.resolve("copy"))) {
        assertThat(read.generationDefaults()).isEqualTo(source.generationDefaults());
      }
    }
  }

  @Test
  void aFolderWithFilesIsLeftAlone() throws IOException {
    Files.writeString(temp.resolve("notes.txt"), "mine");
    try (Checkpoint source = RandomCheckpoint.of(TinyModels.QWEN, 1)) {
      assertThatThrownBy(() -> CheckpointWriter.write(source, temp))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("not empty");
    }
    try (Stream<Path> files = Files.list(temp)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void whatCannotBeWrittenLeavesNoFolder() throws IOException {
    Path golden = Path.of("src/test/resources/golden/gguf-tiny/tiny-qwen3moe-Q8_0.gguf");
    Path mine = Files.createDirectory(temp.resolve("mine"));
    try (Checkpoint source = Checkpoint.open(golden)) {
      for (Path folder : List.of(temp.resolve("new"), temp.resolve("a/b"), mine)) {
        assertThatThrownBy(() -> CheckpointWriter.write(source, folder))
            .isInstanceOf(ModelException.class);
      }
    }
    try (Stream<Path> files = Files.list(temp)) {
      assertThat(files).containsExactly(mine);
    }
  }

  @Test
  void aPathThatIsAFileIsRefused() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "");
    try (Checkpoint source = RandomCheckpoint.of(TinyModels.QWEN, 1)) {
      assertThatThrownBy(() -> CheckpointWriter.write(source, file))
          .isInstanceOf(ModelException.class);
    }
  }

  private void assertRoundTrip(ModelConfig config, long shardElements) {
    Path folder = temp.resolve("model");
    try (Checkpoint source = RandomCheckpoint.of(config, 11)) {
      CheckpointWriter.write(source, folder, shardElements);
      try (Checkpoint read = HuggingFaceCheckpoint.open(folder)) {
        assertSame(source, read);
      }
    }
    assertThat(folder).isDirectoryNotContaining("glob:**.partial");
  }

  private static void assertSame(Checkpoint source, Checkpoint read) {
    assertThat(read.config()).isEqualTo(source.config());
    for (TensorKey key : ModelTensors.of(source.config()).keySet()) {
      Tensor expected = source.tensor(key);
      Tensor found = read.tensor(key);
      assertThat(found.format()).isEqualTo(expected.format());
      assertThat(found.name()).isEqualTo(expected.name());
      assertThat(found.data().toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(expected.data().toArray(ValueLayout.JAVA_BYTE));
      source.release(expected);
    }
  }
}
