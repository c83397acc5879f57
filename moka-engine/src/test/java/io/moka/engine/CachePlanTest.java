package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.RequestException;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.checkpoint.RandomCheckpoint;
import io.moka.kernels.KvType;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class CachePlanTest {
  private static final ModelConfig CONFIG = config();

  private static ModelConfig config() {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse("qwen3-30b-a3b:layers=4")) {
      return checkpoint.config();
    }
  }

  /** 4 layers, 4 heads of 128, keys and values of 4 bytes, 16 positions. */
  private static final long BLOCK_BYTES = 4 * 4 * 128 * 2 * 4 * 16;

  @Test
  void quantisedWeightsHaveACacheOfHalves() {
    try (RandomCheckpoint floats = RandomCheckpoint.parse("qwen3-30b-a3b:layers=1,experts=8")) {
      assertThat(CachePlan.suitedType(floats)).isEqualTo(KvType.F32);
      assertThat(CachePlan.suitedType(QuantisedCheckpoint.of(floats, Quantisation.Q4)))
          .isEqualTo(KvType.F16);
    }
  }

  @Test
  void theModelsContextWhereMemoryAllows() {
    CachePlan plan = CachePlan.of(CONFIG, KvType.F32, OptionalInt.empty(), 1L << 40);
    assertThat(plan.contextLength()).isEqualTo(CONFIG.maxPositionEmbeddings());
    assertThat(plan.blocks()).isEqualTo(8 * CONFIG.maxPositionEmbeddings() / 16);
    assertThat(plan.notice()).isEmpty();
  }

  @Test
  void lessWhereMemoryIsShortAndItSaysSo() {
    long free = 100 * BLOCK_BYTES / 3 * 4 + 4;
    CachePlan plan = CachePlan.of(CONFIG, KvType.F32, OptionalInt.empty(), free);
    assertThat(plan.contextLength()).isEqualTo(1600);
    assertThat(plan.blocks()).isEqualTo(100);
    assertThat(plan.notice()).hasValueSatisfying(n -> assertThat(n).contains("cut to 1600"));
    assertThat(CachePlan.of(CONFIG, KvType.BF16, OptionalInt.empty(), free).contextLength())
        .isEqualTo(3200);
    CachePlan asked = CachePlan.of(CONFIG, KvType.F32, OptionalInt.of(800), free);
    assertThat(asked.contextLength()).isEqualTo(800);
    assertThat(asked.blocks()).isEqualTo(100);
  }

  @Test
  void whatWasAskedForIsRefusedWhereItDoesNotFit() {
    assertThatThrownBy(() -> CachePlan.of(CONFIG, KvType.F32, OptionalInt.of(20_000), 1 << 20))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("20,000 tokens of context take")
        .hasMessageContaining("at most 48 tokens fit");
    assertThatThrownBy(() -> CachePlan.of(CONFIG, KvType.F32, OptionalInt.empty(), 1 << 10))
        .isInstanceOf(ModelException.class);
    int longer = CONFIG.maxPositionEmbeddings() + 1;
    assertThatThrownBy(() -> CachePlan.of(CONFIG, KvType.F32, OptionalInt.of(longer), 1L << 40))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("from 1 to the model's 40960, not 40961");
  }

  @Test
  void readsWhatTheSystemSaysOfItsMemory() {
    String text = "MemTotal:       24684100 kB\nMemAvailable:   17495856 kB\n";
    assertThat(FreeMemory.kibibytes(text, "MemAvailable")).hasValue(17495856);
    assertThat(FreeMemory.kibibytes(text, "Mem")).isEmpty();
    assertThat(FreeMemory.kibibytes("MemTotal: 99999999999999999999 kB", "MemTotal")).isEmpty();
    assertThat(FreeMemory.bytes()).isPositive();
  }

  @Test
  void aCacheOfAnySizeIsHeldAgainstMemory() {
    long free = 100 * BLOCK_BYTES / 3 * 4 + 4;
    CachePlan.requireRoom(CONFIG, KvType.F32, 100, free);
    for (long blocks : new long[] {101, 1L << 31, Long.MAX_VALUE}) {
      assertThatThrownBy(() -> CachePlan.requireRoom(CONFIG, KvType.F32, blocks, free))
          .isInstanceOf(RequestException.class)
          .hasMessageContaining("GiB are free");
    }
    assertThatThrownBy(() -> CachePlan.requireRoom(CONFIG, KvType.F32, 1L << 31, Long.MAX_VALUE))
        .isInstanceOf(RequestException.class);
  }
}
