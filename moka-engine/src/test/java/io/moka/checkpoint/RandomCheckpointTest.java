package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.RequestException;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RandomCheckpointTest {
  /** Computed from the definition with Python, not by the code under test. */
  private static final long FIRST_ROUTER_WORD = 0xBCBB3C503C1DBC1DL;

  @ParameterizedTest
  @CsvSource({
    "qwen3-30b-a3b, 2048, 48, 32, 4, 128, 8, 768, 151936",
    "qwen3-235b-a22b, 4096, 94, 64, 4, 128, 8, 1536, 151936",
    "mixtral-8x7b, 4096, 32, 32, 8, 8, 2, 14336, 32000"
  })
  void shapesAreThoseOfThePublishedModels(
      String name, int hidden, int layers, int heads, int kvHeads, int e, int k, int f, int v) {
    ModelConfig config = DummyShapes.parse(name);
    assertThat(config.hiddenSize()).isEqualTo(hidden);
    assertThat(config.numHiddenLayers()).isEqualTo(layers);
    assertThat(config.numAttentionHeads()).isEqualTo(heads);
    assertThat(config.numKeyValueHeads()).isEqualTo(kvHeads);
    assertThat(config.headDim()).isEqualTo(128);
    assertThat(config.moe()).isEqualTo(new ModelConfig.Moe(e, k, f, true));
    assertThat(config.vocabSize()).isEqualTo(v);
    assertThat(config.tieWordEmbeddings()).isFalse();
    assertThat(ModelTensors.of(config)).isNotEmpty();
  }

  @Test
  void optionsChangeTheCounts() {
    ModelConfig config = DummyShapes.parse("qwen3-30b-a3b:layers=3,experts=16");
    assertThat(config.numHiddenLayers()).isEqualTo(3);
    assertThat(config.moeLayers()).hasSize(3);
    assertThat(config.moe().numExperts()).isEqualTo(16);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "llama",
        "qwen3-30b-a3b:",
        "qwen3-30b-a3b:layers",
        "qwen3-30b-a3b:layers=",
        "qwen3-30b-a3b:layers=0",
        "qwen3-30b-a3b:layers=-1",
        "qwen3-30b-a3b:layers=99999999999999999999",
        "qwen3-30b-a3b:experts=7",
        "qwen3-30b-a3b:depth=2",
        "qwen3-30b-a3b:layers=2,",
        "qwen3-30b-a3b:layers=1000,experts=4096"
      })
  void otherTextIsRefused(String text) {
    assertThatThrownBy(() -> RandomCheckpoint.parse(text)).isInstanceOf(RequestException.class);
  }

  @Test
  void contentDependsOnSeedAndKeyAlone() {
    TensorKey key = TensorKey.expert(Part.GATE, 0, 1);
    byte[] bytes = bytes(TinyModels.QWEN, 1, key);
    assertThat(bytes(TinyModels.QWEN, 1, key)).isEqualTo(bytes);
    assertThat(bytes(TinyModels.QWEN, 2, key)).isNotEqualTo(bytes);
    assertThat(bytes(TinyModels.QWEN, 1, TensorKey.expert(Part.GATE, 0, 0))).isNotEqualTo(bytes);
    assertThat(bytes(TinyModels.QWEN, 1, TensorKey.expert(Part.UP, 0, 1))).isNotEqualTo(bytes);
  }

  @Test
  void theNumbersOfAKeyAreFixedForAllTimes() {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse("qwen3-30b-a3b:layers=1")) {
      Tensor router = checkpoint.tensor(TensorKey.layer(Part.ROUTER, 0));
      assertThat(router.data().get(ValueLayout.JAVA_LONG_UNALIGNED, 0))
          .isEqualTo(FIRST_ROUTER_WORD);
    }
  }

  @Test
  void deviationFitsTheWidthAndNormsAreNearOne() {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse("qwen3-30b-a3b:layers=1")) {
      for (Part part : new Part[] {Part.WQ, Part.WO, Part.ROUTER}) {
        Tensor tensor = checkpoint.tensor(TensorKey.layer(part, 0));
        double unit = 1 / Math.sqrt(tensor.columns());
        assertThat(deviation(tensor)).as(part.name()).isBetween(unit / 1.42, unit * 1.42);
      }
      Tensor embedding = checkpoint.tensor(TensorKey.model(Part.EMBEDDING));
      assertThat(deviation(embedding)).isBetween(1 / 1.42, 1.42);
      Tensor norm = checkpoint.tensor(TensorKey.layer(Part.MLP_NORM, 0));
      for (int i = 0; i < norm.columns(); i++) {
        assertThat(WeightFormat.BF16.get(norm.data(), 2L * i)).isBetween(0.96f, 1.06f);
      }
    }
  }

  @Test
  void releasedMemoryServesTheNextTensor() {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.of(TinyModels.QWEN, 1)) {
      Tensor first = checkpoint.tensor(TensorKey.expert(Part.GATE, 0, 0));
      Tensor second = checkpoint.tensor(TensorKey.expert(Part.GATE, 0, 1));
      assertThat(second.data().address()).isNotEqualTo(first.data().address());
      checkpoint.release(first);
      Tensor third = checkpoint.tensor(TensorKey.expert(Part.UP, 0, 0));
      assertThat(third.data().address()).isEqualTo(first.data().address());
      checkpoint.release(first); // again: must not take the memory from the third
      Tensor fourth = checkpoint.tensor(TensorKey.expert(Part.UP, 0, 1));
      assertThat(fourth.data().address()).isNotEqualTo(third.data().address());
    }
  }

  @Test
  void largeTensorsGiveTheirMemoryBack() {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse("qwen3-30b-a3b:layers=1")) {
      Tensor embedding = checkpoint.tensor(TensorKey.model(Part.EMBEDDING));
      checkpoint.release(embedding);
      assertThat(embedding.data().scope().isAlive()).isFalse();
    }
  }

  @Test
  void threadsGetWhatOneThreadGets() {
    Map<TensorKey, byte[]> found = new ConcurrentHashMap<>();
    try (RandomCheckpoint checkpoint = RandomCheckpoint.of(TinyModels.QWEN, 7)) {
      ModelTensors.of(TinyModels.QWEN).keySet().parallelStream()
          .forEach(key -> {
            Tensor tensor = checkpoint.tensor(key);
            found.put(key, tensor.data().toArray(ValueLayout.JAVA_BYTE));
            checkpoint.release(tensor);
          });
    }
    found.forEach((key, bytes) -> assertThat(bytes).isEqualTo(bytes(TinyModels.QWEN, 7, key)));
  }

  @Test
  void closingTwiceAndAskingForWhatIsNotThere() {
    RandomCheckpoint checkpoint = RandomCheckpoint.of(TinyModels.QWEN, 7);
    assertThatThrownBy(() -> checkpoint.tensor(TensorKey.layer(Part.ROUTER, 1)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(checkpoint.folder()).isEmpty();
    checkpoint.close();
    checkpoint.close();
  }

  private static byte[] bytes(ModelConfig config, long seed, TensorKey key) {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.of(config, seed)) {
      return checkpoint.tensor(key).data().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static double deviation(Tensor tensor) {
    double sum = 0;
    int count = 100_000;
    for (int i = 0; i < count; i++) {
      double value = WeightFormat.BF16.get(tensor.data(), 2L * i);
      sum += value * value;
    }
    return Math.sqrt(sum / count);
  }
}
