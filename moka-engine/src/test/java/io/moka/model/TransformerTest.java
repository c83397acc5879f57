package io.moka.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.GoldenTensors;
import io.moka.ModelException;
import io.moka.NumericalException;
import io.moka.RequestException;
import io.moka.checkpoint.HuggingFaceCheckpoint;
import io.moka.checkpoint.RandomCheckpoint;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Rows;
import io.moka.moe.MoePath;
import io.moka.moe.RoutingStats;
import io.moka.weights.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a model does beside computing the right numbers. */
class TransformerTest {
  private static final int[] IDS = {30, 116, 76, 12, 62, 107, 123, 63, 112};

  private final Kernels kernels = KernelChoice.VECTOR.open(2);

  @AfterEach
  void closeKernels() {
    kernels.close();
  }

  @Test
  void everyTensorButTheEmbeddingIsReleasedOnceItIsPacked() {
    try (PatchedCheckpoint checkpoint = open("qwen3moe-attn-bias", Map.of());
        Transformer model = load(checkpoint, TransformerOptions.DEFAULT)) {
      assertThat(checkpoint.unreleased()).containsExactly("model.embed_tokens.weight");
      assertThat(model.config()).isEqualTo(checkpoint.config());
    }
  }

  @Test
  void progressRisesToOne() {
    List<Double> shares = new ArrayList<>();
    try (PatchedCheckpoint checkpoint = open("qwen3moe-f32", Map.of());
        Transformer model =
            Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, shares::add)) {
      assertThat(model.config()).isEqualTo(checkpoint.config());
      assertThat(shares).isSorted().endsWith(1.0);
      assertThat(shares.getFirst()).isBetween(0.0, 0.5);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 131, Integer.MAX_VALUE})
  void idsOutsideTheVocabularyAreRefusedBeforeAnythingIsComputed(int id) {
    try (PatchedCheckpoint checkpoint = open("qwen3moe-f32", Map.of());
        Transformer model = load(checkpoint, TransformerOptions.DEFAULT);
        KvCache cache = model.newCache(KvType.F32, 2)) {
      float[] before = Forward.logits(model, cache, IDS, 4);
      assertThatThrownBy(() -> Forward.logits(model, cache, new int[] {1, id, 2}, 3))
          .isInstanceOf(RequestException.class)
          .hasMessageContaining(Integer.toString(id))
          .hasMessageContaining("0 to 130");
      assertThat(Forward.logits(model, cache, IDS, 4)).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @EnumSource
  void damagedWeightsEndInANumericalException(MoePath path) {
    for (Part part : List.of(Part.ROUTER, Part.MLP_NORM, Part.WK)) {
      for (float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        Map<TensorKey, UnaryOperator<Tensor>> patch =
            Map.of(TensorKey.layer(part, 1), PatchedCheckpoint.filled(value));
        try (PatchedCheckpoint checkpoint = open("qwen3moe-f32", patch);
            Transformer model = load(checkpoint, new TransformerOptions(path, true, false));
            KvCache cache = model.newCache(KvType.F32, 2)) {
          assertThatThrownBy(() -> Forward.logits(model, cache, IDS, 4))
              .as(part + " " + value)
              .isInstanceOf(NumericalException.class)
              .hasMessageContaining("checksums");
        }
      }
    }
  }

  @Test
  void queriesKeysAndValuesMayDifferInFormat() {
    float[] expected;
    try (PatchedCheckpoint checkpoint = open("qwen3moe-attn-bias", Map.of());
        Transformer model = load(checkpoint, TransformerOptions.DEFAULT);
        KvCache cache = model.newCache(KvType.F32, 2)) {
      expected = Forward.logits(model, cache, IDS, 4);
    }
    for (Part part : List.of(Part.WQ, Part.WK, Part.WV)) {
      Map<TensorKey, UnaryOperator<Tensor>> patch =
          Map.of(TensorKey.layer(part, 0), PatchedCheckpoint::widened);
      try (PatchedCheckpoint checkpoint = open("qwen3moe-attn-bias", patch);
          Transformer model = load(checkpoint, TransformerOptions.DEFAULT);
          KvCache cache = model.newCache(KvType.F32, 2)) {
        assertThat(Forward.logits(model, cache, IDS, 4)).as(part.name()).isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gateAndUpOfTwoTypesAreRefusedByName(boolean prefuse) {
    Map<TensorKey, UnaryOperator<Tensor>> patch =
        Map.of(TensorKey.expert(Part.UP, 1, 3), PatchedCheckpoint::widened);
    try (PatchedCheckpoint checkpoint = open("qwen3moe-attn-bias", patch)) {
      TransformerOptions options = new TransformerOptions(MoePath.FUSED, prefuse, false);
      assertThatThrownBy(() -> load(checkpoint, options))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("layers.1.mlp.experts.3.up_proj.weight of F32");
    }
  }

  @Test
  void whatATensorThrowsWhileLoadingIsWhatLoadThrows() {
    ModelException damage = new ModelException("damaged");
    UnaryOperator<Tensor> broken =
        tensor -> {
          throw damage;
        };
    for (TensorKey key :
        List.of(TensorKey.expert(Part.DOWN, 1, 3), TensorKey.model(Part.FINAL_NORM))) {
      PatchedCheckpoint checkpoint = open("qwen3moe-f32", Map.of(key, broken));
      assertThatThrownBy(() -> load(checkpoint, TransformerOptions.DEFAULT)).isSameAs(damage);
      checkpoint.close();
    }
  }

  @Test
  void aModelThatTheMachineCannotHoldIsRefused() {
    assertThatThrownBy(() -> MemoryNeed.check(61L << 30, 16L << 30))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("61.0 GiB")
        .hasMessageContaining("16.0 GiB");
    MemoryNeed.check(16L << 30, 16L << 30);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theNeedIsThatOfThePackedWeights(boolean prefuse) {
    TransformerOptions options = new TransformerOptions(MoePath.FUSED, prefuse, false);
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse("qwen3-30b-a3b")) {
      // 30.53e9 parameters, of which 0.31e9 embeddings stay in the file
      assertThat(MemoryNeed.packedBytes(checkpoint, options) / 2e9).isBetween(30.1, 30.3);
    }
  }

  @Test
  void forcedRandomRoutingDoesNotDependOnTheBatch() {
    TransformerOptions options = new TransformerOptions(MoePath.FUSED, true, true);
    try (PatchedCheckpoint checkpoint = open("qwen3moe-f32", Map.of());
        Transformer model = load(checkpoint, options);
        KvCache cache = model.newCache(KvType.F32, 16)) {
      RoutingStats stats =
          new RoutingStats(model.config().numHiddenLayers(), model.config().moe().numExperts());
      model.listen(ForwardListener.counting(stats));
      float[] alone = Forward.logits(model, cache, IDS, IDS.length);
      assertThat(stats.total(0)).isEqualTo(2L * IDS.length);
      assertThat(Forward.logits(model, cache, IDS, 1)).isEqualTo(alone);
      assertThat(Forward.logitsInCompany(model, cache, IDS, 4)).isEqualTo(alone);
      try (Transformer routed = load(checkpoint, TransformerOptions.DEFAULT)) {
        assertThat(Forward.logits(routed, cache, IDS, IDS.length)).isNotEqualTo(alone);
      }
    }
  }

  @Test
  void anEmptyBatchAndRowsWithoutLogitsAreServed() {
    try (PatchedCheckpoint checkpoint = open("qwen3moe-f32", Map.of());
        Transformer model = load(checkpoint, TransformerOptions.DEFAULT);
        KvCache cache = model.newCache(KvType.F32, 2)) {
      Batch batch = new Batch();
      model.forward(batch, cache);
      batch.add(IDS, 0, IDS.length, 0, index -> index, Batch.Logits.NONE);
      model.forward(batch, cache);
      assertThat(batch.wanted()).isZero();
      assertThatThrownBy(() -> model.logits(0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void stopsAfterTheLayerInWhichNobodyWantsItAnyMore() {
    try (PatchedCheckpoint checkpoint = open("qwen3moe-f32", Map.of());
        Transformer model = load(checkpoint, TransformerOptions.DEFAULT);
        KvCache cache = model.newCache(KvType.F32, 2)) {
      float[] expected = Forward.logits(model, cache, IDS, IDS.length);
      List<Integer> layers = new ArrayList<>();
      model.listen(
          new ForwardListener() {
            @Override
            public void hidden(int layer, int rows, Rows hidden) {
              layers.add(layer);
            }
          });
      Batch batch = new Batch();
      batch.add(IDS, 0, IDS.length, 0, index -> index, Batch.Logits.LAST);
      assertThat(model.forward(batch, cache, () -> true)).isFalse();
      assertThat(layers).containsExactly(0);
      assertThatThrownBy(() -> model.logits(0, 1)).isInstanceOf(IllegalStateException.class);
      assertThat(model.forward(batch, cache, () -> false)).isTrue();
      assertThat(layers).hasSize(1 + model.config().numHiddenLayers());
      assertThat(Forward.logits(model, cache, IDS, IDS.length)).isEqualTo(expected);
    }
  }

  private Transformer load(PatchedCheckpoint checkpoint, TransformerOptions options) {
    return Transformer.load(checkpoint, kernels, options, share -> {});
  }

  private static PatchedCheckpoint open(
      String folder, Map<TensorKey, UnaryOperator<Tensor>> patches) {
    return new PatchedCheckpoint(
        HuggingFaceCheckpoint.open(GoldenTensors.FOLDER.resolve(folder)), patches);
  }
}
